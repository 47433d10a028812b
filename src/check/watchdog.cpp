#include "check/watchdog.hpp"

#include <mpi.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace splitcast::check {

Watchdog::Watchdog(double limit, std::string name, int exit_code)
    : limit_(limit), name_(std::move(name)), exit_code_(exit_code), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Watchdog::hears(std::string_view during) {
    {
        const std::lock_guard lock(mutex_);
        heard_ = true;
        during_ = during;
    }
    changed_.notify_all();
}

void Watchdog::watch() {
    std::unique_lock lock(mutex_);
    while (!over_) {
        heard_ = false;
        changed_.wait_for(lock, std::chrono::duration<double>(limit_),
                          [this] { return heard_ || over_; });
        if (heard_ || over_) continue;
        std::fprintf(stderr,
                     "splitcast check: error: %s has waited for %.0f s (%s): some node does not "
                     "answer; every node that does says a line like this one\n",
                     name_.c_str(), limit_, during_.c_str());
        // Time for the others to say theirs. This thread may call MPI although it is not to:
        // nothing else will happen in this process.
        std::this_thread::sleep_for(std::chrono::seconds(3));
        alarm(5);
        MPI_Abort(MPI_COMM_WORLD, exit_code_);
        _exit(exit_code_);
    }
}

}  // namespace splitcast::check
