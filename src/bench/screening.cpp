#include "bench/screening.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

namespace splitcast::bench {

namespace {

// The segment sizes that are good for a part of a buffer are good for a buffer of 16 times that
// size, unless the part is so small that it is a few segments only.
constexpr std::size_t part = 16;
constexpr std::size_t smallest_part = std::size_t{1} << 20U;
constexpr std::size_t into_the_last_round = 6;
constexpr double far_behind = 1.5;

Result<double> fastest_of(MPI_Comm communicator, StartLine& line, Rival& rival,
                          std::span<std::byte> buffer, int tries) {
    Other contender(rival);
    double fastest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < tries; ++i) {
        const auto key = static_cast<std::uint64_t>(i);
        const auto run = run_once(communicator, line, contender, buffer, 0, key, false);
        if (!run) return run.error();
        fastest = std::min(fastest, run->seconds);
    }
    return fastest;
}

}  // namespace

Result<std::vector<std::size_t>> screen(MPI_Comm communicator, StartLine& line,
                                        std::span<Rival> rivals, std::span<std::byte> buffer,
                                        std::size_t keep) {
    std::vector<std::size_t> field(rivals.size());
    std::iota(field.begin(), field.end(), std::size_t{0});
    std::vector<double> seconds(rivals.size());

    const auto round = [&](std::span<std::byte> bytes, int tries) -> Result<void> {
        for (const std::size_t which : field) {
            const auto fastest = fastest_of(communicator, line, rivals[which], bytes, tries);
            if (!fastest) return fastest.error();
            seconds[which] = *fastest;
        }
        // The same on every rank, since the times are.
        std::ranges::stable_sort(field, {}, [&](std::size_t which) { return seconds[which]; });
        const double limit = field.empty() ? 0 : far_behind * seconds[field.front()];
        std::erase_if(field, [&](std::size_t which) { return seconds[which] > limit; });
        return {};
    };

    if (const auto less = std::max(buffer.size() / part, smallest_part); less < buffer.size()) {
        // Two tries, since the first may have to open connections.
        if (auto done = round(buffer.first(less), 2); !done) return done.error();
        field.resize(std::min(field.size(), into_the_last_round));
        if (auto done = round(buffer, 1); !done) return done.error();
    } else {
        if (auto done = round(buffer, 3); !done) return done.error();
    }
    field.resize(std::min(field.size(), keep));
    return field;
}

}  // namespace splitcast::bench
