#include "check/output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace splitcast::check {

namespace {

constexpr double mebi = 1 << 20;
// More nodes than fit on a screen are summed up.
constexpr std::size_t all_shown = 40;

constexpr std::array shown{Kind::receive, Kind::send,      Kind::latency, Kind::root,
                           Kind::groups,  Kind::processor, Kind::clock};

/// The figure, and its share of the median.
std::string figure(Kind kind, const Cell& cell) {
    if (!cell.looked_at || std::isnan(cell.value)) return "-";
    const std::string_view unit = info(kind).unit;
    std::string value = unit == "bytes_per_second" ? fmt::format("{:.4g}", cell.value / mebi)
                        : kind == Kind::latency    ? fmt::format("{:.1f}", 1e6 * cell.value)
                        : kind == Kind::processor  ? fmt::format("{:.2f}", 1e3 * cell.value)
                                                   : fmt::format("{:+.1f}", 1e3 * cell.value);
    if (std::isnan(cell.relative)) return value;
    return fmt::format("{} {:4.0f}%", value, 100 * cell.relative);
}

std::string_view unit(Kind kind) {
    switch (kind) {
        case Kind::latency: return "us";
        case Kind::processor:
        case Kind::clock: return "ms";
        default: return "MiB/s";
    }
}

bool named(const Report& report, int node) {
    return std::ranges::any_of(report.findings, [node](const Finding& finding) {
        return std::ranges::find(finding.nodes, node) != finding.nodes.end();
    });
}

std::size_t host_width(const Report& report) {
    std::size_t width = 8;
    for (const Node& node : report.nodes) width = std::max(width, node.host.size());
    return width;
}

std::string row(const Report& report, const Node& node, std::size_t width) {
    std::string line = fmt::format("{:>5} {:{}}", node.rank, node.host, width);
    for (const Kind kind : shown) line += fmt::format("{:>15}", figure(kind, node[kind]));
    if (named(report, node.rank)) line += "  <--";
    return line + "\n";
}

/// "receives: 23.1 to 23.6 MiB/s, median 23.4"
std::string reach(const Report& report, Kind kind) {
    std::vector<double> values;
    for (const Node& node : report.nodes) {
        if (node[kind].looked_at && !std::isnan(node[kind].value)) {
            values.push_back(node[kind].value);
        }
    }
    if (values.empty()) return {};
    const auto text = [kind](double value) {
        return figure(kind, {true, value, collectives::unknown});
    };
    const auto [least, most] = std::ranges::minmax(values);
    return fmt::format("# {}: {} to {} {}, median {}\n", info(kind).heading, text(least),
                       text(most), unit(kind), text(collectives::median(values)));
}

std::string table(const Report& report) {
    const std::size_t width = host_width(report);
    std::string text = fmt::format("# {:>3} {:{}}", "", "", width);
    for (const Kind kind : shown) text += fmt::format("{:>15}", info(kind).heading);
    text += fmt::format("\n# {:>2} {:{}}", "rank", "host", width);
    for (const Kind kind : shown) {
        const std::string share = kind == Kind::clock ? "" : "    %";
        text += fmt::format("{:>15}", std::string(unit(kind)) + share);
    }
    text += "\n";
    const bool all = report.nodes.size() <= all_shown;
    for (const Node& node : report.nodes) {
        if (all || named(report, node.rank)) text += row(report, node, width);
    }
    for (const Kind kind : shown) {
        if (!all) text += reach(report, kind);
    }
    return text;
}

}  // namespace

std::string to_text(const Report& report) {
    std::string text = fmt::format(
        "# splitcast check: {} nodes, {} rounds of pairs {} times with {:.4g} MiB each way, {} "
        "broadcasts, {:.1f} s\n",
        report.nodes.size(), report.rounds, report.repetitions,
        static_cast<double>(report.size) / mebi, report.broadcasts, report.seconds);
    text += table(report);
    for (const std::string& note : report.notes) text += "note: " + note + "\n";
    if (!report.complete) {
        text += "note: the measuring was ended; what follows is what was known until then\n";
    }
    for (const Finding& finding : report.findings) text += "BAD: " + finding.text + "\n";
    text += report.healthy()
                ? fmt::format("healthy: nothing found in {} nodes\n", report.nodes.size())
                : fmt::format("not healthy: {} finding{}\n", report.findings.size(),
                              report.findings.size() == 1 ? "" : "s");
    return text;
}

}  // namespace splitcast::check
