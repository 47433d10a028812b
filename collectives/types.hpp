#pragma once

#include <cstdint>

namespace splitcast::collectives {

/// Position of a process in the team's communicator, 0 .. ranks-1.
using Rank = std::int32_t;
inline constexpr Rank no_rank = -1;

/// Length or offset in bytes. Signed, so that differences are ordinary numbers.
using Bytes = std::int64_t;

/// Index of a segment in the buffer, 0 .. segments-1, in address order.
using Segment = std::int64_t;

/// Time in nanoseconds from an arbitrary origin. Here it is only ever compared and subtracted:
/// the world hands it in, the simulator makes it up.
using Ticks = std::int64_t;

}  // namespace splitcast::collectives
