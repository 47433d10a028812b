#include "collectives/switches.hpp"

#include "collectives/placement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <variant>
#include <vector>

using namespace splitcast::collectives;
using Names = std::vector<std::string>;
using Numbers = std::vector<std::int32_t>;

namespace {

Names expanded(std::string_view list) {
    const auto result = expand_node_list(list);
    INFO(list);
    REQUIRE(std::holds_alternative<Names>(result));
    return std::get<Names>(result);
}

}  // namespace

TEST_CASE("node lists in Slurm's short form") {
    CHECK(expanded("").empty());
    CHECK(expanded("login") == Names{"login"});
    CHECK(expanded("c[1-3]") == Names{"c1", "c2", "c3"});
    CHECK(expanded("c[01-03,07]") == Names{"c01", "c02", "c03", "c07"});
    CHECK(expanded("c[8-11]") == Names{"c8", "c9", "c10", "c11"});
    CHECK(expanded("c[098-101]") == Names{"c098", "c099", "c100", "c101"});
    CHECK(expanded("a,c[2,4],b-1,d[0]") == Names{"a", "c2", "c4", "b-1", "d0"});
    CHECK(expanded("r[1-2]n[0-1]x") == Names{"r1n0x", "r1n1x", "r2n0x", "r2n1x"});
    CHECK(expanded("c[1-1000000]").size() == 1000000);
}

TEST_CASE("what is no node list is named") {
    for (const char* wrong : {"c[", "c]", "c[1", "c[]", "c[1-]", "c[-1]", "c[3-1]", "c[a-b]",
                              "a,,b", ",", "a,", "[1]x,c[", "c[1-999999999]", "c[1-2000]d[1-2000]",
                              "c[1,,2]", "c[[1]]", "c[1-99999999999999999999]"}) {
        const auto result = expand_node_list(wrong);
        INFO(wrong);
        REQUIRE(std::holds_alternative<std::string>(result));
        CHECK(std::get<std::string>(result).find("is not a list of nodes") != std::string::npos);
    }
}

TEST_CASE("the switches above a node") {
    CHECK(switch_path("top.s2.h3", "switch.switch.node", "h3") == SwitchPath{"top", "s2"});
    CHECK(switch_path("b1.h3", "block.node", "h3") == SwitchPath{"b1"});
    CHECK(switch_path("s1.h3.site", "switch.node", "h3.site") == SwitchPath{"s1"});
    CHECK(switch_path("h3", "node", "h3").empty());
    CHECK(path_of("top.s2") == SwitchPath{"top", "s2"});
    CHECK(path_of("").empty());
}

TEST_CASE("nothing is known from variables that do not fit") {
    CHECK(switch_path("top.s2.h3", "switch.switch.node", "h4").empty());  // another node's
    CHECK(switch_path("", "", "h3").empty());
    CHECK(switch_path("top.s2.h3", "", "h3").empty());
    CHECK(switch_path("", "switch.node", "h3").empty());
    CHECK(switch_path("s2.h3", "switch.switch.node", "h3").empty());
    CHECK(switch_path("top.s2.h3", "switch.switch", "h3").empty());
    CHECK(switch_path("top.s2.h3", "switch.node.switch", "s2.h3").empty());
    CHECK(switch_path("top..h3", "switch.switch.node", "h3").empty());
}

TEST_CASE("switches below the same switch are neighbours") {
    const std::vector<SwitchPath> paths{{"a", "1"}, {"b", "1"}, {"a", "2"},
                                        {"b", "1"}, {"a", "1"}, {"b", "0"}};
    CHECK(number_switches(paths) == Numbers{0, 2, 1, 2, 0, 3});
}

TEST_CASE("paths of different lengths, one switch, none") {
    const std::vector<SwitchPath> uneven{{"a", "1"}, {"a"}, {"a", "1"}, {"b"}};
    CHECK(number_switches(uneven) == Numbers{1, 0, 1, 2});
    const std::vector<SwitchPath> same(3, SwitchPath{"s"});
    CHECK(number_switches(same) == Numbers{0, 0, 0});
    CHECK(number_switches({}).empty());
}

TEST_CASE("half a map is none") {
    const std::vector<SwitchPath> paths{{"a"}, {}, {"b"}};
    CHECK(number_switches(paths) == Numbers{-1, -1, -1});
}

TEST_CASE("ranks are ordered by switch") {
    // Nodes dealt out over two switches in turn.
    const std::vector<SwitchPath> paths{{"t", "x"}, {"t", "y"}, {"t", "x"}, {"t", "y"}};
    const Numbers numbers = number_switches(paths);
    std::vector<Place> places;
    places.reserve(paths.size());
    for (std::int32_t node = 0; node < 4; ++node)
        places.push_back({.switch_id = numbers[static_cast<std::size_t>(node)], .node = node});
    CHECK(Placement(places).order(0) == std::vector<Rank>{0, 2, 1, 3});
    CHECK(Placement(places).order(3) == std::vector<Rank>{3, 0, 2, 1});
}
