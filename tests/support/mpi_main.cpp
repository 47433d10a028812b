// The main program of tests with ranks: every rank runs every test case, and the run fails if it
// failed anywhere.

#include <mpi.h>

#include <catch2/catch_session.hpp>

#include <algorithm>

int main(int argc, char** argv) {
    int provided = MPI_THREAD_SINGLE;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    Catch::Session session;
    int status = session.applyCommandLine(argc, argv);
    if (status == 0) status = session.run();
    status = std::min(status, 255);
    int worst = status;
    MPI_Allreduce(&status, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return worst;
}
