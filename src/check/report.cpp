#include "check/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>

namespace splitcast::check {

using collectives::BadGroup;
using collectives::LinkStanding;
using collectives::LinkVerdict;
using collectives::Standing;
using collectives::Standings;

namespace {

constexpr double mebi = 1 << 20;

constexpr std::array<KindInfo, kinds> infos{{
    {Kind::alive, "alive", "", ""},
    {Kind::receive, "receive", "bytes_per_second", "receives"},
    {Kind::send, "send", "bytes_per_second", "sends"},
    {Kind::links, "links", "", ""},
    {Kind::latency, "latency", "seconds", "latency"},
    {Kind::root, "root", "bytes_per_second", "as root"},
    {Kind::groups, "groups", "bytes_per_second", "in groups"},
    {Kind::integrity, "integrity", "", ""},
    {Kind::processor, "processor", "seconds", "computes"},
    {Kind::hardware, "hardware", "", ""},
    {Kind::clock, "clock", "seconds", "clock"},
}};

std::string percent(double part) { return fmt::format("{:.0f}%", 100 * part); }
std::string rate(double bytes) { return fmt::format("{:.4g} MiB/s", bytes / mebi); }

std::string how_often(const Standing& standing) {
    return fmt::format("in {} of {} repeated measurements", standing.worse, standing.measured);
}

/// "receives at 41% of the median (9.6 of 23.4 MiB/s; ...)"
std::string slow_sentence(std::string_view does, const Standing& standing, double reference) {
    return fmt::format("{} at {} of the median ({}, the median is {}; {})", does,
                       percent(standing.relative), rate(standing.value), rate(reference),
                       how_often(standing));
}

std::string late_sentence(const Standing& standing, double reference) {
    return fmt::format("{:.3g} times the median ({:.1f} us, the median is {:.1f} us; {})",
                       standing.relative, 1e6 * standing.value, 1e6 * reference,
                       how_often(standing));
}

std::string sentence(Kind kind, const Standing& standing, double reference) {
    switch (kind) {
        case Kind::receive: return slow_sentence("receives", standing, reference);
        case Kind::send: return slow_sentence("sends", standing, reference);
        case Kind::root: return slow_sentence("broadcasts to all", standing, reference);
        case Kind::groups:
            return slow_sentence("slows groups down: they work", standing, reference);
        case Kind::latency: return "has a latency of " + late_sentence(standing, reference);
        case Kind::processor:
            return fmt::format(
                "takes {:.3g} times as long as the median for the same computation "
                "({:.3g} ms, the median is {:.3g} ms; {})",
                standing.relative, 1e3 * standing.value, 1e3 * reference, how_often(standing));
        default: return {};
    }
}

void take_bad_links(Report& report, const LinkVerdict& verdict, bool latency) {
    for (const LinkStanding& one : verdict.links) {
        if (!one.standing.outlier) continue;
        const auto [from, to] = one.link;
        if (latency && from > to) continue;  // the same both ways
        const std::string way =
            fmt::format("{} {} {}", report.name(from), latency ? "and" : "to", report.name(to));
        report.findings.push_back(
            {.kind = Kind::links,
             .nodes = {from, to},
             .link = one.link,
             .relative = one.standing.relative,
             .text = latency ? fmt::format("between {} the latency is {}", way,
                                           late_sentence(one.standing, verdict.reference))
                             : fmt::format(
                                   "from {} {}, while both are well with others", way,
                                   slow_sentence("data goes", one.standing, verdict.reference))});
    }
}

/// What the nodes have in common, if Slurm tells.
std::string below(const Report& report, const std::vector<int>& nodes) {
    const std::string& first = report.nodes[static_cast<std::size_t>(nodes.front())].switches;
    const bool same = std::ranges::all_of(nodes, [&](int node) {
        return report.nodes[static_cast<std::size_t>(node)].switches == first;
    });
    return same && !first.empty() ? fmt::format("; all are below the switch {}", first) : "";
}

void take_groups(Report& report, const LinkVerdict& verdict, bool latency) {
    for (const BadGroup& group : verdict.groups) {
        const std::string what =
            latency ? fmt::format("have {:.3g} times the median latency to the others", group.out)
                    : fmt::format(
                          "send at {} and receive at {} of the median to and from the "
                          "others",
                          percent(group.out), percent(group.in));
        report.findings.push_back(
            {.kind = Kind::links,
             .nodes = group.nodes,
             .relative = latency ? group.out : std::min(group.out, group.in),
             .text = fmt::format("{} {}, and are well among themselves: look at the switch or the "
                                 "uplink that they share ({} of {} links{})",
                                 report.names(group.nodes), what, group.links.size(),
                                 group.crossing, below(report, group.nodes))});
    }
}

}  // namespace

const std::array<KindInfo, kinds>& all_kinds() { return infos; }
const KindInfo& info(Kind kind) { return infos[static_cast<std::size_t>(kind)]; }

std::vector<const Finding*> Report::findings_of(int node, Kind kind) const {
    std::vector<const Finding*> found;
    for (const Finding& finding : findings) {
        // What is nobody's in particular is told with the first node.
        const bool named = finding.nodes.empty()
                               ? node == 0
                               : std::ranges::find(finding.nodes, node) != finding.nodes.end();
        if (finding.kind == kind && named) found.push_back(&finding);
    }
    return found;
}

std::string Report::name(int node) const {
    const std::string& host = nodes[static_cast<std::size_t>(node)].host;
    const auto same = std::ranges::count(nodes, host, &Node::host);
    return same == 1 ? "node " + host : fmt::format("rank {} on {}", node, host);
}

std::string Report::names(const std::vector<int>& which) const {
    std::string text = "nodes ";
    for (std::size_t i = 0; i < which.size(); ++i) {
        if (i > 0) text += i + 1 == which.size() ? " and " : ", ";
        text += name(which[i]).substr(name(which[i]).starts_with("node ") ? 5 : 0);
    }
    return text;
}

void take_standings(Report& report, Kind kind, const Standings& standings) {
    for (std::size_t i = 0; i < standings.nodes.size(); ++i) {
        const Standing& standing = standings.nodes[i];
        if (standing.measured == 0) continue;
        report.nodes[i][kind] = {true, standing.value, standing.relative};
        if (!standing.outlier) continue;
        const int node = static_cast<int>(i);
        report.findings.push_back(
            {.kind = kind,
             .nodes = {node},
             .relative = standing.relative,
             .text = report.name(node) + " " + sentence(kind, standing, standings.reference)});
    }
}

void take_links(Report& report, const LinkVerdict& rates, const LinkVerdict& latencies) {
    take_standings(report, Kind::receive, rates.receive);
    take_standings(report, Kind::send, rates.send);
    take_standings(report, Kind::latency, latencies.send);
    for (Node& node : report.nodes) node[Kind::links].looked_at = report.nodes.size() > 1;
    take_groups(report, rates, false);
    take_bad_links(report, rates, false);
    take_groups(report, latencies, true);
    take_bad_links(report, latencies, true);
    report.links = rates.links;
}

void take_hardware(Report& report) {
    using Parts = std::tuple<int, int, int, int, std::string>;
    std::vector<Parts> parts;
    std::vector<double> memory;
    for (Node& node : report.nodes) {
        const auto& has = node.inventory;
        parts.emplace_back(has.packages, has.numa_nodes, has.cores, has.processing_units,
                           has.processor);
        memory.push_back(static_cast<double>(has.memory));
        node[Kind::hardware].looked_at = !report.options.mixed;
    }
    if (report.options.mixed) return;
    const auto words = [](const Parts& part) {
        const auto& [packages, numa, cores, threads, processor] = part;
        return fmt::format("{} packages, {} NUMA nodes, {} cores, {} hardware threads{}{}",
                           packages, numa, cores, threads, processor.empty() ? "" : ", ",
                           processor);
    };
    const auto odd = collectives::odd_ones(parts);
    for (const int node : odd.nodes) {
        report.findings.push_back(
            {.kind = Kind::hardware,
             .nodes = {node},
             .text = fmt::format("{} has {}, most have {}", report.name(node),
                                 words(parts[static_cast<std::size_t>(node)]), words(*odd.usual))});
    }
    if (!odd.usual && !parts.empty()) {
        report.notes.emplace_back(
            "the nodes have different processors, and no kind has a majority: "
            "hardware was not compared");
        return;
    }
    const double middle = collectives::median(memory);
    for (std::size_t i = 0; i < memory.size() && memory.size() > 2; ++i) {
        if (std::abs(memory[i] - middle) <= report.options.memory_tolerance * middle) continue;
        const int node = static_cast<int>(i);
        report.findings.push_back(
            {.kind = Kind::hardware,
             .nodes = {node},
             .relative = memory[i] / middle,
             .text =
                 fmt::format("{} has {:.4g} GiB of memory, the median is {:.4g} GiB",
                             report.name(node), memory[i] / 1024 / mebi, middle / 1024 / mebi)});
    }
}

void take_clocks(Report& report, const std::vector<collectives::ClockOffset>& seen) {
    const auto offsets = collectives::from_median(seen);
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        Node& node = report.nodes[i];
        node.clock = offsets[i];
        node[Kind::clock] = {true, offsets[i].ahead, collectives::unknown};
        if (!collectives::off(offsets[i], report.options.clock_offset)) continue;
        report.findings.push_back(
            {.kind = Kind::clock,
             .nodes = {static_cast<int>(i)},
             .text = fmt::format("{}: its clock is {:.6g} s {} the {} (within {:.2g} s)",
                                 report.name(static_cast<int>(i)), std::abs(offsets[i].ahead),
                                 offsets[i].ahead > 0 ? "ahead of" : "behind",
                                 offsets.size() > 2 ? "median clock" : "other", offsets[i].doubt)});
    }
}

void take_spoilt(Report& report, const std::vector<Spoilt>& spoilt) {
    for (Node& node : report.nodes) node[Kind::integrity].looked_at = true;
    for (const Spoilt& one : spoilt) {
        const auto times = [](int n) { return n == 1 ? "once" : fmt::format("{} times", n); };
        Finding finding{.kind = Kind::integrity, .nodes = {one.from}, .text = {}};
        if (one.to) {
            finding.nodes.push_back(*one.to);
            finding.link = collectives::Link{one.from, *one.to};
            finding.text =
                fmt::format("what {} sent to {} arrived with wrong bytes, {}",
                            report.name(one.from), report.name(*one.to), times(one.times));
        } else {
            finding.text = fmt::format(
                "{} sent bad bytes in broadcasts, {}; the checksums found "
                "them",
                report.name(one.from), times(one.times));
        }
        report.findings.push_back(std::move(finding));
    }
}

}  // namespace splitcast::check
