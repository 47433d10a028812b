#pragma once

#include "collectives/flow.hpp"
#include "collectives/groups.hpp"
#include "collectives/placement.hpp"
#include "collectives/types.hpp"

#include <span>
#include <string>
#include <vector>

namespace splitcast::collectives {

/// What can be tuned about a schedule. Values out of range are brought into it.
struct Shape {
    /// k: how many units the buffer is split across; 1 .. number of recipient units.
    int group_size = 1;
    /// d: how many groups a group feeds; 1 is a chain of groups.
    int children = 1;
    /// f: how many ranks of its node a rank feeds.
    int local_fanout = 2;

    friend bool operator==(const Shape&, const Shape&) = default;
};

/// The closed form of a fresh broadcast: k trees, one per stripe, each of which spans all ranks
/// from the root. Segment s belongs to stripe s mod k. Stripes are interleaved so that data arrives
/// roughly in address order everywhere, and a file can be read and written from front to back.
///
/// Units: when the ranks are on several nodes, a unit is a node and its first rank in placement
/// order leads it (the root leads its own); when all are on one node, every rank is a unit. The
/// units other than the root's are the recipients; they are cut into groups of k, and the groups
/// form a heap in which each feeds d more (see Groups, which also says how a stripe goes through a
/// group). Within a unit, the leader feeds its ranks through a heap of fan-out f.
///
///     P = 8 flat, root 0, k = 4, d = 1: group 0 = {1 2 3 4}, group 1 = {5 6 7}
///     stripe 1:   0 -> 2 -> 6               (the entries of the groups)
///                      2 -> 3, 4, 1         (its peers, in rotated order)
///                           6 -> 7, 5
///     stripe 3:   0 -> 4 -> 5 -> 6 -> 7     (group 1 has no member 3: a chain)
///                      4 -> 1, 2, 3
///
/// Volume, in stripes (S / k bytes each for a buffer of S): the root sends each of the k stripes
/// once over the network, S in all. A member of a full group sends its own stripe to k - 1 peers
/// and to at most d groups; a member of the last group sends at most k - 1. So no rank sends more
/// than max(k, k - 1 + d) stripes, and with d = 1 nobody sends more than S. Local traffic comes on
/// top: f S at most.
///
/// A value. make() costs O(P log P) time and O(P) memory, queries O(1) and what they return.
class Schedule {
public:
    Schedule() = default;

    /// The schedule for all ranks of the placement.
    static Schedule make(const Placement& placement, Rank root, Shape shape);

    /// The same for some of the ranks, `root` among them; the others neither send nor receive. So
    /// are mirrors, which have the data already, left out.
    static Schedule make(const Placement& placement, std::span<const Rank> ranks, Rank root,
                         Shape shape);

    [[nodiscard]] Rank root() const { return root_; }
    /// The shape in effect, brought into range.
    [[nodiscard]] Shape shape() const { return {groups_.size, groups_.children, local_fanout_}; }
    [[nodiscard]] int stripes() const { return groups_.size; }
    [[nodiscard]] const Groups& groups() const { return groups_; }
    /// Ranks of the placement, taking part or not.
    [[nodiscard]] int ranks() const { return static_cast<int>(position_.size()); }
    /// The ranks that take part, in placement order from the root.
    [[nodiscard]] const std::vector<Rank>& order() const { return order_; }
    [[nodiscard]] bool contains(Rank rank) const { return position_[index(rank)] >= 0; }

    /// Who sends a stripe to `rank`; no_rank for the root and for ranks that take no part.
    [[nodiscard]] Rank parent(Rank rank, int stripe) const;

    /// To whom `rank` sends a stripe, in order of preference: onward to other groups, peers, then
    /// its own node.
    [[nodiscard]] std::vector<Rank> children(Rank rank, int stripe) const;

    /// The two parts of children(), appended to `out`.
    void append_network_children(Rank rank, int stripe, std::vector<Rank>& out) const;
    void append_local_children(Rank rank, std::vector<Rank>& out) const;

    /// The rank that gets the data over the network for this rank's unit.
    [[nodiscard]] Rank leader(Rank rank) const;

    /// The group of the rank's unit; -1 for the root's unit, which is in none.
    [[nodiscard]] int group_of(Rank rank) const;

    /// How many ranks a stripe passes on its way to `rank`, the root not counted: 0 for the root, 1
    /// if the root sends it.
    [[nodiscard]] int hops(Rank rank, int stripe) const;

    /// The longest of these ways. O(P + k * k): for reports, not for inner loops.
    [[nodiscard]] int depth() const;

    /// The shape, then one line per group with its units: "group 1 from group 0: 5 6 7".
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Schedule& a, const Schedule& b) {
        return a.order_ == b.order_ && a.unit_begin_ == b.unit_begin_ && a.ranks() == b.ranks() &&
               a.shape() == b.shape();
    }

private:
    static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }
    [[nodiscard]] int units() const { return static_cast<int>(unit_begin_.size()) - 1; }
    [[nodiscard]] int unit_of(Rank rank) const { return unit_[index(rank)]; }
    [[nodiscard]] Rank leader_of(int unit) const { return order_[index(unit_begin_[index(unit)])]; }
    [[nodiscard]] Rank leader_of_recipient(int q) const { return leader_of(q + 1); }
    [[nodiscard]] int local_index(Rank rank) const {
        return position_[index(rank)] - unit_begin_[index(unit_of(rank))];
    }
    [[nodiscard]] int local_depth(int local_index) const;

    Rank root_ = no_rank;
    Groups groups_;
    int local_fanout_ = 1;
    std::vector<Rank> order_;
    std::vector<std::int32_t> position_;    // rank -> place in order_, or -1
    std::vector<std::int32_t> unit_;        // rank -> unit, or -1; unit 0 is the root's
    std::vector<std::int32_t> unit_begin_;  // unit -> its first place in order_; then the end
};

/// What one rank receives and sends when the buffer has `segments` segments: a flow per stripe and
/// peer, whose channel is the stripe; stripes without segments are left out. O(k + number of
/// flows).
[[nodiscard]] RankPlan rank_plan(const Schedule& schedule, Rank rank, Segment segments);

}  // namespace splitcast::collectives
