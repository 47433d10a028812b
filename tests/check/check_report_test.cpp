// From figures to sentences, JSON and JUnit's XML.

#include "check/output.hpp"
#include "check/report.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace splitcast::check;
using namespace splitcast::collectives;

namespace {

Report four_nodes() {
    Report report;
    for (int rank = 0; rank < 4; ++rank) {
        Node node;
        node.rank = rank;
        node.host = "c0" + std::to_string(rank);
        node.inventory = {.memory = std::int64_t{64} << 30,
                          .packages = 2,
                          .numa_nodes = 2,
                          .cores = 32,
                          .processing_units = 64,
                          .processor = "P"};
        report.nodes.push_back(node);
    }
    return report;
}

Series alike(double value) {
    const std::vector<double> own{value, value, value};
    return {own, own, own, own};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a slow node is named with direction, share, figures and how often") {
    Report report = four_nodes();
    Series rates = alike(100 << 20);
    rates[2] = {41 << 20, 42 << 20, 41 << 20};
    take_standings(report, Kind::receive, stand(rates, {}));
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].text ==
          "node c02 receives at 41% of the median (41 MiB/s, the median is 100 MiB/s; in 3 of 3 "
          "repeated measurements)");
    CHECK(contains(to_text(report), "BAD: node c02 receives"));
    CHECK(contains(to_text(report), "not healthy: 1 finding\n"));
}

TEST_CASE("hardware: the odd one is named, in a mixed cluster nobody") {
    Report report = four_nodes();
    report.nodes[3].inventory.memory -= std::int64_t{8} << 30;
    report.nodes[1].inventory.cores = 31;
    SECTION("named") {
        take_hardware(report);
        REQUIRE(report.findings.size() == 2);
        CHECK(contains(report.findings[0].text, "node c01 has 2 packages, 2 NUMA nodes, 31 cores"));
        CHECK(report.findings[1].text == "node c03 has 56 GiB of memory, the median is 64 GiB");
    }
    SECTION("a little less memory is nothing") {
        report.nodes[1].inventory.cores = 32;
        report.nodes[3].inventory.memory = report.nodes[0].inventory.memory - (1 << 28);
        take_hardware(report);
        CHECK(report.healthy());
    }
    SECTION("not wanted") {
        report.options.mixed = true;
        take_hardware(report);
        CHECK(report.healthy());
    }
    SECTION("no majority") {
        report.nodes[2].inventory.cores = 31;
        take_hardware(report);
        CHECK(report.healthy());
        CHECK(report.notes.size() == 1);
    }
}

TEST_CASE("nodes behind one switch are one finding, with the switch where Slurm tells it") {
    Report report = four_nodes();
    LinkVerdict rates;
    rates.send.nodes.resize(4);
    rates.receive.nodes.resize(4);
    rates.groups.push_back(
        {.nodes = {2, 3}, .out = 0.4, .in = 0.5, .links = {{2, 0}, {3, 0}}, .crossing = 8});
    for (const int node : {2, 3}) report.nodes[static_cast<std::size_t>(node)].switches = "top.s2";
    LinkVerdict latencies;
    latencies.send.nodes.resize(4);
    take_links(report, rates, latencies);
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].text ==
          "nodes c02 and c03 send at 40% and receive at 50% of the median to and from the others, "
          "and are well among themselves: look at the switch or the uplink that they share (2 of 8 "
          "links; all are below the switch top.s2)");
    CHECK(report.findings_of(3, Kind::links).size() == 1);
    CHECK(report.findings_of(0, Kind::links).empty());
}

TEST_CASE("wrong bytes: the link where it is known, else the sender") {
    Report report = four_nodes();
    take_spoilt(report, {{.from = 1, .to = 3, .times = 2}, {.from = 2, .times = 1}});
    REQUIRE(report.findings.size() == 2);
    CHECK(report.findings[0].text ==
          "what node c01 sent to node c03 arrived with wrong bytes, 2 times");
    CHECK(report.findings[0].link == Link{1, 3});
    CHECK(contains(report.findings[1].text, "node c02 sent bad bytes in broadcasts, once"));
}

TEST_CASE("JSON has every node's verdict; what is not known is null") {
    Report report = four_nodes();
    take_clocks(report, {{0, 0}, {0.001, 1e-5}, {9, 1e-5}, {0, 1e-5}});
    report.nodes[0][Kind::send] = {true, 5e6, unknown};
    const nlohmann::json object = to_json(report);
    CHECK(object["success"] == false);
    CHECK(object["nodes"][2]["checks"]["clock"]["passed"] == false);
    CHECK(object["nodes"][1]["checks"]["clock"]["passed"] == true);
    CHECK(object["nodes"][0]["checks"]["send"]["of_median"].is_null());
    CHECK_FALSE(object["nodes"][0]["checks"].contains("receive"));
    CHECK(object["findings"][0]["nodes"] == std::vector{2});
}

TEST_CASE("JUnit: a case for each node and kind, text that XML allows") {
    Report report = four_nodes();
    report.nodes[1].host = "a<b>&\"c";
    for (Node& node : report.nodes) node[Kind::alive].looked_at = true;
    report.findings.push_back({.kind = Kind::alive, .nodes = {1}, .text = "it's < \"gone\""});
    const std::string xml = to_junit(report);
    CHECK(contains(xml, R"(<testsuites name="splitcast check" tests="4" failures="1")"));
    CHECK(contains(xml, R"(<testcase classname="splitcast.check.alive" name="node c00"/>)"));
    CHECK(contains(xml, R"(name="node a&lt;b&gt;&amp;&quot;c">)"));
    CHECK(contains(xml, R"(<failure message="it's &lt; &quot;gone&quot;"/>)"));
}

TEST_CASE("many nodes are summed up, and those that are named are shown") {
    Report report;
    for (int rank = 0; rank < 200; ++rank) {
        Node node;
        node.rank = rank;
        node.host = "n" + std::to_string(rank);
        node[Kind::send] = {true, 1e8 + rank, 1};
        report.nodes.push_back(node);
    }
    report.findings.push_back({.kind = Kind::send, .nodes = {117}, .text = "x"});
    const std::string text = to_text(report);
    CHECK(contains(text, "n117"));
    CHECK_FALSE(contains(text, "n118"));
    CHECK(contains(text, "# sends: "));
}
