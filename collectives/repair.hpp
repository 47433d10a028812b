#pragma once

#include "collectives/holdings.hpp"
#include "collectives/placement.hpp"
#include "collectives/plan.hpp"
#include "collectives/schedule.hpp"
#include "collectives/types.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// Who sends again what was lost.
enum class Resend : std::uint8_t {
    survivors,  ///< whoever holds it and has least to do: the fastest as a rule
    root,       ///< the root, over the connections that it has
    mirror,     ///< the mirrors
};

/// What a new epoch begins with: the same on every rank that is left.
struct RepairInputs {
    std::span<const Holdings> holdings;  ///< by rank of the team
    std::span<const Rank> live;          ///< ascending
    Rank root = 0;
    std::span<const Rank> mirrors;
    /// Have sent bad bytes: they are sent what they lack and send nothing themselves, unless they
    /// alone hold something. The root may, being the origin of all bytes.
    std::span<const Rank> spoilers;
    Resend resend = Resend::survivors;
};

/// The plan of a repair: `plan` with the sources, preferences and distrust of a broadcast.
[[nodiscard]] Planned plan_repair(const RepairInputs& inputs, const Placement& placement,
                                  const Shape& shape);

}  // namespace splitcast::collectives
