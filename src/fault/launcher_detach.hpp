#pragma once

#include "splitcast/error.hpp"

namespace splitcast::fault {

/// Keeps Slurm from killing the whole step when a rank of it dies, so that the survivors can go on.
///
/// Slurm's pmix plugin kills a step on any event that it hears of. There are two: the connection of
/// a rank that dies breaks, and libmpi reports a failure that it has noticed. So from now on a
/// child process of this one (called splitcast-guard) holds the connection as well, and libmpi's
/// reports are answered with success and go no further. The guard ends when Slurm closes the
/// connection: after MPI_Finalize, or with the step. SIGPIPE is ignored from now on unless the
/// program handles it: writing to a rank that is gone raises it.
///
/// Call it once on every rank, right after MPI_Init and before much memory is in use, since it
/// forks. Where srun is not the launcher it does nothing. It is a hack, with limits:
/// - A failure of a rank for any reason, MPI_Abort not among them, no longer ends the step. Whoever
///   calls this has to notice failures.
/// - srun's exit status is still that of the worst rank (137 after a SIGKILL).
/// - srun needs --no-kill --kill-on-bad-exit=0, and --wait=SECONDS if a rank may hang for ever.
/// - It depends on how PMIx 5 connects (TCP to the address in PMIX_SERVER_URI...) and on the symbol
///   PMIx_Notify_event being found here before it is found in libpmix, which is so if this code is
///   in the program or in a library that the program links before libpmix, and shows the symbol.
/// - On networks whose library does not allow fork (old verbs) it must not be used.
Result<void> detach_from_launcher();

}  // namespace splitcast::fault
