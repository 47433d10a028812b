// Does the MPI library, as it was started, let survivors go on? No splitcast in here: only what
// splitcast builds on. Some ranks end themselves by SIGKILL; the others must see the error, agree
// on who is left, work together, and leave MPI_Finalize.
//
//   survival FOLDER quiet|busy|inside VICTIM...
//
// quiet: the victims die before anybody has talked to anybody but through MPI_Comm_dup, which is
// where shrink and agree are known to hang. busy: all have talked to all. inside: the others are in
// a collective of the library, which may work on communicators of its own that nobody revokes.

#include "record.hpp"

#include <mpi.h>
#include <mpi-ext.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Waits for a message that never comes, until the library says that it will not.
int wait_for_error(MPI_Comm comm, int from) {
    int nothing = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    int error = MPI_Irecv(&nothing, 1, MPI_INT, from, 0, comm, &request);
    for (int done = 0; error == MPI_SUCCESS && done == 0;) {
        error = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    return error;
}

/// The same in a collective.
int reduce_until_error(MPI_Comm comm) {
    int error = MPI_SUCCESS;
    while (error == MPI_SUCCESS) {
        int sum = 0;
        const int one = 1;
        error = MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
    }
    return error;
}

std::vector<int> lost(MPI_Comm comm, MPI_Comm survivors) {
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group left = MPI_GROUP_NULL;
    MPI_Group difference = MPI_GROUP_NULL;
    MPI_Comm_group(comm, &all);
    MPI_Comm_group(survivors, &left);
    MPI_Group_difference(all, left, &difference);
    int count = 0;
    MPI_Group_size(difference, &count);
    std::vector<int> there(static_cast<std::size_t>(count));
    std::vector<int> here(there.size());
    for (int i = 0; i < count; ++i) there[static_cast<std::size_t>(i)] = i;
    MPI_Group_translate_ranks(difference, count, there.data(), all, here.data());
    for (MPI_Group* group : {&all, &left, &difference}) MPI_Group_free(group);
    return here;
}

/// A communicator of the living that works: one of them may have died meanwhile.
MPI_Comm regroup(MPI_Comm comm) {
    for (;;) {
        MPI_Comm survivors = MPI_COMM_NULL;
        if (MPIX_Comm_shrink(comm, &survivors) != MPI_SUCCESS) continue;
        MPI_Comm_set_errhandler(survivors, MPI_ERRORS_RETURN);
        int fine = 1;
        if (MPIX_Comm_agree(survivors, &fine) == MPI_SUCCESS && fine != 0) return survivors;
        MPI_Comm_free(&survivors);
    }
}

}  // namespace

int main(int argc, char** argv) {
    // Open MPI writes to sockets whose other end has just died, and does not ask to be spared the
    // signal: without this a survivor on another host dies of SIGPIPE, too.
    std::signal(SIGPIPE, SIG_IGN);
    MPI_Init(&argc, &argv);
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc < 4) {
        if (rank == 0) std::fprintf(stderr, "usage: survival FOLDER quiet|busy|inside VICTIM...\n");
        MPI_Finalize();
        return 2;
    }
    Record record(argv[1], rank);
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    const std::string_view how = argv[2];
    if (how != "quiet") {
        std::vector<int> numbers(static_cast<std::size_t>(size));
        MPI_Alltoall(std::vector<int>(numbers).data(), 1, MPI_INT, numbers.data(), 1, MPI_INT,
                     comm);
        // coll/han makes its own communicators when one of these is first used.
        int sum = 0;
        MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
        MPI_Bcast(numbers.data(), size, MPI_INT, 0, comm);
        MPI_Barrier(comm);
    }
    for (int i = 3; i < argc; ++i) {
        if (std::atoi(argv[i]) == rank) std::raise(SIGKILL);
    }

    const auto begin = Clock::now();
    const int error =
        how == "inside" ? reduce_until_error(comm) : wait_for_error(comm, (rank + size - 1) % size);
    const double noticed = since(begin);
    MPIX_Comm_revoke(comm);
    MPI_Comm survivors = regroup(comm);
    const double regrouped = since(begin);
    int count = 0;
    const int one = 1;
    MPI_Allreduce(&one, &count, 1, MPI_INT, MPI_SUM, survivors);
    int left = 0;
    MPI_Comm_size(survivors, &left);
    record.event("verdict", {{"broadcast", 1},
                             {"verdict", "survived"},
                             {"failed", lost(comm, survivors)},
                             {"right", error != MPI_SUCCESS && count == left},
                             {"noticed", noticed},
                             {"seconds", regrouped}});
    MPI_Comm_free(&survivors);
    MPI_Comm_free(&comm);
    MPI_Finalize();
    record.event("finalized");
    return 0;
}
