#pragma once

#include "collectives/schedule.hpp"
#include "collectives/settings.hpp"
#include "collectives/types.hpp"

#include <string>

namespace splitcast::collectives {

/// What is known of the links of a team. Agreed by all ranks: the choice depends on it.
struct Links {
    double latency =
        50e-6;  ///< seconds for a small message between units (nodes, or ranks of one node)
    double bandwidth = 1.25e9;   ///< bytes per second of one unit's link, each way
    double overhead = 5e-6;      ///< seconds that a rank spends on each message
    bool shared_memory = false;  ///< all ranks are on one node
    bool measured = false;

    friend bool operator==(const Links&, const Links&) = default;
};

/// What is chosen for one broadcast, and why.
struct Choice {
    Shape shape;
    Bytes segment_bytes = 1;
    int window = 2;         ///< segments under way per flow at first; then between
    int window_least = 2;   ///< this
    int window_limit = 64;  ///< and this
    int receive_depth = 8;
    double seconds = 0;  ///< what the model expects
    std::string why;     ///< one line

    [[nodiscard]] std::string text() const;
};

/// Chooses group size, children and segment size for `length` bytes to `units` units. Pure: the
/// same on every rank. Values that `settings` fixes are kept and the rest is chosen around them.
[[nodiscard]] Choice choose(Bytes length, int units, const Links& links, const Settings& settings);

}  // namespace splitcast::collectives
