#pragma once

#include "splitcast/copy.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace splitcast::api {

/// Tells the caller of a copy how far it is, a few times a second.
class Progress {
public:
    using Clock = std::chrono::steady_clock;

    Progress(std::function<void(const CopyProgress&)> tell, Clock::time_point begun)
        : tell_(std::move(tell)), begun_(begun) {}

    [[nodiscard]] explicit operator bool() const { return static_cast<bool>(tell_); }

    /// Cheap: may be called all the time. `bytes()` and `ranks()` are asked when there is something
    /// to tell.
    template <class Bytes, class Ranks>
    void tick(std::int64_t total, Bytes bytes, Ranks ranks) {
        constexpr int calls = 64;  // between looks at the clock
        if (!tell_ || ++calls_ % calls != 0) return;
        now(total, bytes, ranks);
    }

    /// The same where it is called seldom.
    template <class Bytes, class Ranks>
    void now(std::int64_t total, Bytes bytes, Ranks ranks) {
        constexpr auto pause = std::chrono::milliseconds(200);
        const auto time = Clock::now();
        if (!tell_ || time - told_ < pause) return;
        told_ = time;
        tell_({.bytes = bytes(),
               .total = total,
               .ranks = ranks(),
               .seconds = std::chrono::duration<double>(time - begun_).count()});
    }

private:
    std::function<void(const CopyProgress&)> tell_;
    Clock::time_point begun_;
    Clock::time_point told_;
    unsigned calls_ = 0;
};

}  // namespace splitcast::api
