// The contract of a blocking broadcast where nothing fails.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

using splitcast::Report;
using splitcast::Result;
using splitcast::Status;
using splitcast::Team;

namespace {

Team make_team(MPI_Comm comm = MPI_COMM_WORLD, splitcast::Settings settings = {}) {
    auto team = Team::create(comm, settings);
    if (!team) FAIL(team.error().text);
    return std::move(team).value();
}

void check_broadcast(Team& team, std::size_t size, int root, std::uint64_t salt,
                     splitcast::Settings settings = {}) {
    auto buffer = before(size, salt, root, team.rank());
    const auto report = team.broadcast(buffer, root, settings);
    if (!report) FAIL(report.error().text);
    CHECK(buffer == payload(size, salt));
    CHECK(report->bytes == static_cast<std::int64_t>(size));
    CHECK(report->bytes_received == (team.rank() == root ? 0 : static_cast<std::int64_t>(size)));
    CHECK(!report->choice.empty());
    CHECK(report->failed.empty());
}

void ignore_error(MPI_Comm* /*comm*/, int* /*code*/, ...) {}

}  // namespace

TEST_CASE("every root and every size gives every byte to every rank") {
    Team team = make_team();
    std::uint64_t salt = 1;
    for (int root = 0; root < team.size(); ++root) {
        for (const std::size_t size : {0UL, 1UL, 7UL, 4096UL, 65536UL, 65537UL, 1000003UL}) {
            CAPTURE(root, size);
            check_broadcast(team, size, root, salt++);
        }
    }
}

TEST_CASE("settings of a call shape the broadcast and do not change the result") {
    Team team = make_team();
    std::uint64_t salt = 100;
    for (const std::string settings :
         {"group_size=1", "group_size=2", "group_size=3,children=2", "group_size=100,segment=1000",
          "segment=333,window=1,receive_depth=1", "segment=1M",
          "group_size=2,children=3,segment=4K,window=3"}) {
        CAPTURE(settings);
        check_broadcast(team, 300007, team.size() - 1, salt++, settings);
    }
}

TEST_CASE("more segments than windows, ahead of slow receivers") {
    Team team = make_team();
    for (int round = 0; round < 20; ++round) {
        check_broadcast(team, 200000, round % team.size(), static_cast<std::uint64_t>(round) + 500,
                        "segment=512");
    }
}

TEST_CASE("a rank that arrives late is waited for") {
    Team team = make_team();
    for (const int late : {0, team.size() - 1}) {
        if (team.rank() == late) std::this_thread::sleep_for(std::chrono::milliseconds(300));
        check_broadcast(team, 500000, 0, 700 + static_cast<std::uint64_t>(late));
    }
}

TEST_CASE("roots, lengths and settings that differ are reported on every rank") {
    Team team = make_team();
    if (team.size() == 1) return;
    std::vector<unsigned char> buffer(300000);
    const bool odd = team.rank() == team.size() - 1;

    SECTION("root") {
        const auto report = team.broadcast(buffer, odd ? 1 : 0);
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
        CHECK(report.error().text.find("root 1") != std::string::npos);
        CHECK(report.error().text.find("rank " + std::to_string(team.size() - 1)) !=
              std::string::npos);
    }
    SECTION("length") {
        buffer.resize(odd ? 200000 : 300000);
        const auto report = team.broadcast(buffer, 0);
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
        CHECK(report.error().text.find("200000 bytes") != std::string::npos);
    }
    SECTION("length, by much, and to nothing") {
        buffer.resize(odd ? 0 : 300000);
        const auto report = team.broadcast(buffer, 0);
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
    }
    SECTION("the root has less than the others") {
        buffer.resize(team.rank() == 0 ? 100 : 300000);
        const auto report = team.broadcast(buffer, 0);
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
    }
    SECTION("settings of the call") {
        const auto report = team.broadcast(buffer, 0, odd ? "segment=1000" : "segment=2000");
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
        CHECK(report.error().text.find("other settings") != std::string::npos);
    }
    SECTION("a setting that does not exist, on one rank") {
        const auto report = team.broadcast(buffer, 0, odd ? "segmnet=1000" : "");
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
        if (odd) CHECK(report.error().text.find("segmnet") != std::string::npos);
    }
    SECTION("a root that does not exist, on one rank") {
        const auto report = team.broadcast(buffer, odd ? 77 : 0);
        REQUIRE(!report);
        CHECK(report.error().status == Status::mismatch);
    }
    // Nothing of it is left: the team goes on.
    check_broadcast(team, 300000, 1, 900);
}

TEST_CASE("mismatches again and again leave nothing behind") {
    Team team = make_team();
    if (team.size() == 1) return;
    for (int round = 0; round < 30; ++round) {
        std::vector<unsigned char> buffer(100000 + static_cast<std::size_t>(team.rank() % 2));
        const int root = (team.rank() + round) % 3 == 0 ? 1 : 0;
        const auto report = team.broadcast(buffer, root, "segment=1000");
        CHECK(!report);
        check_broadcast(team, 50000, round % team.size(), 2000 + static_cast<std::uint64_t>(round));
    }
}

