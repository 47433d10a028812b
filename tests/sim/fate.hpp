#pragma once

#include "collectives/types.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace splitcast::sim {

/// A point at which something can happen to a rank. Deaths belong between any two of them, also
/// between two actions of one step.
struct Moment {
    enum class Kind : std::uint8_t {
        enter,         ///< it enters the call
        hear,          ///< something is about to be reported to it
        tick,          ///< it is about to be told that time has passed
        receive,       ///< it is about to post a receive
        send,          ///< it is about to send a segment
        send_control,  ///< it is about to send a control message
        cancel,        ///< it is about to take receives back
        forsake,       ///< it is about to give up another rank
        renew,         ///< it is about to begin another epoch
        finish,        ///< it is about to return
        answer,        ///< it has returned, and is about to answer somebody who has not
    };
    static constexpr int kinds = 11;
    Kind kind = Kind::enter;
    collectives::Rank rank = collectives::no_rank;
    collectives::Ticks now = 0;
    collectives::Rank peer = collectives::no_rank;
    collectives::Segment segment = -1;
    bool recovering =
        false;  ///< the rank is on the way to another epoch, in one, or agrees on the end
};

/// What happens to ranks, asked at every moment. This one lets everybody live.
class Fate {
public:
    enum class Verdict : std::uint8_t { live, die };
    virtual ~Fate() = default;
    virtual Verdict at(const Moment& /*moment*/) { return Verdict::live; }
};

/// Something that befalls ranks once in a broadcast.
struct Blow {
    enum class Kind : std::uint8_t {
        die,
        stop,     ///< hears and does nothing, then goes on where it was, with all its mail
        cut,      ///< no message passes between `ranks` and all others; it waits
        corrupt,  ///< what the rank sends arrives damaged
        leave,    ///< does something else between the start and the wait
    };
    Kind kind = Kind::die;
    std::vector<collectives::Rank> ranks;
    /// How long, or how many segments; 0: for ever.
    collectives::Ticks lasts = 0;
    bool silent = false;  ///< a death that is never reported

    /// When: at a time, or before the n-th moment (from 0) of a rank, of a kind.
    collectives::Ticks at = -1;
    std::int64_t moment = 0;
    collectives::Rank whose = collectives::no_rank;  ///< anybody's if none
    int of_kind = -1;                                ///< any if negative
    bool recovering = false;                         ///< only moments of recovery are counted

    [[nodiscard]] std::string text() const;
    friend bool operator==(const Blow&, const Blow&) = default;
};

[[nodiscard]] const char* name(Moment::Kind kind);
[[nodiscard]] const char* name(Blow::Kind kind);

/// Counts the moments until blows fall.
class Blows {
public:
    explicit Blows(const std::vector<Blow>& blows) : blows_(blows) {
        for (const Blow& blow : blows) {
            left_.push_back(blow.at < 0 ? blow.moment : -1);
            if (blow.at < 0) ++waiting_;
        }
    }
    [[nodiscard]] bool none() const { return waiting_ == 0; }
    /// Those that fall at this moment.
    std::vector<std::size_t> at(const Moment& moment);

private:
    const std::vector<Blow>& blows_;
    std::vector<std::int64_t> left_;  ///< -1: has fallen, or falls at a time
    int waiting_ = 0;
};

}  // namespace splitcast::sim
