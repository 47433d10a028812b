#include "bench/measure.hpp"

#include "bench/payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <utility>

namespace splitcast::bench {

namespace {

// A start is missed when that shows in the time. It is then tried again, with more notice.
constexpr double tolerated_part = 0.02;
constexpr double tolerated_seconds = 20e-6;
constexpr int tries = 3;

int size_of(MPI_Comm communicator) {
    int size = 1;
    MPI_Comm_size(communicator, &size);
    return size;
}

int rank_in(MPI_Comm communicator) {
    int rank = 0;
    MPI_Comm_rank(communicator, &rank);
    return rank;
}

// All ranks have to learn that one of them has a wrong byte, or they part ways.
Result<void> check(MPI_Comm communicator, const Contender& contender,
                   std::span<const std::byte> buffer, std::uint64_t key) {
    const auto wrong = first_wrong(buffer, key);
    const int size = size_of(communicator);
    int first = wrong ? rank_in(communicator) : size;
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, communicator);
    if (first == size) return {};
    std::int64_t place = wrong.value_or(0);
    MPI_Bcast(&place, 1, MPI_INT64_T, first, communicator);
    return Error{Status::integrity,
                 fmt::format("{} delivered wrong data: on rank {} byte {} of {} is the first",
                             contender.name(), first, place, buffer.size())};
}

class Session {
public:
    Session(MPI_Comm communicator, StartLine& line, std::span<std::byte> buffer,
            const Method& method)
        : communicator_(communicator),
          line_(line),
          buffer_(buffer),
          method_(method),
          ranks_(size_of(communicator)) {}

    Result<Run> run(Contender& contender, int turn) {
        const int root = method_.root < 0 ? turn % ranks_ : method_.root;
        return run_once(communicator_, line_, contender, buffer_, root,
                        (method_.seed << 32U) + ++runs_, method_.validate);
    }

    /// As run(), but tries again when the start was missed.
    Result<double> measured(Contender& contender, int turn, int& repeated) {
        for (int attempt = 1;; ++attempt) {
            const auto result = run(contender, turn);
            if (!result) return result.error();
            const double tolerated = std::max(tolerated_seconds, tolerated_part * result->seconds);
            if (result->late <= tolerated || attempt == tries) return result->seconds;
            line_.allow_more();
            ++repeated;
        }
    }

private:
    MPI_Comm communicator_;
    StartLine& line_;
    std::span<std::byte> buffer_;
    const Method& method_;
    int ranks_;
    std::uint64_t runs_ = 0;  // each has a payload of its own
};

// std::shuffle may differ between libraries, and ranks may not.
void shuffle(std::vector<std::size_t>& order, std::mt19937_64& random) {
    for (std::size_t left = order.size(); left > 1; --left) {
        std::swap(order[left - 1], order[random() % left]);
    }
}

}  // namespace

Result<Run> run_once(MPI_Comm communicator, StartLine& line, Contender& contender,
                     std::span<std::byte> buffer, int root, std::uint64_t key, bool validate) {
    if (rank_in(communicator) == root) {
        fill(buffer, key);
    } else {
        poison(buffer);
    }
    contender.prepare();
    const auto start = line.wait();
    const auto outcome = contender.broadcast(buffer, root);
    const double end = now();

    std::array<double, 3> worst{end - start.at, start.late, outcome.ok() ? 0.0 : 1.0};
    MPI_Allreduce(MPI_IN_PLACE, worst.data(), static_cast<int>(worst.size()), MPI_DOUBLE, MPI_MAX,
                  communicator);
    if (!outcome) return outcome.error();
    if (worst[2] > 0) {
        return Error{Status::mpi, contender.name() + " failed on another rank"};
    }
    if (validate) {
        if (auto right = check(communicator, contender, buffer, key); !right) return right.error();
    }
    return Run{.seconds = worst[0], .late = worst[1]};
}

Result<Measured> measure(MPI_Comm communicator, StartLine& line,
                         std::span<Contender* const> contenders, std::span<std::byte> buffer,
                         const Method& method) {
    Session session(communicator, line, buffer, method);
    Measured measured;
    measured.bytes = static_cast<std::int64_t>(buffer.size());
    line.synchronize();

    double slowest = 0;
    for (Contender* contender : contenders) {
        measured.series.push_back({.name = contender->name()});
        int warm_ups = std::max(method.warm_ups, 1);  // at least one, to know how long it takes
        double fastest = 0;
        for (int i = 0; i < warm_ups; ++i) {
            const auto run = session.run(*contender, i);
            if (!run) return run.error();
            fastest = i == 0 ? run->seconds : std::min(fastest, run->seconds);
            if (method.warm_ups < 0) warm_ups = warm_ups_for(fastest);
        }
        slowest = std::max(slowest, fastest);
    }

    const int iterations = method.iterations > 0 ? method.iterations : iterations_for(slowest);
    std::mt19937_64 random(method.seed);
    std::vector<std::size_t> order(contenders.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int i = 0; i < iterations; ++i) {
        shuffle(order, random);
        for (const std::size_t which : order) {
            const auto seconds = session.measured(*contenders[which], i, measured.repeated);
            if (!seconds) return seconds.error();
            measured.series[which].seconds.push_back(*seconds);
        }
    }
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        measured.series[i].summary = summarize(measured.series[i].seconds);
        measured.series[i].choice = contenders[i]->choice();
    }
    return measured;
}

}  // namespace splitcast::bench
