#pragma once

#include "splitcast/error.hpp"

namespace splitcast::fault {

/// Keeps Slurm from killing the whole step when a rank of it dies, so that the survivors can go on.
/// Its limits are those of splitcast/launch.hpp, whose function is this one after some checks.
///
/// Slurm's pmix plugin kills a step on any event that it hears of. There are two: the connection of
/// a rank that dies breaks, and libmpi reports a failure that it has noticed. So from now on a
/// child process of this one (called splitcast-guard) holds the connection as well, and libmpi's
/// reports are answered with success and go no further. The guard ends when Slurm closes the
/// connection: after MPI_Finalize, or with the step. SIGPIPE is ignored from now on unless the
/// program handles it: writing to a rank that is gone raises it.
///
/// It depends on how PMIx 5 connects (TCP to the address in PMIX_SERVER_URI...) and on the symbol
/// PMIx_Notify_event being found here before it is found in libpmix, which is so if this code is
/// in the program or in a library that the program links before libpmix, and shows the symbol.
Result<void> detach_from_launcher();

}  // namespace splitcast::fault
