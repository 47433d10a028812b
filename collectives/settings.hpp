#pragma once

#include "collectives/types.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace splitcast::collectives {

enum class Survive : std::uint8_t { automatic, on, off };
enum class Detect : std::uint8_t { all, mpi, peers, root };
enum class ResendBy : std::uint8_t { automatic, root, mirror, survivors };

/// Every parameter of a team or a call, with its default. 0 means "chosen by the cost model" where
/// a choice exists.
struct Settings {
    int group_size = 0;     ///< ranks (or nodes) that the buffer is split across
    int children = 0;       ///< groups fed by each group: 1 is a chain of groups, 2 and more a tree
    int local_fanout = 4;   ///< ranks of its own node that a rank feeds
    Bytes segment = 0;      ///< bytes
    int window = 0;         ///< segments under way per flow; 0: adapts to the measured delay
    int receive_depth = 0;  ///< receives posted ahead per flow
    bool probe = true;      ///< measure the links when a team is made
    Bytes bandwidth = 0;    ///< bytes per second between nodes; 0: as measured, else assumed
    double latency = 0;     ///< microseconds between nodes; 0: as measured, else assumed
    Bytes staging = 8 << 20;  ///< bytes of the bounded buffer for files and scattered datatypes
    Bytes drop_in_minimum = 64 << 10;  ///< the drop-in leaves shorter broadcasts to the MPI library
    Survive survive = Survive::automatic;   ///< finish although ranks die
    Detect detect = Detect::all;            ///< how it is noticed that a rank is lost
    double heartbeat = 0.1;                 ///< seconds between signs of life
    double timeout = 0.8;                   ///< seconds of silence after which a rank is left out
    ResendBy resend = ResendBy::automatic;  ///< who sends again what was lost
    std::vector<int>
        mirrors;             ///< ranks whose buffers hold the same bytes as the root's at the call
    bool integrity = false;  ///< a checksum for every segment, checked before it is relayed
    bool report = false;     ///< one line per broadcast on stderr, from the root

    friend bool operator==(const Settings&, const Settings&) = default;
};

/// Where a value came from, weakest first.
enum class Origin : std::uint8_t { standard, site_file, environment, info, call };
[[nodiscard]] std::string_view text(Origin origin);

/// A parameter as the user sees it.
struct ParameterInfo {
    std::string_view name;  ///< as in settings texts; SPLITCAST_<NAME> in the environment,
                            ///< splitcast_<name> as info key
    std::string_view unit;  ///< "bytes", "microseconds", "segments", ...; sizes take K, M, G (1024)
    std::string_view summary;  ///< one sentence
};
[[nodiscard]] std::span<const ParameterInfo> parameters();

using Assignment = std::pair<std::string, std::string>;
using Assignments = std::vector<Assignment>;

/// "name=value,name=value" (blanks around names and values are ignored); a text that says what is
/// wrong with it otherwise.
[[nodiscard]] std::variant<Assignments, std::string> parse_assignments(std::string_view text);

/// A site file: one "name = value" a line, '#' begins a comment. Errors name the line.
[[nodiscard]] std::variant<Assignments, std::string> parse_site_file(std::string_view text);

/// One origin's assignments.
struct Layer {
    Origin origin = Origin::standard;
    Assignments values;
};

/// Effective values, and for each parameter (in the order of `parameters()`) its text and where it
/// came from.
struct Resolved {
    struct Entry {
        std::string value;
        Origin origin = Origin::standard;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    Settings settings;
    std::vector<Entry> entries;
};

/// Later layers win over earlier ones. An unknown name or a value out of range is an error that
/// names the parameter, the value, where it came from, and what would be accepted (with the nearest
/// known name for a typo).
[[nodiscard]] std::variant<Resolved, std::string> resolve(std::span<const Layer> layers);

/// The same on all ranks if and only if (but for accidents of 2^-64) the settings are.
[[nodiscard]] std::uint64_t fingerprint(const Settings& settings);

/// "64K", "1.5M", "200000" in bytes; nothing if it is no size.
[[nodiscard]] std::variant<Bytes, std::string> parse_size(std::string_view text);

}  // namespace splitcast::collectives
