#pragma once

#include "collectives/fault_spec.hpp"

#include <cstdint>
#include <optional>

namespace splitcast::engine {

/// Faults on purpose (SPLITCAST_FAULT). Asked at every point of a broadcast that can be named;
/// killing, stopping and delaying it does itself, a bit to be turned it gives back.
class Saboteur {
public:
    virtual ~Saboteur() = default;

    /// `percent` of the segments are held; `receiver` is whom a segment is about to be sent to,
    /// else no_rank. Which bit of the segment at hand is to be turned, if any.
    virtual std::optional<std::int64_t> at(collectives::FaultPoint point, int percent,
                                           collectives::Rank receiver) = 0;
};

}  // namespace splitcast::engine
