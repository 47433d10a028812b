#pragma once

#include "splitcast/h5.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <optional>
#include <string>

namespace splitcast::h5 {

class Nodes::Impl {
public:
    /// Collective over the team.
    static Result<std::unique_ptr<Impl>> create(Team& team, int root, Settings settings);
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() = default;

    [[nodiscard]] Team& team() { return team_; }
    [[nodiscard]] int root() const { return root_; }
    /// Of one rank per node; the reader is its rank 0. None on other ranks.
    [[nodiscard]] Team* leaders() { return leaders_ ? &*leaders_ : nullptr; }
    [[nodiscard]] bool leads() const { return leaders_.has_value(); }
    [[nodiscard]] int rank_on_node() const { return rank_; }
    [[nodiscard]] int count() const { return nodes_; }

    /// A name for shared memory that the ranks of this node agree on, and that is new each time.
    [[nodiscard]] std::string fresh_name();

private:
    Impl(Team& team, int root) : team_(team), root_(root) {}
    Result<void> meet();
    Result<void> gather_leaders(Settings settings);

    Team& team_;
    int root_;
    int rank_ = 0;
    int nodes_ = 0;
    std::string token_;
    unsigned long names_ = 0;
    std::optional<Team> leaders_;
};

}  // namespace splitcast::h5
