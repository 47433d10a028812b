#include "collectives/pulse.hpp"

#include <algorithm>

namespace splitcast::collectives {

void Pulse::watch(std::span<const Rank> neighbours, Ticks now) {
    std::map<Rank, Neighbour> before = known_;
    for (auto& [rank, neighbour] : known_) neighbour.watched = false;
    for (const Rank rank : neighbours) {
        Neighbour& neighbour = known_[rank];
        neighbour.watched = true;
        // It may learn only later that it is watched, and has not beaten for this rank till now.
        if (!before[rank].watched) neighbour.heard = now;
    }
}

void Pulse::heard(Rank from, Ticks now) {
    stirred(from, now);
    known_[from].away = false;
}

void Pulse::stirred(Rank rank, Ticks now) {
    Neighbour& neighbour = known_[rank];
    const bool was_absent = now - last_tick_ > times_.timeout / 2;
    if (neighbour.here && neighbour.watched && !neighbour.away && !was_absent) {
        // By time, and not by signs: after a gap many may come at once.
        const Ticks memory = 16 * times_.period;
        const Ticks gap = now - neighbour.heard;
        const Ticks faded = neighbour.gap * std::min(gap, memory) / memory;
        neighbour.gap = std::max(gap, neighbour.gap - faded);
    }
    neighbour.heard = now;
    neighbour.here = true;
}

Ticks Pulse::patience(const Neighbour& neighbour) const {
    // A beat goes out every period and may have just missed a tick: gaps of two are nothing.
    const Ticks jerk = std::max<Ticks>(neighbour.gap - 2 * times_.period, 0);
    return times_.timeout + std::min(2 * jerk, times_.timeout * 3 / 4);
}

Ticks Pulse::patience(Rank rank) const {
    const auto known = known_.find(rank);
    return known == known_.end() ? times_.timeout : patience(known->second);
}

void Pulse::beaten(Rank from, Ticks now, bool away) {
    heard(from, now);
    Neighbour& neighbour = known_[from];
    neighbour.away = away;
    neighbour.asking = true;
    neighbour.asked = now;
}

void Pulse::said(Rank to, Ticks now) {
    Neighbour& neighbour = known_[to];
    neighbour.said = now;
    neighbour.greeted = true;
}

void Pulse::all_are_here(std::span<const Rank> ranks, Ticks now) {
    for (const Rank rank : ranks) {
        Neighbour& neighbour = known_[rank];
        if (neighbour.here) continue;
        neighbour.here = true;
        neighbour.heard = now;
    }
}

Pulse::Due Pulse::tick(Ticks now) {
    if (now - last_tick_ > times_.timeout / 2) {
        for (auto& [rank, neighbour] : known_) neighbour.heard = now;
    }
    last_tick_ = now;
    Due due;
    for (const auto& [rank, neighbour] : known_) {
        const bool asked = neighbour.asking && now - neighbour.asked <= times_.timeout;
        if (!neighbour.watched && !asked) continue;
        const Ticks quiet = now - (neighbour.greeted ? neighbour.said : entered_);
        if (quiet >= times_.period && (neighbour.here || !neighbour.greeted)) {
            due.beat.push_back(rank);
        }
        if (neighbour.watched && neighbour.here && !neighbour.away &&
            now - neighbour.heard > patience(neighbour)) {
            due.silent.push_back(rank);
        }
    }
    return due;
}

Ticks Pulse::silence(Rank rank, Ticks now) const {
    const auto known = known_.find(rank);
    return known == known_.end() || !known->second.here ? -1 : now - known->second.heard;
}

}  // namespace splitcast::collectives
