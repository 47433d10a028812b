#include "api/node_leaders.hpp"

#include "api/agreement.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::api {

NodeLeaders::NodeLeaders(Team::Impl& team, int root) : all_(team) {
    const auto nodes = team.placement().nodes(team.members());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto has = [&](int rank) {
            return std::ranges::find(nodes[i], rank) != nodes[i].end();
        };
        ranks_.push_back(has(root) ? root : std::ranges::min(nodes[i]));
        if (has(team.rank())) node_ = static_cast<int>(i);
    }
    std::ranges::sort(ranks_);
    root_ = static_cast<int>(std::ranges::find(ranks_, root) - ranks_.begin());
}

Result<NodeLeaders> NodeLeaders::gather(Team::Impl& team, int root) {
    NodeLeaders leaders(team, root);
    auto met = team.part_of(leaders.ranks_);
    // Others may have none: there is nobody to take leave of.
    if (auto agreed = agree(team, {.error = met ? std::nullopt : std::optional(met.error())}))
        return *agreed;
    leaders.leaders_ = std::move(*met);
    return leaders;
}

std::vector<collectives::Loss> NodeLeaders::losses() const {
    std::vector<collectives::Loss> losses = leaders_->losses();
    for (auto& loss : losses) loss.rank = ranks_[static_cast<std::size_t>(loss.rank)];
    return losses;
}

bool NodeLeaders::some_are_lost() const { return !std::ranges::includes(all_.members(), ranks_); }

NodeLeaders::~NodeLeaders() {
    if (leaders_) leaders_->part();
}

}  // namespace splitcast::api
