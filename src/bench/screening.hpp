#pragma once

#include "bench/measure.hpp"
#include "bench/rivals.hpp"

#include <mpi.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace splitcast::bench {

/// Which of the rivals, by index, come into question as the fastest at a broadcast of the whole
/// buffer; the likeliest first. Collective.
///
/// A large buffer would take minutes with some of them. So all begin with a part of it, and those
/// that are far behind there, or not among the first ones, do not get to the whole.
Result<std::vector<std::size_t>> screen(MPI_Comm communicator, StartLine& line,
                                        std::span<Rival> rivals, std::span<std::byte> buffer,
                                        std::size_t keep);

}  // namespace splitcast::bench
