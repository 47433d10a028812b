#include "check/output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <string_view>

namespace splitcast::check {

namespace {

using nlohmann::json;

json number(double value) { return std::isnan(value) ? json() : json(value); }

json to_json(const Node& node, const Report& report) {
    json object = {{"rank", node.rank},
                   {"host", node.host},
                   {"switches", node.switches},
                   {"hardware",
                    {{"processor", node.inventory.processor},
                     {"packages", node.inventory.packages},
                     {"numa_nodes", node.inventory.numa_nodes},
                     {"cores", node.inventory.cores},
                     {"processing_units", node.inventory.processing_units},
                     {"memory_bytes", node.inventory.memory}}},
                   {"checks", json::object()}};
    for (const KindInfo& kind : all_kinds()) {
        const Cell& cell = node[kind.kind];
        if (!cell.looked_at) continue;
        json& check = object["checks"][std::string(kind.name)];
        check["passed"] = report.findings_of(node.rank, kind.kind).empty();
        if (kind.unit.empty()) continue;
        check[std::string(kind.unit)] = number(cell.value);
        check["of_median"] = number(cell.relative);
    }
    return object;
}

json to_json(const Finding& finding) {
    json object = {{"kind", info(finding.kind).name},
                   {"nodes", finding.nodes},
                   {"of_median", number(finding.relative)},
                   {"text", finding.text}};
    if (finding.link) object["link"] = {{"from", finding.link->from}, {"to", finding.link->to}};
    return object;
}

json limits(const Options& options) {
    return {{"slow", options.slow},
            {"at_least", options.at_least ? json(*options.at_least) : json()},
            {"latency", options.latency},
            {"latency_floor", options.latency_floor},
            {"clock_offset", options.clock_offset},
            {"memory_tolerance", options.memory_tolerance}};
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
        }
    }
    return out;
}

/// The findings that a node's test case has to tell of.
std::string test_case(const Report& report, const Node& node, Kind kind) {
    const std::string head =
        fmt::format(R"(    <testcase classname="splitcast.check.{}" name="{}")", info(kind).name,
                    escaped(report.name(node.rank)));
    const auto findings = report.findings_of(node.rank, kind);
    if (findings.empty()) return head + "/>\n";
    std::string text = head + ">\n";
    for (const Finding* finding : findings) {
        text += fmt::format("      <failure message=\"{}\"/>\n", escaped(finding->text));
    }
    return text + "    </testcase>\n";
}

}  // namespace

json to_json(const Report& report) {
    json object = {{"command", "check"},
                   {"success", report.healthy()},
                   {"complete", report.complete},
                   {"seconds", report.seconds},
                   {"transfer_bytes", report.size},
                   {"rounds", report.rounds},
                   {"repetitions", report.repetitions},
                   {"broadcasts", report.broadcasts},
                   {"seed", report.options.seed},
                   {"limits", limits(report.options)},
                   {"findings", json::array()},
                   {"notes", report.notes},
                   {"nodes", json::array()},
                   {"links", json::array()}};
    for (const Finding& finding : report.findings) {
        object["findings"].push_back(to_json(finding));
    }
    for (const Node& node : report.nodes) object["nodes"].push_back(to_json(node, report));
    for (const auto& one : report.links) {
        object["links"].push_back({{"from", one.link.from},
                                   {"to", one.link.to},
                                   {"bytes_per_second", number(one.standing.value)},
                                   {"of_median", number(one.standing.relative)}});
    }
    return object;
}

std::string to_junit(const Report& report) {
    std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    std::string suites;
    int tests = 0;
    int failures = 0;
    for (const KindInfo& kind : all_kinds()) {
        std::string cases;
        int of_suite = 0;
        int failed = 0;
        for (const Node& node : report.nodes) {
            const bool looked_at = node[kind.kind].looked_at;
            const bool bad = !report.findings_of(node.rank, kind.kind).empty();
            if (!looked_at && !bad) continue;
            ++of_suite;
            failed += bad ? 1 : 0;
            cases += test_case(report, node, kind.kind);
        }
        if (of_suite == 0) continue;
        suites += fmt::format(
            "  <testsuite name=\"splitcast check: {}\" tests=\"{}\" failures=\"{}\">\n{}"
            "  </testsuite>\n",
            kind.name, of_suite, failed, cases);
        tests += of_suite;
        failures += failed;
    }
    text += fmt::format(
        "<testsuites name=\"splitcast check\" tests=\"{}\" failures=\"{}\" "
        "time=\"{:.3f}\">\n{}</testsuites>\n",
        tests, failures, report.seconds, suites);
    return text;
}

}  // namespace splitcast::check
