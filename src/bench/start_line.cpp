#include "bench/start_line.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

namespace splitcast::bench {

namespace {

constexpr double least_notice = 100e-6;
constexpr double most_notice = 20e-3;
// Sleeping is exact to about this; the rest is waited for awake.
constexpr double awake = 80e-6;

}  // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

StartLine::StartLine(MPI_Comm communicator) : communicator_(communicator) {
    MPI_Comm_rank(communicator_, &rank_);
    MPI_Comm_size(communicator_, &size_);
    synchronize();
    // How long it takes until everybody knows the moment.
    constexpr int tries = 5;
    double longest = 0;
    for (int i = 0; i < tries; ++i) {
        double moment = 0;
        MPI_Barrier(communicator_);
        const double before = now();
        MPI_Bcast(&moment, 1, MPI_DOUBLE, 0, communicator_);
        MPI_Barrier(communicator_);
        if (i > 0) longest = std::max(longest, now() - before);
    }
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_DOUBLE, MPI_MAX, communicator_);
    notice_ = std::clamp(longest, least_notice, most_notice);
}

void StartLine::synchronize() {
    // The answer that came back fastest has the least doubt about when it was given.
    constexpr int tag = 1;
    const int exchanges = size_ > 64 ? 10 : 30;
    if (rank_ == 0) {
        for (int peer = 1; peer < size_; ++peer) {
            for (int i = 0; i < exchanges; ++i) {
                double time = 0;
                MPI_Recv(&time, 1, MPI_DOUBLE, peer, tag, communicator_, MPI_STATUS_IGNORE);
                time = now();
                MPI_Send(&time, 1, MPI_DOUBLE, peer, tag, communicator_);
            }
        }
        return;
    }
    double shortest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < exchanges; ++i) {
        double theirs = 0;
        const double sent = now();
        MPI_Send(&sent, 1, MPI_DOUBLE, 0, tag, communicator_);
        MPI_Recv(&theirs, 1, MPI_DOUBLE, 0, tag, communicator_, MPI_STATUS_IGNORE);
        const double received = now();
        if (received - sent >= shortest) continue;
        shortest = received - sent;
        ahead_ = (sent + received) / 2 - theirs;
    }
}

StartLine::Start StartLine::wait() {
    MPI_Barrier(communicator_);
    double moment = now() + notice_;
    MPI_Bcast(&moment, 1, MPI_DOUBLE, 0, communicator_);
    Start start{.at = moment + ahead_};
    const double left = start.at - now();
    if (left < 0) {
        start.late = -left;
        return start;
    }
    if (left > awake) std::this_thread::sleep_for(std::chrono::duration<double>(left - awake));
    double time = now();
    while (time < start.at) {
        std::this_thread::yield();
        time = now();
    }
    start.late = time - start.at;
    return start;
}

void StartLine::allow_more() { notice_ = std::min(2 * notice_, most_notice); }

}  // namespace splitcast::bench
