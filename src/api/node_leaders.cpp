#include "api/node_leaders.hpp"

#include "api/agreement.hpp"
#include "mpi/ulfm.hpp"

#include <mpi.h>

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
    std::optional<Error> error;
    if (auto met = leaders.meet(); !met) error = met.error();
    if (auto agreed = agree(team, error)) {
        leaders.leaders_.reset();  // others may have none: there is nobody to take leave of
        return *agreed;
    }
    return leaders;
}

Result<void> NodeLeaders::meet() {
    // Not on the team's communicator: it must not be revoked.
    const bool mortal = mpi::ulfm::enabled();
    auto left = mortal ? all_.survivors() : Result<MPI_Comm>(all_.communicator());
    if (!left) return left.error();
    const bool leads = std::ranges::binary_search(ranks_, all_.rank());
    MPI_Comm split = MPI_COMM_NULL;
    const int code = MPI_Comm_split(*left, leads ? 0 : MPI_UNDEFINED, all_.rank(), &split);
    if (mortal) {
        // Somebody may still be inside the split, waiting for this rank.
        if (code != MPI_SUCCESS) mpi::ulfm::revoke(*left);
        static_cast<void>(mpi::Communicator(*left));  // frees it
    }
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_split", code);
    if (!leads) return {};
    MPI_Comm_set_errhandler(split, MPI_ERRORS_RETURN);
    auto team = Team::Impl::adopt(mpi::Communicator(split), all_.placement().select(ranks_),
                                  all_.links(), all_.settings());
    if (!team) return team.error();
    leaders_ = std::move(*team);
    std::vector<int> names;
    for (const int rank : ranks_) names.push_back(all_.name(rank));
    leaders_->rename(std::move(names), &all_);
    return {};
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
