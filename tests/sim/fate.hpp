#pragma once

#include "collectives/types.hpp"

#include <cstdint>

namespace splitcast::sim {

/// A point at which something can happen to a rank. Deaths belong between any two of them, also
/// between two actions of one step.
struct Moment {
    enum class Kind : std::uint8_t {
        enter,         ///< it enters the call
        hear,          ///< a completion is about to be reported to it
        receive,       ///< it is about to post a receive
        send,          ///< it is about to send a segment
        send_control,  ///< it is about to send a control message
        cancel,        ///< it is about to take receives back
    };
    Kind kind = Kind::enter;
    collectives::Rank rank = collectives::no_rank;
    collectives::Ticks now = 0;
    collectives::Rank peer = collectives::no_rank;
    collectives::Segment segment = -1;
};

/// What happens to ranks, asked at every moment. This one lets everybody live.
class Fate {
public:
    enum class Verdict : std::uint8_t { live, die };
    virtual ~Fate() = default;
    virtual Verdict at(const Moment& /*moment*/) { return Verdict::live; }
};

}  // namespace splitcast::sim
