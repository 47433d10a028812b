#pragma once

#include "collectives/types.hpp"

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace splitcast::collectives {

/// Where a rank runs, from the outside in. The numbers are names: they are compared, never computed
/// with; equal means "the same one", and `cache`, `core` and `numa` mean something within one node
/// only. -1 is "not known".
struct Place {
    std::int32_t switch_id = -1;
    std::int32_t node = -1;
    std::int32_t numa = -1;
    std::int32_t cache = -1;
    std::int32_t core = -1;

    friend auto operator<=>(const Place&, const Place&) = default;
};

/// Where all ranks of a team run. Every rank must have the same one: schedules and plans are
/// computed from it on each rank alone. A rank whose node is not known counts as alone on a node of
/// its own, so that the placement in which nothing is known is that of a flat network.
class Placement {
public:
    Placement() = default;
    explicit Placement(std::vector<Place> places) : places_(std::move(places)) {}

    /// `ranks` ranks of which nothing is known.
    static Placement flat(int ranks) {
        return Placement(std::vector<Place>(static_cast<std::size_t>(ranks)));
    }

    [[nodiscard]] int ranks() const { return static_cast<int>(places_.size()); }
    [[nodiscard]] const Place& operator[](Rank rank) const {
        return places_[static_cast<std::size_t>(rank)];
    }

    [[nodiscard]] bool same_node(Rank a, Rank b) const {
        return a == b || ((*this)[a].node >= 0 && (*this)[a].node == (*this)[b].node);
    }

    /// The nodes in order of (switch, node), each as the list of its ranks in order of (numa,
    /// cache, core, rank). Ranks that are said to be on one node stay together even if they differ
    /// in their switch. O(P log P).
    [[nodiscard]] std::vector<std::vector<Rank>> nodes() const;

    /// The same for some of the ranks only.
    [[nodiscard]] std::vector<std::vector<Rank>> nodes(std::span<const Rank> ranks) const;

    /// nodes(ranks), turned so that `root` (one of them) comes first: the nodes cyclically,
    /// beginning with the root's, and the ranks of the root's node cyclically, beginning with the
    /// root. Turning keeps neighbours neighbours.
    [[nodiscard]] std::vector<std::vector<Rank>> nodes_from(Rank root,
                                                            std::span<const Rank> ranks) const;

    /// All ranks in the order of nodes_from(root): the order in which groups are cut.
    [[nodiscard]] std::vector<Rank> order(Rank root) const;

    /// The placement of a smaller team: entry i is where `ranks[i]` runs.
    [[nodiscard]] Placement select(std::span<const Rank> ranks) const;

    /// 0, 1, ..., ranks() - 1.
    [[nodiscard]] std::vector<Rank> all() const;

    /// One line per rank: "3: switch 0 node 1 numa 0 cache 0 core 2", unknown parts left out.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Placement&, const Placement&) = default;

private:
    std::vector<Place> places_;
};

}  // namespace splitcast::collectives
