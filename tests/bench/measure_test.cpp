#include "bench/measure.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace splitcast;
using namespace splitcast::bench;

namespace {

int rank() {
    int mine = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &mine);
    return mine;
}

int ranks() {
    int all = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &all);
    return all;
}

/// MPI_Bcast, and something of the test's own after it.
class Fake final : public Contender {
public:
    using Then = std::function<Result<void>(std::span<std::byte>, int root)>;
    Fake(std::string name, Then then) : name_(std::move(name)), then_(std::move(then)) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    Result<void> broadcast(std::span<std::byte> buffer, int root) override {
        roots.push_back(root);
        payloads.push_back(rank() == root && !buffer.empty() ? buffer.front() : std::byte{0});
        MPI_Bcast(buffer.data(), static_cast<int>(buffer.size()), MPI_BYTE, root, MPI_COMM_WORLD);
        return then_(buffer, root);
    }
    std::vector<int> roots;
    std::vector<std::byte> payloads;

private:
    std::string name_;
    Then then_;
};

Result<void> fine(std::span<std::byte> /*buffer*/, int /*root*/) { return {}; }

Fake::Then slow_on(int which, std::chrono::milliseconds time) {
    return [=](std::span<std::byte>, int) -> Result<void> {
        if (rank() == which) std::this_thread::sleep_for(time);
        return {};
    };
}

}  // namespace

// Only what a time cannot fall below is certain on a machine that has other work too.
TEST_CASE("the time is that of the last rank, on every rank") {
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(1000);
    Fake quick("quick", fine);
    Fake first("first", slow_on(0, std::chrono::milliseconds(10)));
    Fake last("last", slow_on(ranks() - 1, std::chrono::milliseconds(30)));
    const std::array<Contender*, 3> contenders{&quick, &first, &last};
    const auto measured = measure(MPI_COMM_WORLD, line, contenders, buffer,
                                  {.iterations = 5, .warm_ups = 1, .validate = true});
    REQUIRE(measured);
    REQUIRE(measured->series.size() == 3);
    CHECK(measured->series[0].name == "quick");
    CHECK(measured->series[0].summary.count == 5);
    CHECK(measured->series[0].summary.min > 0);
    CHECK(measured->series[1].name == "first");
    CHECK(measured->series[1].summary.min >= 0.010);
    CHECK(measured->series[2].name == "last");
    CHECK(measured->series[2].summary.min >= 0.030);
}

TEST_CASE("each rank in turn is the root, and each run has a payload of its own") {
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(64);
    Fake contender("fine", fine);
    const std::array<Contender*, 1> contenders{&contender};
    const int iterations = 3 * ranks();
    const auto measured =
        measure(MPI_COMM_WORLD, line, contenders, buffer,
                {.iterations = iterations, .warm_ups = 1, .root = -1, .validate = true});
    REQUIRE(measured);
    // The first is the warm-up. Runs may have been repeated, with the same root.
    std::vector<int> roots(contender.roots.begin() + 1, contender.roots.end());
    if (measured->repeated == 0) {
        for (int i = 0; i < iterations; ++i) {
            CHECK(roots[static_cast<std::size_t>(i)] == i % ranks());
        }
    }
    if (ranks() == 1) {
        const auto same = std::ranges::count(contender.payloads, contender.payloads.front());
        CHECK(same < static_cast<std::ptrdiff_t>(contender.payloads.size()));
    }
}

TEST_CASE("the order is another in each iteration, and the same on all ranks") {
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(8);
    std::string order;
    Fake a("a",
           [&](std::span<std::byte>, int) -> Result<void> { return order += 'a', fine({}, 0); });
    Fake b("b",
           [&](std::span<std::byte>, int) -> Result<void> { return order += 'b', fine({}, 0); });
    const std::array<Contender*, 2> contenders{&a, &b};
    const auto measured = measure(MPI_COMM_WORLD, line, contenders, buffer,
                                  {.iterations = 20, .warm_ups = 1, .seed = 3});
    REQUIRE(measured);
    CHECK(order.find("ab", 2) != std::string::npos);
    CHECK(order.find("ba", 2) != std::string::npos);
    std::string roots(order.size(), ' ');
    if (rank() == 0) roots = order;
    MPI_Bcast(roots.data(), static_cast<int>(roots.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
    CHECK(order == roots);
}

TEST_CASE("a wrong byte on one rank is an error on all of them, which says where") {
    if (ranks() == 1) return;
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(5000);
    const int spoilt = ranks() - 1;
    Fake liar("liar", [=](std::span<std::byte> bytes, int) -> Result<void> {
        if (rank() == spoilt) bytes[4321] ^= std::byte{8};
        return {};
    });
    const std::array<Contender*, 1> contenders{&liar};
    const auto measured =
        measure(MPI_COMM_WORLD, line, contenders, buffer, {.iterations = 2, .validate = true});
    REQUIRE_FALSE(measured);
    CHECK(measured.error().status == Status::integrity);
    const std::string& text = measured.error().text;
    CHECK(text.find("liar") != std::string::npos);
    CHECK(text.find("rank " + std::to_string(spoilt)) != std::string::npos);
    CHECK(text.find("4321") != std::string::npos);
}

TEST_CASE("a failure on one rank is an error on all of them") {
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(10);
    Fake failing("failing", [](std::span<std::byte>, int) -> Result<void> {
        if (rank() == ranks() - 1) return Error{Status::mpi, "no more"};
        return {};
    });
    const std::array<Contender*, 1> contenders{&failing};
    CHECK_FALSE(measure(MPI_COMM_WORLD, line, contenders, buffer, {.iterations = 2}));
}

TEST_CASE("everybody starts at the moment that was agreed, or says by how much not") {
    StartLine line(MPI_COMM_WORLD);
    for (int i = 0; i < 20; ++i) {
        if (rank() == i % ranks()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        const auto start = line.wait();
        CHECK(start.late >= 0);
        CHECK(now() >= start.at);
    }
}
