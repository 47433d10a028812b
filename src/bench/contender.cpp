#include "bench/contender.hpp"

#include <array>

namespace splitcast::bench {

Result<void> Splitcast::broadcast(std::span<std::byte> buffer, int root) {
    auto report =
        team_.broadcast(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE, root);
    if (!report) return report.error();
    choice_ = std::move(report->choice);
    return {};
}

Result<void> Other::broadcast(std::span<std::byte> buffer, int root) {
    const int status = rival_.bcast(buffer.data(), static_cast<MPI_Count>(buffer.size()), root);
    if (status == MPI_SUCCESS) return {};
    std::array<char, MPI_MAX_ERROR_STRING + 1> text{};
    int length = 0;
    MPI_Error_string(status, text.data(), &length);
    return Error{Status::mpi, rival_.name() + ": " + text.data()};
}

}  // namespace splitcast::bench
