// A dataset of more than 2 GiB: into memory of the node, and a part of it from beyond 2 GiB.

#include "h5/samples.hpp"
#include "splitcast/h5.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>
#include <sys/statvfs.h>

#include <cstdio>
#include <string>

namespace h5 = splitcast::h5;

namespace {

bool room_in_shared_memory(std::uint64_t bytes) {
    struct statvfs facts{};
    return ::statvfs("/dev/shm", &facts) == 0 && facts.f_bavail * facts.f_frsize > bytes;
}

/// As samples::make_huge writes it.
unsigned char expected(std::uint64_t at) { return static_cast<unsigned char>(at / (64 << 20) + 1); }

}  // namespace

TEST_CASE("more than 2 GiB") {
    const std::string file = "/tmp/splitcast-h5-huge.h5";
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) REQUIRE(samples::make_huge(file));
    auto team = splitcast::Team::create(MPI_COMM_WORLD, "probe=off");
    REQUIRE(team.ok());

    h5::Options options;
    constexpr std::uint64_t length = (std::uint64_t{1} << 31) + 12345;
    options.selection = {{length - 1000}, {1000}, {}, {}};
    const auto part = h5::read(*team, file, "/huge", options);
    if (!part) FAIL(part.error().text);
    CHECK(part->values<unsigned char>()->back() == expected(length - 1));

    if (!room_in_shared_memory(length + (64 << 20))) {
        std::puts("skipped: /dev/shm has no room for 2 GiB");
    } else {
        auto nodes = h5::Nodes::create(*team);
        REQUIRE(nodes.ok());
        const auto all = h5::share(*nodes, file, "/huge");
        if (!all) FAIL(all.error().text);
        REQUIRE(all->elements() == static_cast<std::int64_t>(length));
        const auto values = all->values<unsigned char>();
        bool equal = true;
        for (std::uint64_t at = 0; at < length; at += 4095)
            equal = equal && (*values)[at] == expected(at);
        CHECK(equal);
        CHECK((*values)[length - 1] == expected(length - 1));
        CHECK(all->traffic().wire_bytes < 32 << 20);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) std::remove(file.c_str());
}
