#pragma once

#include "collectives/control.hpp"
#include "collectives/types.hpp"

#include <map>
#include <optional>
#include <vector>

namespace splitcast::collectives {

/// Everybody hears of everybody by dissemination (Hensgen, Finkel and Manber, "Two algorithms for
/// barrier synchronization", Int. J. Parallel Programming 17(1), 1988): in round j member i sends
/// what it knows to member i + 2^j and hears from i - 2^j, modulo the number of members. No member
/// is special, so ranks that disagree about the root still meet, and nobody has to send an answer
/// down again behind the data. Who has heard the last round has heard, through others, of every
/// member.
[[nodiscard]] int dissemination_rounds(std::size_t members);

/// One such agreement among `members`, as `self` sees it.
class Dissemination {
public:
    Dissemination() = default;
    /// `members` ascending, with `self`; `mine`: what `self` brings.
    Dissemination(std::vector<Rank> members, Rank self, Survey mine);

    struct Word {
        Rank to = no_rank;
        std::uint8_t round = 0;
    };

    /// What is to be sent now: `known()` to that rank. Nothing while a round is waited for. Call it
    /// until it answers nothing, after construction and after every `hear`.
    [[nodiscard]] std::optional<Word> next();

    /// The message of a round; rounds may come in any order.
    void hear(std::uint8_t round, const Survey& heard);

    /// All members have been heard of: `known` is complete.
    [[nodiscard]] bool over() const { return round_ == rounds_; }
    [[nodiscard]] const Survey& known() const { return known_; }

private:
    std::vector<Rank> members_;
    std::size_t index_ = 0;
    int rounds_ = 0;
    int round_ = 0;  ///< the one that is being waited for
    int sent_ = 0;   ///< rounds that were sent
    Survey known_;
    std::map<std::uint8_t, Survey> early_;
};

}  // namespace splitcast::collectives
