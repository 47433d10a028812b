#pragma once

#include "check/options.hpp"
#include "collectives/links.hpp"
#include "collectives/outliers.hpp"
#include "topology/hwloc_inventory.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a check came to: values, and what is said of them. Nothing in here measures anything.
namespace splitcast::check {

/// What a node is looked at for.
enum class Kind : std::uint8_t {
    alive,      ///< it took part to the end
    receive,    ///< rate at which it takes data from its best partner
    send,       ///< and gives
    links,      ///< what leads out of it is as good as it is
    latency,    ///< of small messages with its best partner
    root,       ///< rate of broadcasts to all that it is the root of
    groups,     ///< rate of broadcasts in groups that it is in
    integrity,  ///< what it sends arrives as it was
    processor,  ///< time of a fixed computation
    hardware,   ///< cores, NUMA nodes and memory like the others
    clock,      ///< its wall clock
};
inline constexpr std::size_t kinds = 11;

struct KindInfo {
    Kind kind;
    std::string_view name;     ///< "receive"; in JSON, and the name of the JUnit test case
    std::string_view unit;     ///< of its figure in JSON; empty if it has none
    std::string_view heading;  ///< of its column
};
[[nodiscard]] const KindInfo& info(Kind kind);
[[nodiscard]] const std::array<KindInfo, kinds>& all_kinds();

/// One figure of one node.
struct Cell {
    bool looked_at = false;
    double value = collectives::unknown;
    double relative = collectives::unknown;  ///< to the median of all nodes
};

struct Node {
    int rank = 0;
    std::string host;
    std::string switches;  ///< above it, as Slurm tells them; mostly empty
    topology::Inventory inventory;
    collectives::ClockOffset clock;
    std::array<Cell, kinds> cells{};

    [[nodiscard]] Cell& operator[](Kind kind) { return cells[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const Cell& operator[](Kind kind) const {
        return cells[static_cast<std::size_t>(kind)];
    }
};

/// Somebody is named.
struct Finding {
    Kind kind = Kind::alive;
    std::vector<int> nodes;  ///< ranks that are to be looked after
    std::optional<collectives::Link> link = std::nullopt;
    double relative = collectives::unknown;
    std::string text;  ///< a whole sentence, without a full stop
};

/// Bytes that came wrong.
struct Spoilt {
    int from = 0;
    std::optional<int> to = std::nullopt;  ///< not known for broadcasts, which tell the sender
    int times = 0;
};

struct Report {
    Options options;
    std::vector<Node> nodes;
    std::vector<collectives::LinkStanding> links;
    std::vector<Finding> findings;
    std::vector<std::string> notes;  ///< what is worth knowing and nobody's fault
    int rounds = 0;                  ///< of pairs
    int repetitions = 0;
    std::int64_t size = 0;
    int broadcasts = 0;
    double seconds = 0;
    bool complete = true;  ///< false: somebody was lost, and the rest was not measured

    [[nodiscard]] bool healthy() const { return findings.empty(); }
    /// Findings of a kind that name this node.
    [[nodiscard]] std::vector<const Finding*> findings_of(int node, Kind kind) const;
    /// "c07", or "rank 7 on c07" where ranks share a node.
    [[nodiscard]] std::string name(int node) const;
    /// "c03, c04 and c05"
    [[nodiscard]] std::string names(const std::vector<int>& which) const;
};

// Each puts figures into the cells of the nodes, and names the outliers among them.
void take_links(Report& report, const collectives::LinkVerdict& rates,
                const collectives::LinkVerdict& latencies);
void take_standings(Report& report, Kind kind, const collectives::Standings& standings);
void take_hardware(Report& report);
void take_clocks(Report& report, const std::vector<collectives::ClockOffset>& seen);
void take_spoilt(Report& report, const std::vector<Spoilt>& spoilt);

}  // namespace splitcast::check
