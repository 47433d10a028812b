#include "splitcast/launch.hpp"

#include "fault/launcher.hpp"
#include "fault/launcher_detach.hpp"
#include "mpi/ulfm.hpp"

#include <mpi.h>

namespace splitcast {

Result<void> survive_direct_launch() {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) {
        return Error{Status::state,
                     "survive_direct_launch is to be called right after MPI_Init, and was called "
                     "before it or after MPI_Finalize"};
    }
    if (!fault::started_by_srun()) return {};
    fault::wait_for_late_starters();
    if (!mpi::ulfm::enabled()) {
        return Error{Status::state,
                     "ULFM is off, so a rank that dies ends the step; set OMPI_MCA_mpi_ft_enable=1 "
                     "before srun, or better read splitcast-env.sh"};
    }
    return fault::detach_from_launcher();
}

}  // namespace splitcast
