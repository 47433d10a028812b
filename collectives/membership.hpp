#pragma once

#include "collectives/types.hpp"

#include <map>
#include <string>
#include <vector>

namespace splitcast::collectives {

/// A rank that is no longer part of a broadcast.
struct Loss {
    Rank rank = no_rank;
    bool dead = false;  ///< known to have ended; else only silent (stopped, or cut off): evicted

    friend bool operator==(const Loss&, const Loss&) = default;
};

/// "rank 3 is dead, rank 5 was evicted"; "nobody" for none.
[[nodiscard]] std::string text(const std::vector<Loss>& losses);

/// What a rank knows of who is left. The members are those of the epoch; losses are noticed, in
/// any order and on different ranks at different times, until a new epoch makes the ranks that are
/// left its members.
///
/// Which part of a torn team goes on (`quorum`): the one with more than half of the members, or
/// with half of them and the root, or with all that are not dead. Two parts never both have it: of
/// two majorities some rank is in both, and it follows one coordinator at a time; and where all
/// that are missing are dead, there is nobody who could have gone on without this part and still be
/// there. The dead count as members as long as anybody else is missing too: before they died they
/// may have gone on with those, and evicted this part.
///
/// The members are those of the last epoch that all of its members are known to have adopted, and
/// of every epoch that was begun after it: of an epoch that only some have adopted, the others may
/// still form another.
class Membership {
public:
    Membership() = default;
    /// `members` ascending, with `self` among them.
    Membership(std::vector<Rank> members, Rank self);

    /// A loss was noticed, here or elsewhere. True if a rank that was present is now gone.
    bool lose(Loss loss);

    /// A new epoch begins, whose members are those of this one without `losses`. Whoever was
    /// noticed to be gone besides, is gone from the new epoch as well. `root`: whom all members
    /// take for it.
    void renew(const std::vector<Loss>& losses, Rank root);

    /// All members are known to have adopted the epoch, and to take `root` for the root.
    void settle(Rank root);

    [[nodiscard]] const std::vector<Rank>& members() const { return members_; }
    [[nodiscard]] bool member(Rank rank) const;
    [[nodiscard]] bool gone(Rank rank) const { return gone_.contains(rank); }
    [[nodiscard]] bool dead(Rank rank) const;
    [[nodiscard]] std::vector<Rank> present() const;
    /// All losses of this broadcast, ascending.
    [[nodiscard]] std::vector<Loss> losses() const;
    /// Some member of the epoch is gone.
    [[nodiscard]] bool torn() const { return torn_ > 0; }

    /// Who leads the change to the next epoch: the lowest rank that is present.
    [[nodiscard]] Rank coordinator() const;
    [[nodiscard]] bool quorum() const;

private:
    /// Those of whom most must be present.
    struct Electorate {
        std::vector<Rank> members;
        Rank anchor = no_rank;  ///< decides between halves; none while they may not agree on it
    };
    [[nodiscard]] Rank anchor(Rank root) const;
    [[nodiscard]] bool has_quorum(const Electorate& electorate) const;

    std::vector<Rank> members_;
    std::map<Rank, bool> gone_;  ///< whether they are known to be dead
    Rank self_ = 0;
    int torn_ = 0;  ///< members that are gone
    std::vector<Electorate> electorates_;
};

}  // namespace splitcast::collectives
