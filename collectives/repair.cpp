#include "collectives/repair.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::collectives {

namespace {

bool among(std::span<const Rank> ranks, Rank rank) {
    return std::ranges::find(ranks, rank) != ranks.end();
}

Sequence to_sequence(const Ranges& ranges) {
    Sequence sequence;
    for (const Range& range : ranges) {
        sequence.append({.first = range.begin, .stride = 1, .count = range.end - range.begin});
    }
    return sequence;
}

}  // namespace

Planned plan_repair(const RepairInputs& inputs, const Placement& placement, const Shape& shape) {
    std::vector<Rank> sources;
    sources.reserve(inputs.mirrors.size() + 1);
    sources.push_back(inputs.root);
    for (const Rank mirror : inputs.mirrors) sources.push_back(mirror);
    std::span<const Rank> preferred;
    if (inputs.resend == Resend::root) preferred = {&inputs.root, 1};
    if (inputs.resend == Resend::mirror) preferred = inputs.mirrors;

    std::vector<Rank> trusted;
    std::vector<Rank> leaves;
    for (const Rank rank : inputs.live) {
        const bool leaf = rank != inputs.root && among(inputs.spoilers, rank);
        (leaf ? leaves : trusted).push_back(rank);
    }
    const auto plan_all = [&] {
        return plan(inputs.holdings, inputs.live, sources, placement, shape, preferred);
    };
    if (leaves.empty() || trusted.empty()) return plan_all();
    Planned planned = plan(inputs.holdings, trusted, sources, placement, shape, preferred);
    auto* made = std::get_if<Plan>(&planned);
    if (made == nullptr) return plan_all();

    // In the end every trusted rank holds everything: each leaf gets all it lacks from one of them.
    std::size_t turn = 0;
    for (const Rank leaf : leaves) {
        Sequence lacked = to_sequence(inputs.holdings[static_cast<std::size_t>(leaf)].missing());
        if (lacked.empty()) continue;
        const Rank from = trusted[turn++ % trusted.size()];
        made->transfers.push_back({.from = from, .to = leaf, .segments = std::move(lacked)});
    }
    std::ranges::stable_sort(made->transfers, {}, &Plan::Transfer::from);
    return planned;
}

}  // namespace splitcast::collectives
