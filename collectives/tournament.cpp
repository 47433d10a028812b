#include "collectives/tournament.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace splitcast::collectives {

namespace {

/// splitmix64: the standard's distributions may differ between libraries, and ranks must not.
std::uint64_t next_random(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
}

Matching nobody(int nodes) {
    Matching matching;
    matching.resize(static_cast<std::size_t>(nodes), no_partner);
    return matching;
}

void match(Matching& matching, int a, int b) {
    matching[static_cast<std::size_t>(a)] = b;
    matching[static_cast<std::size_t>(b)] = a;
}

bool neighbours_by_xor(int a, int b) { return std::has_single_bit(static_cast<unsigned>(a ^ b)); }

}  // namespace

int tournament_rounds(int nodes) {
    if (nodes < 2) return 0;
    return nodes % 2 == 0 ? nodes - 1 : nodes;
}

Matching tournament_round(int nodes, int round) {
    Matching matching = nobody(nodes);
    const int circle = tournament_rounds(nodes);
    for (int a = 0; a < std::min(circle, nodes); ++a) {
        const int b = ((round - a) % circle + circle) % circle;
        if (b > a) {
            match(matching, a, b);
        } else if (b == a && nodes % 2 == 0) {
            match(matching, a, nodes - 1);
        }
    }
    return matching;
}

std::vector<Matching> pair_rounds(int nodes) {
    const int all = tournament_rounds(nodes);
    std::vector<Matching> rounds;
    if (nodes <= all_pairs_up_to) {
        for (int round = 0; round < all; ++round) {
            rounds.push_back(tournament_round(nodes, round));
        }
        return rounds;
    }
    for (int distance = 1; distance < nodes; distance *= 2) {
        Matching& matching = rounds.emplace_back(nobody(nodes));
        for (int a = 0; a < nodes; ++a) {
            const int b = a ^ distance;
            if (b > a && b < nodes) match(matching, a, b);
        }
    }
    const int more = static_cast<int>(rounds.size()) + 8;
    for (int i = 0; i < more; ++i) {
        const auto round = static_cast<std::int64_t>(all) * i / more;
        Matching& matching = rounds.emplace_back(tournament_round(nodes, static_cast<int>(round)));
        for (int a = 0; a < nodes; ++a) {
            int& partner = matching[static_cast<std::size_t>(a)];
            if (partner != no_partner && neighbours_by_xor(a, partner)) partner = no_partner;
        }
    }
    return rounds;
}

int group_size_for(int nodes) {
    int size = 2;
    while (size < 8 && (size + 1) * (size + 1) <= nodes) ++size;
    return size;
}

std::vector<int> random_order(int nodes, std::uint64_t seed) {
    std::vector<int> order(static_cast<std::size_t>(std::max(nodes, 0)));
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t left = order.size(); left > 1; --left) {
        std::swap(order[left - 1], order[next_random(seed) % left]);
    }
    return order;
}

std::vector<std::vector<int>> random_groups(int nodes, int size, std::uint64_t seed) {
    const std::vector<int> order = random_order(nodes, seed);
    const int wanted = std::max(nodes / std::max(size, 1), nodes > 0 ? 1 : 0);
    const auto count = static_cast<std::size_t>(wanted);
    std::vector<std::vector<int>> groups(count);
    for (std::size_t i = 0; i < order.size(); ++i) groups[i % count].push_back(order[i]);
    return groups;
}

}  // namespace splitcast::collectives
