#pragma once

#include <cstddef>
#include <functional>

namespace splitcast::engine {

class Broadcast;

/// Every broadcast under way in this process, so that waiting for one lets all of them move: a rank
/// that waits on one team may have to relay on another before it can be served.
///
/// All functions may be called by any thread that may call MPI; they take turns.
namespace progress {

/// Adds a broadcast (not started yet), starts it, and lets it move.
void enter(Broadcast& broadcast);

/// Removes it; it is not touched again.
void leave(Broadcast& broadcast);

/// Lets every broadcast move once. True if anything happened. Returns at once when this thread is
/// inside `progress` already: the MPI library may call back from within a call that was made from
/// here.
bool poll();

/// The same, but also returns at once when another thread has its turn: for callbacks that must not
/// block.
bool poll_if_free();

/// Does something with what broadcasts under way share, such as a team's hub, while no thread moves
/// them. Waits for this thread's turn.
void in_turn(const std::function<void()>& work);

/// The same, but only if that needs no waiting: false, and nothing done, when this thread is inside
/// `progress` or another one has its turn. For callbacks that must not block.
bool in_turn_if_free(const std::function<void()>& work);

/// Broadcasts under way.
std::size_t active();

/// Polls until `finished` says so, giving the processor away when nothing happens for a while.
void wait(const std::function<bool()>& finished);

/// The same for whoever may have to wait for long while others work: sleeps a little instead.
void wait_gently(const std::function<bool()>& finished);

/// Lets broadcasts move while a thread does `work`, which must not touch MPI. The calling thread
/// takes no signals from outside meanwhile: where there is no third thread, a handler that tidies
/// up after what the work does interrupts it. Whatever the work throws comes out of here.
void beside(const std::function<void()>& work);

}  // namespace progress
}  // namespace splitcast::engine
