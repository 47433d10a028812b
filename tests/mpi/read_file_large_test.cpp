#include "mpi/payload.hpp"
#include "splitcast/file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

using namespace splitcast;

TEST_CASE("a file of more than 2 GiB") {
    constexpr std::int64_t length = (1LL << 31) + 100'003;
    std::array<char, 64> name{"/tmp/splitcast-large.XXXXXX"};
    if (world_rank() == 0) {
        const int file = mkstemp(name.data());
        REQUIRE(file >= 0);
        REQUIRE(ftruncate(file, length) == 0);  // sparse
        REQUIRE(pwrite(file, "begin", 5, 0) == 5);
        REQUIRE(pwrite(file, "middle", 6, (1LL << 31) - 3) == 6);
        REQUIRE(pwrite(file, "end", 3, length - 3) == 3);
        close(file);
    }
    MPI_Bcast(name.data(), name.size(), MPI_CHAR, 0, MPI_COMM_WORLD);
    const auto text = [](const FileContents& contents, std::int64_t offset, std::size_t count) {
        const auto bytes = contents.bytes().subspan(static_cast<std::size_t>(offset), count);
        return std::string(reinterpret_cast<const char*>(bytes.data()), count);
    };
    auto team = Team::create(MPI_COMM_WORLD).value();
    {
        const auto all = read_file(team, name.data());
        REQUIRE(all);
        CHECK(std::ssize(all->bytes()) == length);
        CHECK(text(*all, 0, 5) == "begin");
        CHECK(text(*all, (1LL << 31) - 3, 6) == "middle");
        CHECK(text(*all, length - 3, 3) == "end");
    }
    const auto part = read_file(team, name.data(), {.offset = (1LL << 31) - 3});
    REQUIRE(part);
    CHECK(text(*part, 0, 6) == "middle");
    CHECK(text(*part, std::ssize(part->bytes()) - 3, 3) == "end");
    MPI_Barrier(MPI_COMM_WORLD);
    if (world_rank() == 0) unlink(name.data());
}
