#pragma once

#include "collectives/placement.hpp"
#include "support/random.hpp"

namespace splitcast::tests {

/// Ranks dealt out to nodes in blocks of `per_node`, two NUMA domains each, four nodes to a switch.
collectives::Placement in_blocks(int ranks, int per_node);

/// Ranks dealt out to `nodes` nodes in turn, as with a cyclic rank file.
collectives::Placement in_turn(int ranks, int nodes);

/// Nodes of 1, 2, 3, 4, 1, 2, ... ranks, numbered backwards, so that no order is that of the ranks.
collectives::Placement ragged(int ranks);

/// Any of the above, or flat, or nonsense: random places, some unknown.
collectives::Placement random_placement(int ranks, Random& random);

}  // namespace splitcast::tests
