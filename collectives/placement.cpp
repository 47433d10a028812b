#include "collectives/placement.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <numeric>

namespace splitcast::collectives {

std::vector<Rank> Placement::all() const {
    std::vector<Rank> out(places_.size());
    std::iota(out.begin(), out.end(), Rank{0});
    return out;
}

std::vector<std::vector<Rank>> Placement::nodes() const { return nodes(all()); }

std::vector<std::vector<Rank>> Placement::nodes(std::span<const Rank> ranks) const {
    std::vector<Rank> sorted(ranks.begin(), ranks.end());
    std::sort(sorted.begin(), sorted.end(), [this](Rank a, Rank b) {
        const auto by_place = (*this)[a] <=> (*this)[b];
        return by_place != 0 ? by_place < 0 : a < b;
    });
    std::vector<std::vector<Rank>> out;
    std::map<std::int32_t, std::size_t> index;  // node -> where it is in `out`
    for (const Rank rank : sorted) {
        const std::int32_t node = (*this)[rank].node;
        const bool known = node >= 0;
        if (const auto it = known ? index.find(node) : index.end(); it != index.end()) {
            out[it->second].push_back(rank);
            continue;
        }
        if (known) index.emplace(node, out.size());
        out.push_back({rank});
    }
    return out;
}

std::vector<std::vector<Rank>> Placement::nodes_from(Rank root, std::span<const Rank> ranks) const {
    std::vector<std::vector<Rank>> out = nodes(ranks);
    const auto home = std::find_if(out.begin(), out.end(),
                                   [&](const auto& node) { return same_node(node.front(), root); });
    assert(home != out.end());
    std::rotate(out.begin(), home, out.end());
    std::vector<Rank>& first = out.front();
    const auto lead = std::find(first.begin(), first.end(), root);
    assert(lead != first.end());
    std::rotate(first.begin(), lead, first.end());
    return out;
}

std::vector<Rank> Placement::order(Rank root) const {
    std::vector<Rank> out;
    out.reserve(places_.size());
    for (const std::vector<Rank>& node : nodes_from(root, all())) {
        out.insert(out.end(), node.begin(), node.end());
    }
    return out;
}

Placement Placement::select(std::span<const Rank> ranks) const {
    std::vector<Place> out;
    out.reserve(ranks.size());
    for (const Rank rank : ranks) out.push_back((*this)[rank]);
    return Placement(std::move(out));
}

std::string Placement::text() const {
    std::string out;
    const auto part = [&out](const char* name, std::int32_t value) {
        if (value >= 0) out += std::string(" ") + name + " " + std::to_string(value);
    };
    for (Rank rank = 0; rank < ranks(); ++rank) {
        const Place& place = (*this)[rank];
        out += std::to_string(rank) + ":";
        part("switch", place.switch_id);
        part("node", place.node);
        part("numa", place.numa);
        part("cache", place.cache);
        part("core", place.core);
        out += "\n";
    }
    return out;
}

}  // namespace splitcast::collectives
