// Computing while a broadcast is under way.
//
// Each round works on one table while the next round's table is already on its way. Segments move
// whenever a rank is inside `test` or `wait`, so the computation is cut into slices and asks `test`
// between them. There is no thread behind your back.
//
//   mpicxx -std=c++20 -O2 overlap.cpp -lsplitcast -o overlap && mpirun -n 4 ./overlap

#include <mpi.h>

#include <splitcast/splitcast.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <optional>
#include <span>
#include <vector>

namespace {

constexpr std::size_t entries = 1 << 20;  // of a table: 8 MiB
constexpr std::size_t slice = 1 << 12;    // entries between two calls of `test`
constexpr int passes = 20;                // how hard the computation is
constexpr int rounds = 4;

using Table = std::vector<std::uint64_t>;

/// What the table of a round holds at `i`: something that can be checked.
std::uint64_t value(int round, std::size_t i) {
    return (i + 1) * 0x9E3779B97F4A7C15U ^ static_cast<std::uint64_t>(round);
}

void fill(Table& table, int round) {
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = value(round, i);
}

bool is_right(const Table& table, int round) {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i] != value(round, i)) return false;
    }
    return true;
}

/// The computation: it stands for yours.
std::uint64_t work(std::span<const std::uint64_t> part, std::uint64_t result) {
    for (int pass = 0; pass < passes; ++pass) {
        for (const std::uint64_t entry : part) result = (result ^ entry) * 0x100000001B3U;
    }
    return result;
}

int run(splitcast::Team& team) {
    const bool root = team.rank() == 0;
    int status = 0;
    Table now(entries);
    Table next(entries);
    if (root) fill(now, 0);
    if (const auto first = team.broadcast(now, 0); !first) {
        std::cerr << first.error().text << '\n';
        return 1;
    }

    for (int round = 0; round < rounds; ++round) {
        // Off goes the next table. Until `wait`, `next` belongs to splitcast: no rank may touch it.
        std::optional<splitcast::Request> request;
        if (round + 1 < rounds) {
            if (root) fill(next, round + 1);
            auto started =
                team.start(next.data(), static_cast<MPI_Count>(entries), MPI_UINT64_T, 0);
            if (!started) {
                std::cerr << started.error().text << '\n';
                return 1;
            }
            request.emplace(std::move(*started));
        }

        // Meanwhile this one is worked on. `test` lets segments move and returns at once.
        std::uint64_t result = 0;
        int tests_until_complete = 0;
        bool complete = !request;
        for (std::size_t at = 0; at < entries; at += slice) {
            result = work(std::span(now).subspan(at, std::min(slice, entries - at)), result);
            if (!complete) {
                complete = request->test();
                ++tests_until_complete;
            }
        }

        if (!is_right(now, round)) {
            std::cerr << "rank " << team.rank() << ": round " << round << " has wrong data\n";
            status = 1;  // told at the end: the others still count on this rank
        }

        if (request) {
            const auto report = request->wait();  // returns at once if `test` has said so
            if (!report) {
                std::cerr << report.error().text << '\n';
                return 1;
            }
            if (root) {
                std::cout << "round " << round << " computed " << result << "; the next table "
                          << (complete ? "came meanwhile, after " : "was under way, after ")
                          << tests_until_complete << " tests\n";
            }
            std::swap(now, next);
        }
    }
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int status = 1;
    if (auto team = splitcast::Team::create(MPI_COMM_WORLD)) {
        status = run(*team);
    } else {
        std::cerr << team.error().text << '\n';
    }
    MPI_Finalize();
    return status;
}
