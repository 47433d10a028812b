#include "api/agreement.hpp"

#include "api/team_impl.hpp"
#include "mpi/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

namespace splitcast::api {

namespace {

/// Smaller is more telling.
std::int64_t importance(Status status) {
    constexpr std::array order{Status::argument, Status::setting,     Status::mismatch,
                               Status::lost,     Status::source,      Status::memory,
                               Status::mpi,      Status::destination, Status::integrity,
                               Status::internal};
    return std::ranges::find(order, status) - order.begin();
}

/// An error in transit.
struct Message {
    int status = 0;
    std::array<char, 1500> text{};
};

/// What is too long loses its middle, which is that of a long path: what went wrong comes last.
Message to_message(Status status, std::string text) {
    Message message{.status = static_cast<int>(status)};
    const std::size_t room = message.text.size() - 1;
    if (text.size() > room) {
        constexpr std::string_view gap = " [...] ";
        const std::size_t tail = room / 2;
        const std::size_t head = room - tail - gap.size();
        text = text.substr(0, head) + std::string(gap) + text.substr(text.size() - tail);
    }
    std::ranges::copy(text, message.text.begin());
    return message;
}

std::optional<Error> failed(const char* function, int code) {
    if (code == MPI_SUCCESS) return std::nullopt;
    return mpi::failure(function, code);
}

}  // namespace

std::optional<Error> agree(MPI_Comm comm, const std::optional<Error>& mine, int name) {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);

    constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
    const std::int64_t key = mine ? (importance(mine->status) << 32) + rank : none;
    std::int64_t first = none;
    if (auto error =
            failed("MPI_Allreduce", MPI_Allreduce(&key, &first, 1, MPI_INT64_T, MPI_MIN, comm)))
        return error;
    if (first == none) return std::nullopt;

    const int failures = mine ? 1 : 0;
    int total = 0;
    if (auto error =
            failed("MPI_Allreduce", MPI_Allreduce(&failures, &total, 1, MPI_INT, MPI_SUM, comm)))
        return error;
    // The least and the greatest hash in one reduction: the greatest is the least of the
    // complements.
    const std::uint64_t hash = mine ? std::hash<std::string>{}(mine->text) : 0;
    const std::array<std::uint64_t, 2> hashes{hash, ~hash};
    std::array<std::uint64_t, 2> least{};
    if (auto error = failed("MPI_Allreduce", MPI_Allreduce(hashes.data(), least.data(), 2,
                                                           MPI_UINT64_T, MPI_MIN, comm))) {
        return error;
    }
    const bool all_alike = total == size && least[0] == ~least[1];

    const int teller = static_cast<int>(first & 0xffffffff);
    Message message;
    if (rank == teller) {
        std::string text = mine->text;
        if (!all_alike) {
            text = fmt::format("rank {} on {}: {}", name, mpi::host_name(), text);
            if (total > 1)
                text += fmt::format(" ({} more rank{} failed)", total - 1, total > 2 ? "s" : "");
        }
        message = to_message(mine->status, std::move(text));
    }
    if (auto error =
            failed("MPI_Bcast", MPI_Bcast(&message, sizeof message, MPI_BYTE, teller, comm)))
        return error;
    return Error{static_cast<Status>(message.status), message.text.data()};
}

std::optional<Error> agree(Team::Impl& team, const std::optional<Error>& mine,
                           const std::vector<collectives::Loss>& known) {
    using collectives::Ballot;
    const Ballot key = mine ? (static_cast<Ballot>(importance(mine->status)) << 32U) +
                                  static_cast<Ballot>(team.rank())
                            : collectives::no_ballot;
    for (;;) {
        const auto lowest = team.lowest(key, known);
        if (!lowest) return lowest.error();
        if (*lowest == collectives::no_ballot) return std::nullopt;
        const int teller = static_cast<int>(*lowest & 0xffffffff);
        Message message;
        if (teller == team.rank()) {
            // That data are lost is nobody's fault in particular.
            message = to_message(mine->status, mine->status == Status::lost
                                                   ? mine->text
                                                   : team.who(teller) + ": " + mine->text);
        }
        const auto told = team.tell(&message, sizeof message, teller);
        if (told) return Error{static_cast<Status>(message.status), message.text.data()};
        // Who was about to tell has died, and what was wrong with it is of no concern any more.
        if (told.error().status != Status::lost) return told.error();
    }
}

Result<bool> any(MPI_Comm comm, bool mine) {
    const int here = mine ? 1 : 0;
    int there = 0;
    if (auto error =
            failed("MPI_Allreduce", MPI_Allreduce(&here, &there, 1, MPI_INT, MPI_MAX, comm)))
        return *error;
    return there != 0;
}

Result<bool> any(Team::Impl& team, bool mine) {
    const auto lowest = team.lowest(mine ? 0 : collectives::no_ballot);
    if (!lowest) return lowest.error();
    return *lowest == 0;
}

Result<std::vector<std::string>> gather_texts(MPI_Comm comm, const std::string& text) {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    const auto ranks = static_cast<std::size_t>(rank == 0 ? size : 0);
    const int length = static_cast<int>(text.size());
    std::vector<int> lengths(ranks);
    if (auto error = failed("MPI_Gather",
                            MPI_Gather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, 0, comm))) {
        return *error;
    }
    std::vector<int> offsets(ranks);
    std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
    std::string all(static_cast<std::size_t>(std::reduce(lengths.begin(), lengths.end())), '\0');
    if (auto error =
            failed("MPI_Gatherv", MPI_Gatherv(text.data(), length, MPI_CHAR, all.data(),
                                              lengths.data(), offsets.data(), MPI_CHAR, 0, comm))) {
        return *error;
    }
    std::vector<std::string> texts;
    texts.reserve(ranks);
    for (std::size_t i = 0; i < ranks; ++i) {
        texts.push_back(
            all.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(lengths[i])));
    }
    return texts;
}

}  // namespace splitcast::api
