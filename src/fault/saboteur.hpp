#pragma once

#include "collectives/fault_spec.hpp"
#include "engine/sabotage.hpp"
#include "splitcast/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace splitcast::fault {

/// The rules of SPLITCAST_FAULT that are for `rank`; null if the variable is not set, an error if
/// it cannot be read, or speaks of a rank that the job, of `ranks`, does not have (a small team of
/// a large job may well lack the ranks that are meant for another one). The rules of a team are
/// shared by its broadcasts, so that each fires once.
[[nodiscard]] Result<std::shared_ptr<collectives::FaultTrigger>> trigger_from_environment(
    collectives::Rank rank, collectives::Rank ranks);

/// To be called where a process passes `setup` or `seal`, which belong to no broadcast: obeys the
/// rules for that point, which speak of ranks of MPI_COMM_WORLD and count how often the process has
/// come by. Text that cannot be read is left to trigger_from_environment.
void pass(collectives::FaultPoint point, collectives::Rank rank_in_world);

/// Does to this process what the rules say: SIGKILL, SIGSTOP, a delay, _exit. `broadcast`: its
/// number on the team, from 1.
class SelfHarm final : public engine::Saboteur {
public:
    SelfHarm(std::shared_ptr<collectives::FaultTrigger> trigger, std::int64_t broadcast);
    std::optional<std::int64_t> at(collectives::FaultPoint point, int percent,
                                   collectives::Rank receiver) override;

private:
    std::shared_ptr<collectives::FaultTrigger> trigger_;
    std::int64_t broadcast_;
};

}  // namespace splitcast::fault
