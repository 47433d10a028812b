#pragma once

#include "api/team_impl.hpp"

#include <memory>
#include <vector>

namespace splitcast::api {

/// One rank of each node of a team, for what is to come to every node once.
class NodeLeaders {
public:
    /// Collective over the ranks of the team that are left, with the same outcome on all of them.
    /// `root` leads its node; of others the first rank that is left does. Status::mpi if a rank was
    /// lost meanwhile, which the team then knows.
    static Result<NodeLeaders> gather(Team::Impl& team, int root);
    NodeLeaders(NodeLeaders&&) noexcept = default;
    NodeLeaders& operator=(NodeLeaders&&) = delete;
    ~NodeLeaders();

    /// Of the leaders; null on other ranks.
    [[nodiscard]] Team::Impl* team() const { return leaders_.get(); }
    /// `root` in that team.
    [[nodiscard]] int root() const { return root_; }
    /// Which one this rank's is, among the nodes of the team.
    [[nodiscard]] int node() const { return node_; }
    /// Of leaders, as ranks of the whole team. On leaders only.
    [[nodiscard]] std::vector<collectives::Loss> losses() const;
    /// Has the whole team lost one of these leaders?
    [[nodiscard]] bool some_are_lost() const;

private:
    NodeLeaders(Team::Impl& team, int root);

    Team::Impl& all_;
    std::vector<int> ranks_;  ///< of the leaders in the whole team, ascending
    int root_ = 0;
    int node_ = 0;
    std::unique_ptr<Team::Impl> leaders_;
};

}  // namespace splitcast::api
