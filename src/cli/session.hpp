#pragma once

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
    static Result<std::unique_ptr<Session>> open();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }

private:
    Session();
    int rank_ = 0;
    int size_ = 1;
};

}  // namespace splitcast::cli
