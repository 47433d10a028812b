#include "api/agreement.hpp"

#include "mpi/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <thread>

namespace splitcast::api {

namespace {

/// Smaller is more telling.
std::int64_t importance(Status status) {
    constexpr std::array order{Status::argument,    Status::setting,   Status::mismatch,
                               Status::source,      Status::memory,    Status::mpi,
                               Status::destination, Status::integrity, Status::internal};
    return std::ranges::find(order, status) - order.begin();
}

/// An error in transit.
struct Message {
    int status = 0;
    std::array<char, 1500> text{};
};

std::optional<Error> failed(const char* function, int code) {
    if (code == MPI_SUCCESS) return std::nullopt;
    return mpi::failure(function, code);
}

}  // namespace

std::optional<Error> agree(MPI_Comm comm, const std::optional<Error>& mine) {
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
            text = fmt::format("rank {} on {}: {}", rank, mpi::host_name(), text);
            if (total > 1)
                text += fmt::format(" ({} more rank{} failed)", total - 1, total > 2 ? "s" : "");
        }
        message.status = static_cast<int>(mine->status);
        std::copy_n(text.begin(), std::min(text.size(), message.text.size() - 1),
                    message.text.begin());
    }
    if (auto error =
            failed("MPI_Bcast", MPI_Bcast(&message, sizeof message, MPI_BYTE, teller, comm)))
        return error;
    return Error{static_cast<Status>(message.status), message.text.data()};
}

std::optional<Error> wait_for_all(MPI_Comm comm) {
    using namespace std::chrono_literals;
    MPI_Request request = MPI_REQUEST_NULL;
    if (auto error = failed("MPI_Ibarrier", MPI_Ibarrier(comm, &request))) return error;
    auto pause = 20us;
    for (int flag = 0;;) {
        if (auto error = failed("MPI_Test", MPI_Test(&request, &flag, MPI_STATUS_IGNORE)))
            return error;
        if (flag != 0) return std::nullopt;
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::microseconds(1000));
    }
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
