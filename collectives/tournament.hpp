#pragma once

#include <cstdint>
#include <vector>

/// Who is measured with whom, and when, so that every node is busy with one partner at a time and
/// no two pairs that are measured at once share a node.
namespace splitcast::collectives {

/// The partner of each node in one round, or `no_partner`. Symmetric.
using Matching = std::vector<int>;
inline constexpr int no_partner = -1;

/// How many rounds it takes until each of n nodes has met each other one once: n - 1, or n where
/// one has to sit out each time.
[[nodiscard]] int tournament_rounds(int nodes);

/// One round of the round-robin tournament by the circle method: all but the last node sit on a
/// circle that turns by one place a round. In closed form: in round r those two of the circle meet
/// whose sum is r modulo its length, and the one that would meet itself meets the last node. With
/// an odd number of nodes the last place is empty.
[[nodiscard]] Matching tournament_round(int nodes, int round);

/// Up to how many nodes every pair is measured.
inline constexpr int all_pairs_up_to = 33;

/// The rounds in which pairs are measured. Every pair once where there are few nodes. Of more nodes
/// a sample, so that the rounds grow with the logarithm: each node i with i XOR 1, 2, 4, ... (in
/// the order of ranks those are first its neighbours, below the same switch, and then ever farther
/// ones), and as many rounds again, and a few, spread evenly over the tournament. No pair is met
/// twice. 1,000 nodes: 28 rounds.
[[nodiscard]] std::vector<Matching> pair_rounds(int nodes);

/// How large groups are that broadcast at the same time: about the square root of the number of
/// nodes, 2 to 8.
[[nodiscard]] int group_size_for(int nodes);

/// All nodes, cut into groups of `size` by chance (and the rest dealt out to them, so that a group
/// may have more, but none has fewer). The same seed, the same groups, on every rank.
[[nodiscard]] std::vector<std::vector<int>> random_groups(int nodes, int size, std::uint64_t seed);

/// The nodes in an order by chance.
[[nodiscard]] std::vector<int> random_order(int nodes, std::uint64_t seed);

}  // namespace splitcast::collectives
