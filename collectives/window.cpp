#include "collectives/window.hpp"

#include <algorithm>

namespace splitcast::collectives {

void Window::taken(Ticks sent, Ticks now, bool limited) {
    const Ticks delay = std::max<Ticks>(now - sent, 1);
    base_ = base_ == 0 ? delay : std::min(base_, delay);
    recent_ = recent_ == 0 ? delay : recent_ + (delay - recent_) / 4;

    // One decision per window's worth of samples: what a change does is seen only after that long.
    if (++samples_ * stride() < size_) return;
    samples_ = 0;
    const double waiting = static_cast<double>(size_) *
                           (1.0 - static_cast<double>(base_) / static_cast<double>(recent_));
    if (waiting < 0.5 && limited) {
        size_ = std::min(size_ + 1, limits_.largest);
    } else if (waiting > 1.5) {
        size_ = std::max(size_ - 1, limits_.smallest);
    }
}

}  // namespace splitcast::collectives
