#pragma once

#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/placement.hpp"
#include "collectives/ranges.hpp"
#include "collectives/schedule.hpp"

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace splitcast::collectives {

/// Who sends what to whom, so that every live rank ends up with every segment. A broadcast is the
/// repair of "nothing held yet": the same planner serves a fresh broadcast, the rest of one in
/// which ranks died, and the resumption of an interrupted copy.
///
/// Every live rank gets each segment that it lacks exactly once, nobody is sent what it holds, and
/// a rank sends only what it holds or gets in the same plan.
struct Plan {
    struct Transfer {
        Rank from = no_rank;
        Rank to = no_rank;
        Sequence segments;

        friend bool operator==(const Transfer&, const Transfer&) = default;
    };

    int ranks = 0;
    /// One for every ordered pair of ranks that has something to transfer; ascending in `from`, and
    /// those of one sender in order of preference. Segments ascend within a transfer, and that is
    /// why first-in-first-out flows cannot deadlock: look at the lowest segment that somebody still
    /// waits for. All lower ones are where they belong, so it is at the head of every flow that
    /// carries it; and as its way from its holders is a tree, it moves.
    std::vector<Transfer> transfers;

    /// One line per transfer: "0 -> 3: 0,4,8..60".
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Plan&, const Plan&) = default;
};

/// Some segments are held by no live rank.
struct Unrecoverable {
    Ranges missing;  ///< segment indices

    friend bool operator==(const Unrecoverable&, const Unrecoverable&) = default;
};

using Planned = std::variant<Plan, Unrecoverable>;

/// Plans from what everybody holds. Pure: every survivor computes the same from the same inputs, so
/// that no plan is ever sent.
///
/// `holdings[r]` is what rank r holds (those of ranks that are not live are ignored), all with the
/// same number of segments. `live` ranks take part. `sources` are the root and its mirrors: what
/// they hold is in `holdings` like everybody's, but they are the last to be asked when a survivor
/// could send as well. `shape` bounds the groups as in a schedule. When nobody but one source holds
/// anything, every rank sends as much, to the same ranks, as in Schedule::make with the same shape.
///
/// `preferred` ranks, where any of them holds a segment, are the only ones that send it to where
/// it is lacked (from there on it is relayed as always): a root or a mirror can be made to repair
/// what others could.
///
/// How: segments that are lacked by the same ranks form a class. Each class is a small broadcast
/// from its holders to its lackers, with the groups and stripes of a schedule. Segments that a rank
/// holds never enter a node twice: its neighbours get them from it.
///
/// How much relaying: the time of a plan cannot be below that of the rank (or node) that lacks
/// most; up to that bound, sending costs nothing. So a class takes the smallest groups, down to a
/// direct send to everyone, with which its holders stay within the bound, and the least loaded
/// holders send.
///
/// Cost: O(N P / 64 + N log N) to sort the segments, then about P log P for each class. 4,096
/// segments among 128 ranks: under a millisecond in few classes, some tens when every segment is a
/// class of its own.
[[nodiscard]] Planned plan(std::span<const Holdings> holdings, std::span<const Rank> live,
                           std::span<const Rank> sources, const Placement& placement,
                           const Shape& shape, std::span<const Rank> preferred = {});

/// What one rank receives and sends: one flow per peer, on channel 0. O(number of transfers).
[[nodiscard]] RankPlan rank_plan(const Plan& plan, Rank rank);

}  // namespace splitcast::collectives
