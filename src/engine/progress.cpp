#include "engine/progress.hpp"

#include "engine/broadcast.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace splitcast::engine::progress {

namespace {

struct Active {
    std::mutex mutex;
    std::vector<Broadcast*> broadcasts;
    std::atomic<std::size_t> count = 0;
};

Active& all() {
    static Active instance;
    return instance;
}

thread_local bool inside = false;

// A thread's turn: the lock, and a mark that this thread holds it.
class Turn {
public:
    enum class If : std::uint8_t { wait, free };
    explicit Turn(If when) : lock_(all().mutex, std::defer_lock) {
        if (inside) return;
        if (when == If::wait) {
            lock_.lock();
        } else if (!lock_.try_lock()) {
            return;
        }
        inside = true;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (lock_.owns_lock()) inside = false;
    }
    [[nodiscard]] bool taken() const { return lock_.owns_lock(); }

private:
    std::unique_lock<std::mutex> lock_;
};

bool poll_in_turn(Turn::If when) {
    if (all().count == 0) return false;
    const Turn turn(when);
    if (!turn.taken()) return false;
    bool moved = false;
    for (Broadcast* broadcast : all().broadcasts) moved = broadcast->progress() || moved;
    return moved;
}

// Polls that found nothing, before the processor is offered to others: some milliseconds. Who gives
// it away between two messages on a busy machine gets it back a time slice later. Where ranks share
// cores the MPI library yields in every poll (Open MPI: mpi_yield_when_idle); this is for the rest.
constexpr int patience = 2000;

// Enough for an agreement among ranks that are all there.
constexpr int gentle_patience = 200;
constexpr auto nap = std::chrono::microseconds(200);

}  // namespace

void enter(Broadcast& broadcast) {
    const Turn turn(Turn::If::wait);
    all().broadcasts.push_back(&broadcast);
    all().count = all().broadcasts.size();
    broadcast.start();
}

void leave(Broadcast& broadcast) {
    const Turn turn(Turn::If::wait);
    std::erase(all().broadcasts, &broadcast);
    all().count = all().broadcasts.size();
}

void in_turn(const std::function<void()>& work) {
    const Turn turn(Turn::If::wait);
    work();
}

bool in_turn_if_free(const std::function<void()>& work) {
    const Turn turn(Turn::If::free);
    if (!turn.taken()) return false;
    work();
    return true;
}

bool poll() { return poll_in_turn(Turn::If::wait); }
bool poll_if_free() { return poll_in_turn(Turn::If::free); }
std::size_t active() { return all().count; }

void wait(const std::function<bool()>& finished) {
    for (int idle = 0; !finished();) {
        // While another thread has its turn, it moves this broadcast as well.
        idle = poll_if_free() ? 0 : idle + 1;
        if (idle >= patience) sched_yield();
    }
}

namespace {

/// What a process is sent, and not what an instruction of a thread's own gives rise to.
class SignalsForOthers {
public:
    SignalsForOthers() {
        sigset_t all;
        sigfillset(&all);
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
            sigdelset(&all, own);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    SignalsForOthers(const SignalsForOthers&) = delete;
    SignalsForOthers& operator=(const SignalsForOthers&) = delete;
    ~SignalsForOthers() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    [[nodiscard]] const sigset_t& before() const { return before_; }

private:
    sigset_t before_{};
};

}  // namespace

void beside(const std::function<void()>& work) {
    std::exception_ptr thrown;
    std::atomic<bool> done = false;
    const SignalsForOthers blocked;
    std::jthread worker;  // whatever happens, it is waited for
    try {
        worker = std::jthread([&] {
            pthread_sigmask(SIG_SETMASK, &blocked.before(), nullptr);
            try {
                work();
            } catch (...) {
                thrown = std::current_exception();
            }
            done = true;
        });
    } catch (const std::system_error&) {
        // No thread is to be had: the others may take this rank for silent.
        pthread_sigmask(SIG_SETMASK, &blocked.before(), nullptr);
        work();
        return;
    }
    wait_gently([&] { return done.load(); });
    worker.join();
    if (thrown) std::rethrow_exception(thrown);
}

void wait_gently(const std::function<bool()>& finished) {
    for (int idle = 0; !finished();) {
        idle = poll_if_free() ? 0 : idle + 1;
        if (idle >= gentle_patience) std::this_thread::sleep_for(nap);
    }
}

}  // namespace splitcast::engine::progress
