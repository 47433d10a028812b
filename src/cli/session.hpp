#pragma once

#include "cli/exit_codes.hpp"
#include "splitcast/error.hpp"

#include <memory>

namespace splitcast::cli {

/// Is this the process that speaks for all, as far as the launcher's environment tells? For what is
/// to be said before MPI_Init, or without it.
[[nodiscard]] bool first_process();

/// MPI from initialization to finalization, as a command wants it: failures are returned, and a
/// process that is told to end (SIGINT, SIGTERM, SIGHUP) first removes its unfinished files.
class Session {
public:
    /// `survive`: where srun starts the ranks, let the step outlive them
    /// (splitcast/launch.hpp). Where that cannot be had, it says so and goes on as any other job.
    static Result<std::unique_ptr<Session>> open(bool survive = false);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }

    /// To be called by all that are left, after their last word, when ranks were lost. Under srun
    /// it ends the process with this code: MPI_Finalize would wait for ranks that hang, and for
    /// nodes that Slurm has not given up. Elsewhere it returns.
    void leave_the_lost(ExitCode code) const;
    /// To be called by a rank that was left out, after its last word: it ends here. In MPI_Finalize
    /// it might wait for ever for those who have given it up.
    [[noreturn]] static void leave_the_others(ExitCode code);

private:
    Session();
    int rank_ = 0;
    int size_ = 1;
    bool survives_ = false;  ///< the step outlives ranks
};

}  // namespace splitcast::cli
