#include "bench/comparison.hpp"

#include "bench/screening.hpp"
#include "bench/sizes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <new>
#include <utility>

namespace splitcast::bench {

namespace {

constexpr std::string_view shipped = "shipped";
constexpr std::size_t finalists = 3;

// The ranks must agree on whether there is room, before one of them goes on alone.
Result<std::unique_ptr<std::byte[]>> room_for(MPI_Comm communicator, std::int64_t bytes) {
    std::unique_ptr<std::byte[]> room(new (std::nothrow)
                                          std::byte[static_cast<std::size_t>(bytes)]);
    int everywhere = room ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &everywhere, 1, MPI_INT, MPI_MIN, communicator);
    if (everywhere == 0) {
        return Error{Status::memory, "some rank has no room for " + size_text(bytes) +
                                         "; choose a smaller size with -m"};
    }
    return room;
}

std::vector<std::string> names_for(const Comparison& comparison, MPI_Comm communicator) {
    switch (comparison.field) {
        case Field::none: return {};
        case Field::named: return comparison.names;
        case Field::best:
        case Field::all: break;
    }
    return default_rivals(spread_of(communicator));
}

// Indices of the rivals that take part at this size.
Result<std::vector<std::size_t>> participants(MPI_Comm communicator, StartLine& line,
                                              std::span<Rival> rivals, std::span<std::byte> buffer,
                                              Field field) {
    std::vector<std::size_t> chosen;
    if (field == Field::best) {
        auto screened = screen(communicator, line, rivals, buffer, finalists);
        if (!screened) return screened.error();
        chosen = std::move(screened).value();
    }
    for (std::size_t i = 0; i < rivals.size(); ++i) {
        const bool wanted = field != Field::best || rivals[i].name() == shipped;
        if (wanted && std::ranges::find(chosen, i) == chosen.end()) chosen.push_back(i);
    }
    return chosen;
}

Row row_of(Measured measured) {
    Row row{.measured = std::move(measured)};
    const auto& series = row.measured.series;
    for (std::size_t i = 1; i < series.size(); ++i) {
        if (series[i].name == shipped) row.shipped = i;
        if (!row.best || series[i].summary.median < series[*row.best].summary.median) row.best = i;
    }
    return row;
}

}  // namespace

std::optional<double> Row::ratio(std::optional<std::size_t> which) const {
    const Series* other = series(which);
    if (other == nullptr || ours().summary.median <= 0) return std::nullopt;
    return other->summary.median / ours().summary.median;
}

Surroundings surroundings(MPI_Comm communicator) {
    Surroundings found{.spread = spread_of(communicator)};
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    MPI_Get_library_version(text.data(), &length);
    found.mpi = text.data();
    found.mpi.resize(std::min(found.mpi.find_first_of(",\n"), found.mpi.size()));
    std::ifstream("/proc/sys/net/ipv4/tcp_congestion_control") >> found.congestion;
    return found;
}

Result<void> compare(MPI_Comm communicator, const Comparison& comparison,
                     const std::function<void(const Row&)>& done) {
    if (comparison.sizes.empty()) return Error{Status::argument, "there are no sizes to measure"};
    int ranks = 1;
    MPI_Comm_size(communicator, &ranks);
    if (comparison.method.root >= ranks) {
        return Error{
            Status::argument,
            "there is no rank " + std::to_string(comparison.method.root) + " to be the root"};
    }
    auto team = Team::create(communicator, comparison.settings);
    if (!team) return team.error();
    const auto room = room_for(communicator, std::ranges::max(comparison.sizes));
    if (!room) return room.error();

    auto rivals = make_rivals(communicator, names_for(comparison, communicator));
    StartLine line(communicator);
    Splitcast splitcast(*team);
    std::vector<Other> others(rivals.begin(), rivals.end());
    for (const std::int64_t bytes : comparison.sizes) {
        const std::span buffer(room->get(), static_cast<std::size_t>(bytes));
        const auto chosen = participants(communicator, line, rivals, buffer, comparison.field);
        if (!chosen) return chosen.error();
        std::vector<Contender*> contenders{&splitcast};
        for (const std::size_t i : *chosen) contenders.push_back(&others[i]);
        auto measured = measure(communicator, line, contenders, buffer, comparison.method);
        if (!measured) return measured.error();
        done(row_of(std::move(measured).value()));
    }
    return {};
}

std::vector<std::string> split_names(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (comma > 0) names.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return names;
}

}  // namespace splitcast::bench
