#pragma once

#include "sim/network.hpp"
#include "sim/scenario.hpp"

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

namespace splitcast::sim {

/// How the ranks are: alive, stopped, cut off; and what could not be told them yet.
class Lives {
public:
    explicit Lives(Rank ranks)
        : ranks_(ranks), of_(static_cast<std::size_t>(ranks)), cutoffs_(of_.size() * of_.size()) {}

    struct Life {
        bool dead = false;
        bool stopped = false;
        bool for_ever = false;  ///< stopped
        std::size_t blow = 0;   ///< that has stopped it
        bool away = false;
        bool entered = false;
        bool returned = false;
        bool recovering = false;
        Ticks corrupt = 0;    ///< segments that it still spoils; negative: all
        bool silent = false;  ///< dead, and nobody is told, or late
        bool announced = false;
        bool tickless = false;    ///< since it was stopped for ever, as it seemed
        bool streamless = false;  ///< likewise
        bool ballotless = false;  ///< likewise
        /// How long it was stopped or on the wrong side of a cut, in all.
        Ticks absence = 0;
        std::deque<Completion> mail{};  ///< in the order of its arrival
    };
    [[nodiscard]] Life& of(Rank rank) { return of_[static_cast<std::size_t>(rank)]; }
    [[nodiscard]] const Life& of(Rank rank) const { return of_[static_cast<std::size_t>(rank)]; }
    [[nodiscard]] Rank ranks() const { return ranks_; }

    /// A message that comes after this from a dead rank is lost.
    [[nodiscard]] Ticks& cutoff(Rank from, Rank to) {
        return cutoffs_[static_cast<std::size_t>(from * ranks_ + to)];
    }

    void cut(std::size_t name, const std::vector<Rank>& ranks) {
        std::vector<bool> side(of_.size());
        for (const Rank rank : ranks) side[static_cast<std::size_t>(rank)] = true;
        cuts_.emplace_back(name, std::move(side));
    }
    void heal(std::size_t name) {
        std::erase_if(cuts_, [name](const auto& cut) { return cut.first == name; });
    }
    [[nodiscard]] bool connected(Rank a, Rank b) const {
        for (const auto& [name, side] : cuts_) {
            if (side[static_cast<std::size_t>(a)] != side[static_cast<std::size_t>(b)])
                return false;
        }
        return true;
    }

private:
    Rank ranks_;
    std::vector<Life> of_;
    std::vector<Ticks> cutoffs_;
    std::vector<std::pair<std::size_t, std::vector<bool>>> cuts_;
};

}  // namespace splitcast::sim
