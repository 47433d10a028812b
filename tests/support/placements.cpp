#include "support/placements.hpp"

#include <vector>

namespace splitcast::tests {

using collectives::Place;
using collectives::Placement;

Placement in_blocks(int ranks, int per_node) {
    std::vector<Place> places;
    places.reserve(static_cast<std::size_t>(ranks));
    for (int r = 0; r < ranks; ++r) {
        const int node = r / per_node;
        const int core = r % per_node;
        const int numa = 2 * core / per_node;
        places.push_back({node / 4, node, numa, numa, core});
    }
    return Placement(std::move(places));
}

Placement in_turn(int ranks, int nodes) {
    std::vector<Place> places;
    places.reserve(static_cast<std::size_t>(ranks));
    for (int r = 0; r < ranks; ++r) places.push_back({0, r % nodes, 0, 0, r / nodes});
    return Placement(std::move(places));
}

Placement ragged(int ranks) {
    std::vector<Place> places;
    places.reserve(static_cast<std::size_t>(ranks));
    int node = 1000;
    int size = 1;
    for (int r = 0, left = 1; r < ranks; ++r, --left) {
        if (left == 0) {
            --node;
            size = size % 4 + 1;
            left = size;
        }
        places.push_back({-1, node, -1, -1, left});
    }
    return Placement(std::move(places));
}

Placement random_placement(int ranks, Random& random) {
    switch (random.number(0, 4)) {
        case 0: return Placement::flat(ranks);
        case 1: return in_blocks(ranks, random.number(1, 8));
        case 2: return in_turn(ranks, random.number(1, ranks));
        case 3: return ragged(ranks);
        default: break;
    }
    std::vector<Place> places;
    places.reserve(static_cast<std::size_t>(ranks));
    for (int r = 0; r < ranks; ++r) {
        places.push_back({random.number(-1, 1), random.number(-1, ranks / 2), random.number(-1, 1),
                          random.number(-1, 1), random.number(-1, 3)});
    }
    return Placement(std::move(places));
}

}  // namespace splitcast::tests
