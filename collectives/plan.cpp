#include "collectives/plan.hpp"

#include "collectives/planner.hpp"

#include <algorithm>

namespace splitcast::collectives {

Planned plan(std::span<const Holdings> holdings, std::span<const Rank> live,
             std::span<const Rank> sources, const Placement& placement, const Shape& shape,
             std::span<const Rank> preferred) {
    std::vector<Rank> ranks(live.begin(), live.end());
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    const LackClasses classes = classify(holdings, ranks);
    if (!classes.held_by_nobody.empty()) return Unrecoverable{classes.held_by_nobody};
    Planner planner(ranks, sources, preferred, placement, shape);
    return planner.plan(classes);
}

std::string Plan::text() const {
    std::string out;
    for (const Transfer& transfer : transfers) {
        out += std::to_string(transfer.from) + " -> " + std::to_string(transfer.to) + ": " +
               transfer.segments.text() + "\n";
    }
    return out;
}

RankPlan rank_plan(const Plan& plan, Rank rank) {
    RankPlan out;
    for (const Plan::Transfer& transfer : plan.transfers) {
        if (transfer.to == rank) out.in.push_back({transfer.from, 0, transfer.segments});
        if (transfer.from == rank) out.out.push_back({transfer.to, 0, transfer.segments});
    }
    return out;
}

}  // namespace splitcast::collectives
