#include "cli/session.hpp"

#include "cli/launch_environment.hpp"
#include "fault/launcher.hpp"
#include "splitcast/copy.hpp"
#include "splitcast/launch.hpp"

#include <mpi.h>

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace splitcast::cli {

namespace {

/// Between a rank's last word and its end: others may still be in the last agreement, and would
/// take it for dead.
constexpr std::chrono::milliseconds last_moments{500};

constexpr std::array ending_signals{SIGINT, SIGTERM, SIGHUP};

extern "C" void end_tidily(int signal) {
    remove_unfinished_files();
    // SA_RESETHAND: the second time it does what it does by default, so that the process dies of
    // this signal.
    std::raise(signal);
}

void catch_signals() {
    struct sigaction action{};
    action.sa_handler = end_tidily;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    for (const int signal : ending_signals) {
        struct sigaction before{};
        // What the caller had ignored (nohup) stays ignored.
        if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        sigaction(signal, &action, nullptr);
    }
}

}  // namespace

bool first_process() {
    // Open MPI's mpirun, other PMIx launchers (srun --mpi=pmix), MPICH's, and srun without any; in
    // this order, because under mpirun in a batch job the last one is that of the batch script.
    for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
        if (const char* rank = std::getenv(variable)) return std::string_view(rank) == "0";
    }
    return true;
}

Result<std::unique_ptr<Session>> Session::open(bool survive) {
    prepare_launch_environment(survive);
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        return Error{Status::mpi, "MPI_Init_thread failed"};
    }
    const bool may_die = fault::started_by_srun() && started_with_ulfm();
    // It forks: before anything else is in use.
    const auto survives = may_die ? survive_direct_launch() : Result<void>();
    if (!may_die) fault::wait_for_late_starters();
    std::unique_ptr<Session> session(new Session());
    session->survives_ = may_die && survives.ok();
    if (!survives && session->rank() == 0)
        fmt::print(stderr, "splitcast: warning: {}\n", survives.error().text);
    if (provided < MPI_THREAD_FUNNELED) {
        return Error{Status::mpi,
                     "this MPI library has no MPI_THREAD_FUNNELED, which the command needs"};
    }
    return session;
}

Session::Session() {
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    catch_signals();
}

void Session::leave_the_lost(ExitCode code) const {
    if (survives_) leave_the_others(code);
}

void Session::leave_the_others(ExitCode code) {
    std::fflush(nullptr);
    std::this_thread::sleep_for(last_moments);
    _exit(static_cast<int>(code));
}

Session::~Session() { MPI_Finalize(); }

}  // namespace splitcast::cli
