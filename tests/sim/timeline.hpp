#pragma once

#include "collectives/types.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace splitcast::sim {

/// What is still to happen, in order of time; what happens at the same time, in the order in which
/// it was added.
class Timeline {
public:
    enum class Kind : std::uint8_t {
        enter,      ///< rank `what` enters the call
        arrive,     ///< message `what` comes to the end of its way
        report,     ///< operation `what` of the network is over and its rank hears of it
        stream,     ///< the source or sink of rank `what` gets on
        wake,       ///< rank `what` looks whether anything has happened
        tick,       ///< rank `what` is told that time has passed
        failed,     ///< a rank hears of the death of another (both in `what`)
        blow,       ///< blow `what` falls
        resume,     ///< blow `what`, a stop, is over
        heal,       ///< blow `what`, a cut, is over
        answer,     ///< a rank that has returned gets round to answering message `what`
        leave,      ///< blow `what`: a rank goes on with something else
        come_back,  ///< and is back
        ballot,     ///< rank `what` has its ballot
    };
    struct Entry {
        std::uint64_t when =
            0;  ///< the time, and below it the order of adding: one number, to be compared fast
        std::uint32_t what = 0;
        Kind kind = Kind::enter;

        friend bool operator>(const Entry& a, const Entry& b) { return a.when > b.when; }
    };

    void add(collectives::Ticks in, Kind kind, std::size_t what) {
        const auto at = static_cast<std::uint64_t>(now_ + in);
        heap_.push_back({at << 32U | added_++, static_cast<std::uint32_t>(what), kind});
        std::ranges::push_heap(heap_, std::greater<>{});
    }

    /// Moves the time to the next entry and takes it out.
    Entry next() {
        std::ranges::pop_heap(heap_, std::greater<>{});
        const Entry entry = heap_.back();
        heap_.pop_back();
        now_ = static_cast<collectives::Ticks>(entry.when >> 32U);
        return entry;
    }

    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] collectives::Ticks now() const { return now_; }

private:
    std::vector<Entry> heap_;
    collectives::Ticks now_ = 0;
    std::uint32_t added_ = 0;
};

}  // namespace splitcast::sim
