// More than 2^31 bytes and more than 2^31 elements.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <memory>

TEST_CASE("a buffer of more than 2^31 elements") {
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    REQUIRE(team);
    constexpr MPI_Count size = (MPI_Count{1} << 31) + 12345;
    // Not a vector: it would write every page before the broadcast does.
    const std::unique_ptr<unsigned char[]> buffer(new unsigned char[size]);
    constexpr std::size_t step = 4093;  // a prime: looks into every segment, whatever its size
    if (team->rank() == 1) {
        std::memset(buffer.get(), 0, size);
        for (std::size_t i = 0; i < size; i += step) buffer[i] = payload_byte(i, 1);
        buffer[size - 1] = 77;
    }
    const auto report = team->broadcast(buffer.get(), size, MPI_BYTE, 1);
    if (!report) FAIL(report.error().text);
    CHECK(report->bytes == size);
    bool right = buffer[size - 1] == 77;
    for (std::size_t i = 0; i < size - 1; i += step)
        right = right && buffer[i] == payload_byte(i, 1);
    CHECK(right);
}
