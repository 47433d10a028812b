// Broadcasts that are started and ended apart: several at once, in any order, on several teams,
// again and again.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <utility>
#include <vector>

using splitcast::Request;
using splitcast::Status;
using splitcast::Team;

namespace {

Team make_team(MPI_Comm comm = MPI_COMM_WORLD) {
    auto team = Team::create(comm);
    if (!team) FAIL(team.error().text);
    return std::move(team).value();
}

Request start(Team& team, std::vector<unsigned char>& buffer, int root) {
    auto request = team.start(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE, root);
    if (!request) FAIL(request.error().text);
    return std::move(request).value();
}

}  // namespace

TEST_CASE("a started broadcast ends by test alone") {
    Team team = make_team();
    auto buffer = before(700000, 1, 0, team.rank());
    Request request = start(team, buffer, 0);
    while (!request.test()) {
    }
    const auto report = request.wait();
    REQUIRE(report);
    CHECK(buffer == payload(700000, 1));
}

TEST_CASE("several at once on one team, waited for in different orders") {
    Team team = make_team();
    constexpr std::size_t size = 200000;
    constexpr std::size_t many = 6;
    std::vector<std::vector<unsigned char>> buffers;
    std::vector<Request> requests;
    for (std::size_t i = 0; i < many; ++i) {
        buffers.push_back(before(size, 10 + i, static_cast<int>(i) % team.size(), team.rank()));
    }
    for (std::size_t i = 0; i < many; ++i)
        requests.push_back(start(team, buffers[i], static_cast<int>(i) % team.size()));
    for (std::size_t i = 0; i < many; ++i) {
        const std::size_t turn = team.rank() % 2 == 0 ? i : many - 1 - i;
        const auto report = requests[turn].wait();
        if (!report) FAIL(report.error().text);
    }
    for (std::size_t i = 0; i < many; ++i) CHECK(buffers[i] == payload(size, 10 + i));
}

TEST_CASE("waiting on one team lets another move") {
    Team first = make_team();
    Team second = make_team();
    auto a = before(900000, 20, 0, first.rank());
    auto b = before(900000, 21, first.size() - 1, first.rank());
    Request on_first = start(first, a, 0);
    Request on_second = start(second, b, first.size() - 1);
    // Every rank waits for another one first.
    if (first.rank() % 2 == 0) {
        CHECK(on_first.wait());
        CHECK(on_second.wait());
    } else {
        CHECK(on_second.wait());
        CHECK(on_first.wait());
    }
    CHECK(a == payload(900000, 20));
    CHECK(b == payload(900000, 21));
}

TEST_CASE("a blocking broadcast while others are under way") {
    Team team = make_team();
    auto a = before(500000, 30, 0, team.rank());
    auto b = before(500000, 31, 0, team.rank());
    Request request = start(team, a, 0);
    CHECK(team.broadcast(b, 0));
    CHECK(request.wait());
    CHECK(a == payload(500000, 30));
    CHECK(b == payload(500000, 31));
}

TEST_CASE("a request that is dropped is ended first") {
    Team team = make_team();
    auto buffer = before(500000, 40, 0, team.rank());
    {
        Request request = start(team, buffer, 0);
    }
    CHECK(buffer == payload(500000, 40));
}

TEST_CASE("a persistent broadcast, with new content each time") {
    Team team = make_team();
    const int root = team.size() - 1;
    std::vector<unsigned char> buffer(300000);
    auto request =
        team.prepare(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE, root);
    REQUIRE(request);
    for (std::uint64_t round = 0; round < 10; ++round) {
        const auto content = before(buffer.size(), 50 + round, root, team.rank());
        std::copy(content.begin(), content.end(), buffer.begin());
        REQUIRE(request->start());
        const auto again = request->start();  // while it is under way
        REQUIRE(!again);
        CHECK(again.error().status == Status::state);
        const auto report = request->wait();
        REQUIRE(report);
        CHECK(buffer == payload(buffer.size(), 50 + round));
    }
    const auto idle = request->wait();
    REQUIRE(!idle);
    CHECK(idle.error().status == Status::state);
}

TEST_CASE("mismatches of started broadcasts are told apart from their neighbours") {
    Team team = make_team();
    if (team.size() < 2) return;
    auto a = before(100000, 60, 0, team.rank());
    std::vector<unsigned char> odd(team.rank() == 1 ? 50000 : 60000);
    auto b = before(100000, 61, 1, team.rank());
    Request first = start(team, a, 0);
    Request wrong = start(team, odd, 0);
    Request last = start(team, b, 1);
    CHECK(last.wait());
    const auto report = wrong.wait();
    REQUIRE(!report);
    CHECK(report.error().status == Status::mismatch);
    CHECK(first.wait());
    CHECK(a == payload(100000, 60));
    CHECK(b == payload(100000, 61));
}
