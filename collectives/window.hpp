#pragma once

#include "collectives/types.hpp"

namespace splitcast::collectives {

/// Bounds of a window, in segments.
struct WindowLimits {
    int initial = 2;
    int smallest = 1;
    int largest = 64;

    friend bool operator==(const WindowLimits&, const WindowLimits&) = default;
};

/// How many segments may be under way on one flow: sent, and not yet known to be taken by the
/// receiver.
///
/// Many relays that send into one link at once overrun its queue (incast). What bounds them is this
/// window, and it is the receiver that opens it: a segment counts as taken when the receiver has
/// matched it, so a receiver that is busy or far away slows its senders without a message of its
/// own.
///
/// The size follows the measured delay, as in TCP Vegas (Brakmo and Peterson, IEEE JSAC 13(8),
/// 1995, section IV): with `base` the smallest delay seen and `delay` the recent one, size * (1 -
/// base / delay) segments are waiting in queues. Less than half a segment waiting: the link has
/// room and the window grows. More than one and a half: it shrinks. Vegas' own bounds are 1 and 3
/// packets for one sender; here as many relays as a group has members send into the same link.
class Window {
public:
    Window() = default;
    explicit Window(WindowLimits limits) : limits_(limits), size_(limits.initial) {}

    [[nodiscard]] int size() const { return size_; }

    /// Of how many segments one asks the receiver for a sign that it was taken: half a window, so
    /// that the signs of small segments do not fill the way back.
    [[nodiscard]] int stride() const { return size_ < 4 ? 1 : size_ / 2; }

    /// A segment sent at `sent` was taken at `now`. `limited`: the flow had more to send than the
    /// window allowed (a window that is not used must not grow).
    void taken(Ticks sent, Ticks now, bool limited);

    /// Smallest and recent delay between sending a segment and its being taken; 0 before the first
    /// sample.
    [[nodiscard]] Ticks base_delay() const { return base_; }
    [[nodiscard]] Ticks recent_delay() const { return recent_; }

private:
    WindowLimits limits_;
    int size_ = 2;
    Ticks base_ = 0;
    Ticks recent_ = 0;
    int samples_ = 0;  // since the last change of size
};

}  // namespace splitcast::collectives
