// Does a step of Slurm survive the loss of ranks? Some ranks end or stop, the others recover as
// ULFM offers it, work on, and say so.
//
// usage: survivor HOW FOLDER RANK...
//
// HOW is what the named ranks do: `kill` (die of SIGKILL), `exit` (leave without MPI_Finalize),
// `stop` (stop by SIGSTOP), `wait` (until somebody kills them, so that their connections break) or
// `vanish` (until somebody takes their node away, so that nothing is heard of them). FOLDER is seen
// by all: every rank makes a file in it when it is ready, and survivors of `vanish` wait for a file
// called `go`.

#include "splitcast/launch.hpp"

#include <mpi.h>
#include <mpi-ext.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

void end(const std::string& how) {
    std::this_thread::sleep_for(300ms);  // the others are in the next collective by then
    if (how == "kill") std::raise(SIGKILL);
    if (how == "exit") _exit(1);
    if (how == "stop") std::raise(SIGSTOP);
    for (;;) std::this_thread::sleep_for(1h);
}

MPI_Comm without_the_dead(MPI_Comm comm) {
    MPIX_Comm_revoke(comm);
    MPI_Comm survivors = MPI_COMM_NULL;
    MPIX_Comm_shrink(comm, &survivors);
    if (survivors != MPI_COMM_NULL) MPI_Comm_set_errhandler(survivors, MPI_ERRORS_RETURN);
    return survivors;
}

// Until something breaks; and again as long as a rank that has died is still taken for alive.
MPI_Comm after_error(MPI_Comm comm, int living) {
    int one = 1;
    int sum = 0;
    while (MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm) == MPI_SUCCESS) {
    }
    int size = 0;
    do {
        comm = without_the_dead(comm);
        if (comm == MPI_COMM_NULL) return comm;
        MPI_Comm_size(comm, &size);
        while (size > living && MPI_Barrier(comm) == MPI_SUCCESS) {
        }
    } while (size > living);
    return comm;
}

// Nobody noticed anything: the silent ranks are left out.
MPI_Comm after_silence(MPI_Comm comm, MPI_Comm control, const std::vector<int>& silent) {
    MPIX_Comm_revoke(comm);
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group living = MPI_GROUP_NULL;
    MPI_Comm_group(control, &all);
    MPI_Group_excl(all, static_cast<int>(silent.size()), silent.data(), &living);
    MPI_Comm survivors = MPI_COMM_NULL;
    MPI_Comm_create_group(control, living, 0, &survivors);
    return survivors;
}

bool work(MPI_Comm comm, int ranks) {
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    for (int i = 0; i < 20; ++i) {  // for a second: Slurm takes a moment to kill a step
        int one = 1;
        int sum = 0;
        if (MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm) != MPI_SUCCESS || sum != ranks)
            return false;
        std::this_thread::sleep_for(50ms);
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string how = argv[1];
    const std::filesystem::path folder = argv[2];
    std::vector<int> victims;
    for (int i = 3; i < argc; ++i) victims.push_back(std::atoi(argv[i]));

    MPI_Init(nullptr, nullptr);
    if (std::getenv("STAY_ATTACHED") != nullptr) {
        std::this_thread::sleep_for(100ms);  // see docs/slurm.md
    } else if (const auto survives = splitcast::survive_direct_launch(); !survives) {
        std::fprintf(stderr, "survivor: %s\n", survives.error().text.c_str());
        return 1;
    }
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    // Its duplicates inherit it.
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm control = MPI_COMM_NULL;
    MPI_Comm data = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &control);
    MPI_Comm_dup(MPI_COMM_WORLD, &data);
    MPI_Barrier(data);
    std::ofstream(folder / std::to_string(rank)).flush();
    for (const int victim : victims) {
        if (rank == victim) end(how);
    }
    const bool silent = how == "stop" || how == "vanish";
    while (silent && !std::filesystem::exists(folder / "go")) std::this_thread::sleep_for(10ms);
    const int living = size - static_cast<int>(victims.size());
    MPI_Comm survivors = silent ? after_silence(data, control, victims) : after_error(data, living);
    if (survivors == MPI_COMM_NULL || !work(survivors, living)) {
        std::fprintf(stderr, "survivor: rank %d could not go on\n", rank);
        _exit(3);
    }
    std::printf("rank %d survived\n", rank);
    std::fflush(stdout);
    if (silent) {
        // MPI_Finalize would wait for those who are silent. The others may still be in the last
        // collective.
        std::this_thread::sleep_for(500ms);
        _exit(0);
    }
    MPI_Finalize();
    return 0;
}
