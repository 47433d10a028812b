#pragma once

#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/plan.hpp"
#include "collectives/schedule.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::collectives {

/// Something that a schedule or a plan must never do.
struct Violation {
    enum class Kind : std::uint8_t {
        bad_flow,      ///< to oneself, to a rank that takes no part, twice on one channel, or with
                       ///< segments that do not exist or do not ascend
        one_sided,     ///< sender and receiver do not agree on a flow
        already_held,  ///< a rank is sent a segment that it held from the start
        received_twice,  ///< a rank is sent a segment more than once
        never_received,  ///< nobody sends a rank a segment that it lacks
        not_held,        ///< a rank is to send a segment that it neither holds nor is sent
        stuck,           ///< a flow waits for ever: ranks wait for each other in a circle
        volume,          ///< a rank sends more than the schedule promises
    };
    Kind kind = Kind::bad_flow;
    Rank rank =
        no_rank;  ///< who does it; the receiver if a segment comes wrong, the sender otherwise
    Rank peer = no_rank;   ///< the other end of the flow, if it is about a flow
    Segment segment = -1;  ///< if it is about one
    std::string text;      ///< a sentence with all of this

    friend bool operator==(const Violation&, const Violation&) = default;
};

[[nodiscard]] std::string_view name(Violation::Kind kind);

/// A list of violations, one a line; "" when there are none.
[[nodiscard]] std::string text(const std::vector<Violation>& violations);

/// Checks what ranks are about to do: plans[r] and before[r] are those of rank r. Only `live` ranks
/// may have flows, and every one of them must end up with every segment. The flows are then run,
/// each strictly first in, first out, and whatever does not get done is `stuck`. An empty list
/// means that the plans are right. Linear in segments transferred times flows of a rank.
[[nodiscard]] std::vector<Violation> check(std::span<const RankPlan> plans,
                                           std::span<const Holdings> before,
                                           std::span<const Rank> live);

/// Checks all ranks' plans of a fresh broadcast, and that nobody sends more than the schedule
/// promises: the root the buffer once, nobody more than max(k, k - 1 + d) stripes over the network.
[[nodiscard]] std::vector<Violation> check(const Schedule& schedule, Segment segments);

/// The same for plans that are said to be this schedule's.
[[nodiscard]] std::vector<Violation> check(const Schedule& schedule,
                                           std::span<const RankPlan> plans, Segment segments);

[[nodiscard]] std::vector<Violation> check(const Plan& plan, std::span<const Holdings> before,
                                           std::span<const Rank> live);

}  // namespace splitcast::collectives
