#include "check/clocks.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <limits>

namespace splitcast::check {

namespace {

constexpr int clock_tag = 21;
constexpr int round_trips = 10;

double wall_clock() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// One message, one way. False: the partner is lost, and accused.
bool pass(Crew& crew, int partner, double& value, bool sends, bool busy) {
    MPI_Request request = MPI_REQUEST_NULL;
    const int code =
        sends ? MPI_Isend(&value, 1, MPI_DOUBLE, partner, clock_tag, crew.comm(), &request)
              : MPI_Irecv(&value, 1, MPI_DOUBLE, partner, clock_tag, crew.comm(), &request);
    // A node waits for its turn as long as all others may take.
    const double patience = busy ? crew.patience() : 2 * crew.patience();
    const auto outcome =
        code == MPI_SUCCESS ? crew.wait(request, busy, patience) : Crew::Wait::died;
    if (outcome != Crew::Wait::done) crew.accuse(partner);
    return outcome == Crew::Wait::done;
}

bool ask(Crew& crew, int partner, collectives::ClockOffset& offset) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < round_trips; ++i) {
        double theirs = 0;
        const double sent = wall_clock();
        if (!pass(crew, partner, theirs, true, true)) return false;
        if (!pass(crew, partner, theirs, false, true)) return false;
        const double received = wall_clock();
        if (received - sent >= least) continue;
        least = received - sent;
        offset = {.ahead = theirs - (sent + received) / 2, .doubt = least / 2};
    }
    return true;
}

bool answer(Crew& crew) {
    for (int i = 0; i < round_trips; ++i) {
        double time = 0;
        if (!pass(crew, 0, time, false, i > 0)) return false;
        time = wall_clock();
        if (!pass(crew, 0, time, true, true)) return false;
    }
    return true;
}

}  // namespace

std::optional<std::vector<collectives::ClockOffset>> compare_clocks(Crew& crew) {
    std::vector<collectives::ClockOffset> offsets;
    bool fine = true;
    if (crew.conducts()) {
        offsets.resize(static_cast<std::size_t>(crew.size()));
        for (int rank = 1; fine && rank < crew.size(); ++rank) {
            fine = ask(crew, rank, offsets[static_cast<std::size_t>(rank)]);
        }
    } else {
        fine = answer(crew);
    }
    const auto together =
        crew.meet("comparing clocks", {}, 0, [](const auto&) { return std::vector<double>(); });
    if (!fine || !together) return std::nullopt;
    return offsets;
}

double processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double fixed_computation() {
    constexpr int tries = 5;
    constexpr int steps = 2'000'000;
    double least = std::numeric_limits<double>::infinity();
    for (int attempt = 0; attempt < tries; ++attempt) {
        volatile std::uint64_t start = 1;  // or the compiler may know the result
        std::uint64_t value = start;
        const double begin = processor_time();
        for (int i = 0; i < steps; ++i) value = value * 6364136223846793005U + 1442695040888963407U;
        start = value;
        least = std::min(least, processor_time() - begin);
    }
    return least;
}

}  // namespace splitcast::check
