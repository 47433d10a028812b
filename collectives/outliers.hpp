#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Which of many nodes that should be alike is worse than the others. No alarm by chance: a node is
/// compared with the median of all, in each repetition anew, and is an outlier only when it is
/// worse than the limit in most of the repetitions.
namespace splitcast::collectives {

/// What was not measured.
inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// The middle one of the values that are known, between two the mean of both; `unknown` of none.
[[nodiscard]] double median(std::span<const double> values);

enum class Better : std::uint8_t { higher, lower };

/// When a figure is worse than it should be: when it is beyond `factor` times the median, and also
/// at least `floor` away from it, and also farther from it than the others' spread explains (three
/// standard deviations, by the median of the deviations). Or else when it is beyond `absolute`,
/// whatever the others do.
struct Limit {
    Better better = Better::higher;
    double factor = 0.8;
    double floor = 0;
    std::optional<double> absolute = std::nullopt;
};

/// What values are compared with: the median of all, and their spread about it.
struct Norm {
    double middle = unknown;
    double spread = 0;  ///< as a standard deviation
};
[[nodiscard]] Norm norm_of(std::span<const double> values);

/// False for what is not known.
[[nodiscard]] bool worse(double value, const Norm& norm, const Limit& limit);

/// A figure of every node in every repetition: [node][repetition].
using Series = std::vector<std::vector<double>>;

/// In how many of its repetitions a node has to be worse.
enum class Needed : std::uint8_t { most, every };

/// How one node stands among all.
struct Standing {
    double value = unknown;     ///< the median of its repetitions
    double relative = unknown;  ///< the median of its share of the others' median
    int measured = 0;           ///< repetitions in which it was measured,
    int worse = 0;              ///< and in which it was worse than the limit
    bool outlier = false;
};

struct Standings {
    double reference = unknown;  ///< the median over the repetitions of the median over the nodes
    std::vector<Standing> nodes;
};

/// With fewer than three nodes nobody can say which one is the odd one: only the absolute limit
/// counts then.
[[nodiscard]] Standings stand(const Series& series, const Limit& limit,
                              Needed needed = Needed::most);

/// Outliers of both: who was found in the first series, and again in the second. The figures are
/// the second's for whoever was found in the first.
[[nodiscard]] Standings confirmed(const Standings& first, const Standings& second);

/// Nodes whose property is not that of most: what more than half of the nodes have, and who has
/// something else. Nothing where no value has a majority: then the cluster is mixed.
template <class Value>
struct Odd {
    std::optional<Value> usual;
    std::vector<int> nodes;
};

template <class Value>
[[nodiscard]] Odd<Value> odd_ones(const std::vector<Value>& values) {
    std::map<Value, std::size_t> count;
    for (const Value& value : values) ++count[value];
    Odd<Value> odd;
    for (const auto& [value, times] : count) {
        if (2 * times > values.size()) odd.usual = value;
    }
    for (std::size_t i = 0; odd.usual && i < values.size(); ++i) {
        if (values[i] != *odd.usual) odd.nodes.push_back(static_cast<int>(i));
    }
    return odd;
}

/// A wall clock as seen from one node: how far it is ahead, in seconds, and by how much that may be
/// wrong.
struct ClockOffset {
    double ahead = 0;
    double doubt = 0;
};

/// How far each clock is ahead of the median of all clocks (so that the odd one is named even where
/// it is the one that the others were compared with). Of two clocks neither is the odd one: they
/// stay as they are.
[[nodiscard]] std::vector<ClockOffset> from_median(std::span<const ClockOffset> offsets);

/// Is it off by more than the limit, whatever the doubt?
[[nodiscard]] bool off(const ClockOffset& offset, double limit);

}  // namespace splitcast::collectives