TEST_CASE("arguments that cannot be, the same on all ranks") {
    Team team = make_team();
    std::vector<unsigned char> buffer(10);
    const auto wrong_root = team.broadcast(buffer, team.size());
    REQUIRE(!wrong_root);
    CHECK(wrong_root.error().status == Status::argument);
    const auto negative = team.broadcast(buffer.data(), -1, MPI_BYTE, 0);
    REQUIRE(!negative);
    CHECK(negative.error().status == Status::argument);
    const auto no_type = team.broadcast(buffer.data(), 1, MPI_DATATYPE_NULL, 0);
    REQUIRE(!no_type);
    CHECK(no_type.error().status == Status::argument);
    const auto no_buffer = team.broadcast(nullptr, 10, MPI_BYTE, 0);
    REQUIRE(!no_buffer);
    CHECK(no_buffer.error().status == Status::argument);
    const auto no_setting = team.broadcast(buffer, 0, "no_such_thing=1");
    REQUIRE(!no_setting);
    CHECK(no_setting.error().status == Status::setting);
    check_broadcast(team, 1000, 0, 950);
}

TEST_CASE("a team cannot be made of what is no communicator of one group") {
    const auto none = Team::create(MPI_COMM_NULL);
    REQUIRE(!none);
    CHECK(none.error().status == Status::argument);
    if (world_size() < 2) return;
    MPI_Comm half = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, world_rank() % 2, 0, &half);
    MPI_Comm inter = MPI_COMM_NULL;
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - world_rank() % 2, 0, &inter);
    const auto two_groups = Team::create(inter);
    REQUIRE(!two_groups);
    CHECK(two_groups.error().status == Status::argument);
    MPI_Comm_free(&inter);
    MPI_Comm_free(&half);
}

TEST_CASE("a team's settings: wrong or different on one rank is an error on all") {
    const bool odd = world_rank() == world_size() - 1;
    const auto wrong = Team::create(MPI_COMM_WORLD, odd ? "group_size=many" : "");
    REQUIRE(!wrong);
    CHECK(wrong.error().status == Status::setting);
    CHECK(wrong.error().text.find("group_size") != std::string::npos);
    if (world_size() < 2) return;
    const auto different = Team::create(MPI_COMM_WORLD, odd ? "group_size=3" : "group_size=2");
    REQUIRE(!different);
    CHECK(different.error().status == Status::setting);
}

TEST_CASE("settings come from the info of the team") {
    MPI_Info info = MPI_INFO_NULL;
    MPI_Info_create(&info);
    MPI_Info_set(info, "splitcast_segment", "5000");
    auto team = Team::create(MPI_COMM_WORLD, {}, info);
    MPI_Info_free(&info);
    REQUIRE(team);
    std::vector<unsigned char> buffer(100000);
    auto report = team->broadcast(buffer, 0);
    REQUIRE(report);
    CHECK(report->segment_bytes == 5000);
    report = team->broadcast(buffer, 0, "segment=7000");  // the call wins
    REQUIRE(report);
    CHECK(report->segment_bytes == 7000);
}

TEST_CASE("the caller's communicator and its error handler are left alone") {
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Errhandler ours = MPI_ERRHANDLER_NULL;
    MPI_Comm_create_errhandler(ignore_error, &ours);
    MPI_Comm_set_errhandler(comm, ours);
    {
        Team team = make_team(comm);
        CHECK(team.communicator() != comm);
        check_broadcast(team, 100000, 0, 1000);
        // A pending receive of the caller's own is not disturbed, whatever its tag.
        int value = 0;
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Irecv(&value, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &request);
        check_broadcast(team, 100000, team.size() - 1, 1001);
        const int mine = 42;
        MPI_Send(&mine, 1, MPI_INT, (team.rank() + 1) % team.size(), 5, comm);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(value == 42);
    }
    MPI_Errhandler now = MPI_ERRHANDLER_NULL;
    MPI_Comm_get_errhandler(comm, &now);
    CHECK(now == ours);
    MPI_Errhandler_free(&now);
    MPI_Errhandler_free(&ours);
    MPI_Comm_free(&comm);
    MPI_Errhandler world = MPI_ERRHANDLER_NULL;
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &world);
    CHECK(world == MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&world);
}

TEST_CASE("teams of parts of the world, and of one rank") {
    MPI_Comm part = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, world_rank() % 2, -world_rank(), &part);
    {
        Team team = make_team(part);
        check_broadcast(team, 123456, team.size() - 1, 1100);
    }
    MPI_Comm_free(&part);
    Team alone = make_team(MPI_COMM_SELF);
    check_broadcast(alone, 123456, 0, 1200);
}

TEST_CASE("a team that was moved from or freed says so") {
    Team team = make_team();
    Team other = std::move(team);
    check_broadcast(other, 100, 0, 1300);
    CHECK(other.free());
    std::vector<unsigned char> buffer(10);
    const auto report = other.broadcast(buffer, 0);
    REQUIRE(!report);
    CHECK(report.error().status == Status::state);
}
