#include "topology/hwloc_place.hpp"
#include "topology/slurm_place.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using splitcast::Status;
using splitcast::topology::place_on;

namespace {
// Two NUMA nodes, each with one shared cache and four cores of two threads: processors 0..7 and
// 8..15.
constexpr const char* two_sockets = "package:2 [numa(memory=1GB)] l3:1 core:4 pu:2";
}  // namespace

TEST_CASE("a process bound to one core knows its core, cache and NUMA node") {
    const auto place = place_on(two_sockets, "10-11");
    REQUIRE(place);
    CHECK(place->core == 5);
    CHECK(place->cache == 1);
    CHECK(place->numa == 1);
    CHECK(place->node == -1);
    CHECK(place->switch_id == -1);
}

TEST_CASE("a process bound to half a machine knows the half") {
    const auto place = place_on(two_sockets, "0-7");
    REQUIRE(place);
    CHECK(place->core == -1);
    CHECK(place->cache == 0);
    CHECK(place->numa == 0);
}

TEST_CASE("a process that may run anywhere knows nothing") {
    const auto place = place_on(two_sockets, "0-15");
    REQUIRE(place);
    CHECK(place->core == -1);
    CHECK(place->cache == -1);
    CHECK(place->numa == -1);
}

TEST_CASE("what is no machine, or no list of processors, is an error that says so") {
    const auto machine = place_on("no such machine:", "0");
    REQUIRE(!machine);
    CHECK(machine.error().status == Status::argument);
    CHECK(machine.error().text.find("no such machine") != std::string::npos);
    const auto list = place_on(two_sockets, "nowhere");
    REQUIRE(!list);
    CHECK(list.error().status == Status::argument);
}

TEST_CASE("this machine can be asked, whatever it answers") {
    const auto place = splitcast::topology::local_place();
    CHECK(place.core >= -1);
    CHECK(place.numa >= -1);
}

TEST_CASE("the switches that Slurm tells of") {
    using namespace std::string_view_literals;
    using splitcast::topology::slurm_switches_in;
    constexpr auto environment =
        "A=1\0SLURM_TOPOLOGY_ADDR_PATTERN=switch.switch.node\0SLURM_TOPOLOGY_ADDR=top.s2.h3\0"sv;
    CHECK(slurm_switches_in(environment, "h3") == "top.s2");
    CHECK(slurm_switches_in(environment, "h1").empty());
    CHECK(slurm_switches_in("SLURM_TOPOLOGY_ADDR=h3\0SLURM_TOPOLOGY_ADDR_PATTERN=node"sv, "h3")
              .empty());
    CHECK(slurm_switches_in("", "h3").empty());
}
