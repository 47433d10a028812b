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
        if (!tell_) return;
        constexpr auto pause = std::chrono::milliseconds(200);
        if (Clock::now() - told_ >= pause) now(total, bytes(), ranks());
    }

    /// In any case.
    void now(std::int64_t total, std::int64_t bytes, int ranks) {
        if (!tell_) return;
        told_ = Clock::now();
        tell_({.bytes = bytes,
               .total = total,
               .ranks = ranks,
               .seconds = std::chrono::duration<double>(told_ - begun_).count()});
    }

private:
    std::function<void(const CopyProgress&)> tell_;
    Clock::time_point begun_;
    Clock::time_point told_;
};

}  // namespace splitcast::api
