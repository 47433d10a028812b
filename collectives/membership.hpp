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
/// Which part of a torn team goes on (`quorum`): the one with more than half of the members that
/// are not known to be dead, or with half of them and the root. Two parts can never both have it,
/// so that a rank that was cut off cannot finish on its own while the others evict it. Ranks that
/// are known to be dead do not count: one survivor of many goes on. But a rank that was silent
/// first may have gone on with the other part before it died, and counts.
class Membership {
public:
    Membership() = default;
    /// `members` ascending, with `self` among them.
    Membership(std::vector<Rank> members, Rank self, Rank root);

    /// A loss was noticed, here or elsewhere. True if a rank that was present is now gone.
    bool lose(Loss loss);

    /// A new epoch begins, whose members are those of this one without `losses`. Whoever was
    /// noticed to be gone besides, is gone from the new epoch as well. `root`: whom all members
    /// take for it.
    void renew(const std::vector<Loss>& losses, Rank root);

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
    std::vector<Rank> members_;
    struct Gone {
        bool dead = false;
        bool elector = false;  ///< was silent before it was known to be dead
    };
    std::map<Rank, Gone> gone_;
    Rank self_ = 0;
    Rank root_ = 0;
    int torn_ = 0;  ///< members that are gone
};

}  // namespace splitcast::collectives
