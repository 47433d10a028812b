#pragma once

#include "collectives/types.hpp"

#include <map>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// How often a rank shows that it is alive, and how long a silence is believed to be harmless.
struct PulseTimes {
    Ticks period = 100'000'000;
    Ticks timeout = 1'000'000'000;

    friend bool operator==(const PulseTimes&, const PulseTimes&) = default;
};

/// The heartbeats of one rank: whom it shows that it is alive, and whose silence it notices.
///
///  - Whatever is sent counts as a beat, and whatever is heard as a sign of life: beats of their
///    own go only over edges where nothing else moves.
///  - A neighbour is timed from the first sign of life on: silence of a rank that has not entered
///    the call is no failure. For the same reason it gets one beat, and more only when it is known
///    to be there.
///  - Beats wait in the same queues as segments: on a link that is slow for what is sent over it,
///  signs of life come in jerks. Whose signs have had long gaps lately is given more time, up to
///  three quarters of the timeout: silence is noticed within less than two timeouts in any case.
///  - A neighbour that said that it is away (between the start and the wait of a nonblocking
///    broadcast) is not timed until it says something else.
///  - A rank that was itself absent (stopped, or busy elsewhere) has no right to call others
///    silent: everybody's time starts again.
class Pulse {
public:
    Pulse() = default;
    Pulse(PulseTimes times, Ticks now) : times_(times), entered_(now), last_tick_(now) {}

    /// From now on beats go to these ranks, and they are timed. What is known of others is kept.
    void watch(std::span<const Rank> neighbours, Ticks now);
    /// A rank that is not to be thought of again.
    void forget(Rank rank) { known_.erase(rank); }

    void heard(Rank from, Ticks now);
    /// A segment of its own has moved. It may have been sent before the rank went away, and come
    /// after the message that said so: of messages only those of one kind keep their order.
    void stirred(Rank rank, Ticks now);
    /// A beat of its own, and not something that was sent anyway: whoever sends it is timing this
    /// rank and wants an answer, whether this rank watches it or not.
    void beaten(Rank from, Ticks now, bool away);
    void said(Rank to, Ticks now);
    /// Something has shown that all of them have entered.
    void all_are_here(std::span<const Rank> ranks, Ticks now);

    struct Due {
        std::vector<Rank> beat;    ///< are to be sent a beat (call `said` for each that is)
        std::vector<Rank> silent;  ///< have been silent too long
    };
    [[nodiscard]] Due tick(Ticks now);

    /// How long nothing was heard of a rank; -1 if nothing ever was.
    [[nodiscard]] Ticks silence(Rank rank, Ticks now) const;
    /// For how long a silence of this rank is believed to be harmless.
    [[nodiscard]] Ticks patience(Rank rank) const;

private:
    struct Neighbour {
        Ticks heard = 0;
        Ticks said = 0;
        Ticks asked = 0;       ///< last beat
        Ticks gap = 0;         ///< the longest lately between two signs of life
        bool here = false;     ///< was heard of in this call
        bool greeted = false;  ///< was sent something in this call
        bool away = false;
        bool watched = false;
        bool asking = false;  ///< has sent a beat
    };

    [[nodiscard]] Ticks patience(const Neighbour& neighbour) const;

    PulseTimes times_;
    Ticks entered_ = 0;
    Ticks last_tick_ = 0;
    std::map<Rank, Neighbour> known_;
};

}  // namespace splitcast::collectives
