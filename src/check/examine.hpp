#pragma once

#include "check/crew.hpp"
#include "check/options.hpp"
#include "check/pair_stage.hpp"
#include "check/report.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

namespace splitcast::check {

/// What an examination came to.
struct Examination {
    Report report;            ///< on rank 0; on others only `complete` means something
    bool leaderless = false;  ///< rank 0 is lost: nobody has a report
};

/// Examines the nodes of `comm`, which has one rank on each (or more, where each is to count as a
/// node). Collective. Whoever dies or hangs meanwhile ends the measuring, and is named; what was
/// measured is judged all the same. `exit_code`: what a process ends with that has waited for ever.
[[nodiscard]] Result<Examination> examine(MPI_Comm comm, const Options& options, int exit_code,
                                          const Progress& say);

}  // namespace splitcast::check
