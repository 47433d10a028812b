#pragma once

#include <cstdint>
#include <optional>

namespace splitcast::check {

/// What is measured, and from when on somebody is named.
struct Options {
    std::int64_t size = 0;     ///< bytes of a large transfer; 0: about a tenth of a second's worth
    int repetitions = 5;       ///< of everything; at least 3
    double time_budget = 120;  ///< seconds; when they are over no further repetition begins
    double slow = 0.8;         ///< of the median rate
    std::optional<double> at_least;  ///< bytes per second that every node has to reach
    double latency = 2;              ///< times the median,
    double latency_floor = 20e-6;    ///< and at least that many seconds more
    double clock_offset = 0.05;      ///< seconds from the median clock
    double memory_tolerance = 0.02;  ///< of the memory that most nodes have
    double patience = 30;            ///< seconds after which a node that says nothing is given up
    bool mixed = false;              ///< nodes may have different processors and memory
    bool every_rank = false;         ///< each rank counts as a node
    bool drill = true;               ///< spoil a segment on purpose: is it caught?
    bool kill = false;               ///< kill a rank on purpose: do the others go on?
    std::uint64_t seed = 1;          ///< of orders and groups
};

}  // namespace splitcast::check
