#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::bench {

/// What this process has of the machine's memory, in bytes, as the kernel counts it. The count may
/// be behind by some hundred KiB.
struct Memory {
    std::int64_t resident = 0;  ///< now
    std::int64_t peak = 0;      ///< at most, since it began or since forget_peak()
    std::int64_t heap = 0;      ///< handed out by malloc, now
};

/// Nothing where the kernel does not tell.
[[nodiscard]] std::optional<Memory> memory();

/// Lets the peak begin anew. False where the kernel does not do that.
bool forget_peak();

/// What broadcasts up to a size took, besides the payload itself.
struct MemoryRow {
    std::int64_t bytes = 0;  ///< of the payload
    std::int64_t peak = 0;   ///< on the rank where it was most
    std::int64_t heap =
        0;  ///< still handed out by malloc afterwards, on the rank where it was most
    std::string choice = {};  ///< splitcast's line on how it broadcasts
};

struct MemoryRun {
    std::vector<std::int64_t> sizes;
    int iterations = 3;
    std::string settings;
    std::string contender = "splitcast";  ///< or the name of a rival
};

/// The memory that broadcasting takes: what the process has at most while it broadcasts, less what
/// it had before it made its team, or its rival's communicator, and less the payload. So it is all
/// in: the team, buffers and connections of the MPI library, and whatever it does not give back.
/// Sizes go upwards in one process. Collective; every rank is told the same.
Result<void> measure_memory(MPI_Comm communicator, const MemoryRun& run,
                            const std::function<void(const MemoryRow&)>& done);

}  // namespace splitcast::bench
