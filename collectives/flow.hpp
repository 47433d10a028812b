#pragma once

#include "collectives/sequence.hpp"
#include "collectives/types.hpp"

#include <string>
#include <vector>

namespace splitcast::collectives {

/// Channels are 0 .. max_channels-1; a group is never larger than that.
inline constexpr int max_channels = 1000;

/// An ordered stream of segments between two ranks. Both ends know the sequence; messages of one
/// flow stay in order; two flows between the same ranks differ in their channel.
struct Flow {
    Rank peer = no_rank;
    int channel = 0;
    Sequence segments;

    friend bool operator==(const Flow&, const Flow&) = default;
};

/// What one rank does in an epoch: what it receives from whom, what it sends to whom. The order of
/// `out` is the order of preference when several flows could send the same segment (onward to other
/// groups before peers).
struct RankPlan {
    std::vector<Flow> in;
    std::vector<Flow> out;

    /// One line per flow: "from 3 channel 0: 0,4,8..60", then "to 5 channel 1: 1,5,9..61".
    [[nodiscard]] std::string text() const;
    friend bool operator==(const RankPlan&, const RankPlan&) = default;
};

}  // namespace splitcast::collectives
