#include "collectives/settings.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <ranges>
#include <utility>

namespace splitcast::collectives {

namespace {

constexpr Bytes kibi = 1 << 10;
constexpr Bytes mebi = 1 << 20;
constexpr Bytes gibi = 1 << 30;
constexpr std::array<std::pair<char, Bytes>, 4> units{
    {{'T', 1024 * gibi}, {'G', gibi}, {'M', mebi}, {'K', kibi}}};

/// What a parameter's text may be, by the type of the field of Settings that it sets.
struct Count {
    int Settings::* field;
    int least;
    int most;
};
struct Size {
    Bytes Settings::* field;
    Bytes least;
    Bytes most;
    bool or_zero = false;  ///< 0 is accepted although it is less than `least`
};
struct Number {
    double Settings::* field;
    double least;
    double most;
};
struct Switch {
    bool Settings::* field;
};

/// One of a few words: the values of an enum, in its order.
template <class Enum>
struct Word {
    Enum Settings::* field;
    std::array<std::string_view, 4> words;  ///< empty ones are none
};
struct RankList {
    std::vector<int> Settings::* field;
    int most;
};

struct Parameter {
    ParameterInfo info;
    std::variant<Count, Size, Number, Switch, Word<Survive>, Word<Detect>, Word<ResendBy>, RankList>
        kind;
};

// The one list of parameters: a parameter is added by a field in Settings and a row here. The
// bounds keep products of settings far from overflow and one message within what MPI's int counts
// can say; they are no advice.
constexpr std::array table{
    Parameter{
        {"group_size", "ranks", "Ranks, or nodes, that the buffer is split across; 0: chosen"},
        Count{&Settings::group_size, 0, 1 << 20}},
    Parameter{{"children", "groups", "Groups fed by each group, 1 is a chain of groups; 0: chosen"},
              Count{&Settings::children, 0, 1 << 10}},
    Parameter{{"local_fanout", "ranks", "Ranks of its own node that a rank feeds"},
              Count{&Settings::local_fanout, 1, 1 << 10}},
    Parameter{
        {"segment", "bytes", "Size of the pieces that are sent, relayed and repaired; 0: chosen"},
        Size{&Settings::segment, 1, gibi, true}},
    Parameter{
        {"window", "segments", "Segments under way per flow; 0: adapts to the measured delay"},
        Count{&Settings::window, 0, 1 << 16}},
    Parameter{{"receive_depth", "segments", "Receives posted ahead per flow; 0: chosen"},
              Count{&Settings::receive_depth, 0, 1 << 16}},
    Parameter{{"probe", "yes or no", "Measure the links when a team is made"},
              Switch{&Settings::probe}},
    Parameter{{"bandwidth", "bytes per second", "Rate between nodes; 0: as measured, else assumed"},
              Size{&Settings::bandwidth, 1, mebi* gibi, true}},
    Parameter{{"latency", "microseconds", "Delay between nodes; 0: as measured, else assumed"},
              Number{&Settings::latency, 0, 1e9}},
    Parameter{
        {"staging", "bytes", "Memory per rank for data that is a file or a scattered datatype"},
        Size{&Settings::staging, 64 * kibi, 1024 * gibi}},
    Parameter{
        {"drop_in_minimum", "bytes", "The drop-in leaves shorter broadcasts to the MPI library"},
        Size{&Settings::drop_in_minimum, 0, mebi* gibi}},
    Parameter{{"survive", "auto, on or off",
               "Finish although ranks die; auto: if the MPI library survives it in this job"},
              Word<Survive>{&Settings::survive, {"auto", "on", "off"}}},
    Parameter{{"detect", "all, mpi, peers or root",
               "How a lost rank is noticed: what MPI says, heartbeats of peers, or to the root"},
              Word<Detect>{&Settings::detect, {"all", "mpi", "peers", "root"}}},
    Parameter{{"heartbeat", "seconds", "Time between two signs of life"},
              Number{&Settings::heartbeat, 0.001, 3600}},
    Parameter{{"timeout", "seconds", "Silence after which a rank is left out"},
              Number{&Settings::timeout, 0.004, 1e6}},
    Parameter{{"resend", "auto, root, mirror or survivors",
               "Who sends again what was lost; auto: survivors, as it is fastest"},
              Word<ResendBy>{&Settings::resend, {"auto", "root", "mirror", "survivors"}}},
    Parameter{
        {"mirrors", "ranks", "Ranks that hold the root's bytes at the call, as in 3+5; or none"},
        RankList{&Settings::mirrors, 1 << 20}},
    Parameter{{"integrity", "yes or no",
               "A checksum for every segment, checked before the segment is relayed"},
              Switch{&Settings::integrity}},
    Parameter{{"report", "yes or no", "One line per broadcast on stderr, from the root"},
              Switch{&Settings::report}},
};

constexpr auto infos = [] {
    std::array<ParameterInfo, table.size()> list{};
    std::ranges::transform(table, list.begin(), &Parameter::info);
    return list;
}();

template <class... Cases>
struct Overload : Cases... {
    using Cases::operator()...;
};

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\f\v";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// All of `text` as a number, or nothing.
template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// The largest unit that leaves a whole number: parse_size() gives the same size back.
std::string size_text(Bytes bytes) {
    for (const auto& [letter, unit] : units) {
        if (bytes >= unit && bytes % unit == 0) return std::to_string(bytes / unit) + letter;
    }
    return std::to_string(bytes);
}

std::string number_text(double value) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return {digits.data(), end};
}

std::string switch_text(bool value) { return value ? "yes" : "no"; }

std::optional<bool> parse_switch(std::string_view text) {
    constexpr std::array<std::string_view, 4> yes{"yes", "true", "on", "1"};
    constexpr std::array<std::string_view, 4> no{"no", "false", "off", "0"};
    const auto is = [text](std::string_view word) { return same_word(text, word); };
    if (std::ranges::any_of(yes, is)) return true;
    if (std::ranges::any_of(no, is)) return false;
    return std::nullopt;
}

/// "3+5+7" or "none"; nothing if it is no list of different ranks.
std::optional<std::vector<int>> parse_ranks(std::string_view text, int most) {
    std::vector<int> ranks;
    if (same_word(text, "none")) return ranks;
    for (const auto part : std::views::split(text, '+')) {
        const auto rank = number<int>(trim(std::string_view(part.begin(), part.end())));
        if (!rank || *rank < 0 || *rank > most) return std::nullopt;
        ranks.push_back(*rank);
    }
    std::ranges::sort(ranks);
    if (ranks.empty() || std::ranges::adjacent_find(ranks) != ranks.end()) return std::nullopt;
    return ranks;
}

std::string ranks_text(const std::vector<int>& ranks) {
    std::string text;
    for (const int rank : ranks) text += (text.empty() ? "" : "+") + std::to_string(rank);
    return text.empty() ? "none" : text;
}

/// Sets the parameter's field; false, and no change, if `text` is not a value that it can have.
bool assign(const Parameter& parameter, std::string_view text, Settings& settings) {
    const auto set = [&settings](auto field, const auto& value, bool fits) {
        if (fits) settings.*field = *value;
        return fits;
    };
    return std::visit(
        Overload{[&](const Count& kind) {
                     const auto value = number<int>(text);
                     return set(kind.field, value,
                                value && *value >= kind.least && *value <= kind.most);
                 },
                 [&](const Size& kind) {
                     const auto parsed = parse_size(text);
                     const auto* value = std::get_if<Bytes>(&parsed);
                     const bool fits = value != nullptr && *value <= kind.most &&
                                       (*value >= kind.least || (kind.or_zero && *value == 0));
                     return set(kind.field, value, fits);
                 },
                 [&](const Number& kind) {
                     // The comparisons are false for what is not a number; -0.0 would make a
                     // fingerprint of its own.
                     auto value = number<double>(text);
                     const bool fits = value && *value >= kind.least && *value <= kind.most;
                     if (fits) *value = std::abs(*value);
                     return set(kind.field, value, fits);
                 },
                 [&](const Switch& kind) {
                     const auto value = parse_switch(text);
                     return set(kind.field, value, value.has_value());
                 },
                 [&](const RankList& kind) {
                     const auto value = parse_ranks(text, kind.most);
                     return set(kind.field, value, value.has_value());
                 },
                 [&]<class Enum>(const Word<Enum>& kind) {
                     const auto is = [text](std::string_view word) {
                         return !word.empty() && same_word(text, word);
                     };
                     const auto found = std::ranges::find_if(kind.words, is);
                     if (found == kind.words.end()) return false;
                     settings.*kind.field = static_cast<Enum>(found - kind.words.begin());
                     return true;
                 }},
        parameter.kind);
}

std::string value_text(const Parameter& parameter, const Settings& settings) {
    return std::visit(
        Overload{[&](const Count& kind) { return std::to_string(settings.*kind.field); },
                 [&](const Size& kind) { return size_text(settings.*kind.field); },
                 [&](const Number& kind) { return number_text(settings.*kind.field); },
                 [&](const Switch& kind) { return switch_text(settings.*kind.field); },
                 [&](const RankList& kind) { return ranks_text(settings.*kind.field); },
                 [&]<class Enum>(const Word<Enum>& kind) {
                     return std::string(kind.words[static_cast<std::size_t>(settings.*kind.field)]);
                 }},
        parameter.kind);
}

std::string accepted(const Parameter& parameter) {
    const auto range = [&parameter](const std::string& least, const std::string& most) {
        return least + " to " + most + " " + std::string(parameter.info.unit);
    };
    return std::visit(
        Overload{[&](const Count& kind) {
                     return "a whole number, " +
                            range(std::to_string(kind.least), std::to_string(kind.most));
                 },
                 [&](const Size& kind) {
                     return std::string("a size such as 64K, ") + (kind.or_zero ? "0 or " : "") +
                            range(size_text(kind.least), size_text(kind.most));
                 },
                 [&](const Number& kind) {
                     return "a number, " + range(number_text(kind.least), number_text(kind.most));
                 },
                 [](const RankList&) { return std::string("ranks such as 3+5, or none"); },
                 [&](const auto&) { return std::string(parameter.info.unit); }},
        parameter.kind);
}

/// Least number of letters to insert, drop, change or swap with a neighbour to make `b` of `a`.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);  // the row for a's first i-2 letters,
    std::vector<std::size_t> last(b.size() + 1);    // i-1 letters,
    std::vector<std::size_t> row(b.size() + 1);     // i letters
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before = std::exchange(last, row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = last[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
    }
    return row[b.size()];
}

/// `; did you mean "segment"?` when a name is near, else the list of all names.
std::string hint(std::string_view name) {
    const auto far = [name](const ParameterInfo& info) { return distance(name, info.name); };
    const auto& nearest = *std::ranges::min_element(infos, {}, far);
    if (far(nearest) <= std::max<std::size_t>(2, nearest.name.size() / 3)) {
        return "; did you mean " + quoted(nearest.name) + "?";
    }
    std::string text = "; there are ";
    for (const auto& info : infos)
        text += (&info == infos.data() ? "" : ", ") + std::string(info.name);
    return text;
}

std::variant<Assignment, std::string> parse_assignment(std::string_view text) {
    const auto equals = text.find('=');
    const auto name = trim(text.substr(0, equals));
    if (name.empty() || equals == std::string_view::npos) {
        return "name=value is expected, not " + quoted(trim(text));
    }
    return Assignment{name, trim(text.substr(equals + 1))};
}

}  // namespace

std::string_view text(Origin origin) {
    constexpr std::array<std::string_view, 5> names{"default", "site file", "environment",
                                                    "MPI_Info", "call"};
    return names[static_cast<std::size_t>(origin)];
}

std::span<const ParameterInfo> parameters() { return infos; }

std::variant<Assignments, std::string> parse_assignments(std::string_view text) {
    Assignments assignments;
    if (trim(text).empty()) return assignments;
    for (const auto part : std::views::split(text, ',')) {
        auto parsed = parse_assignment(std::string_view(part.begin(), part.end()));
        if (auto* error = std::get_if<std::string>(&parsed)) return "settings: " + *error;
        assignments.push_back(std::get<Assignment>(std::move(parsed)));
    }
    return assignments;
}

std::variant<Assignments, std::string> parse_site_file(std::string_view text) {
    Assignments assignments;
    int line_number = 0;
    for (const auto part : std::views::split(text, '\n')) {
        ++line_number;
        const std::string_view line(part.begin(), part.end());
        const auto content = trim(line.substr(0, line.find('#')));
        if (content.empty()) continue;
        auto parsed = parse_assignment(content);
        if (auto* error = std::get_if<std::string>(&parsed)) {
            return "line " + std::to_string(line_number) + ": " + *error;
        }
        assignments.push_back(std::get<Assignment>(std::move(parsed)));
    }
    return assignments;
}

std::variant<Resolved, std::string> resolve(std::span<const Layer> layers) {
    Resolved resolved;
    resolved.entries.resize(table.size());
    for (const auto& layer : layers) {
        const std::string origin = " (" + std::string(text(layer.origin)) + ")";
        for (const auto& [name, value] : layer.values) {
            const auto row =
                std::ranges::find(table, name, [](const Parameter& p) { return p.info.name; });
            if (row == table.end()) return "unknown setting " + quoted(name) + origin + hint(name);
            if (!assign(*row, value, resolved.settings)) {
                return "setting " + name + "=" + value + origin + ": expected " + accepted(*row);
            }
            resolved.entries[static_cast<std::size_t>(row - table.begin())].origin = layer.origin;
        }
    }
    for (std::size_t i = 0; i < table.size(); ++i) {
        resolved.entries[i].value = value_text(table[i], resolved.settings);
    }
    return resolved;
}

std::uint64_t fingerprint(const Settings& settings) {
    // Each value is stirred in by the finalizer of splitmix64, which is a bijection: two settings
    // that differ in one value never have the same fingerprint.
    std::uint64_t state = table.size();
    const auto stir = [&state](std::uint64_t value) {
        state ^= value;
        state += 0x9e3779b97f4a7c15;
        state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
        state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
        state ^= state >> 31;
    };
    for (const auto& parameter : table) {
        std::visit(Overload{[&](const Number& kind) {
                                stir(std::bit_cast<std::uint64_t>(settings.*kind.field));
                            },
                            [&](const RankList& kind) {
                                const auto& ranks = settings.*kind.field;
                                stir(ranks.size());
                                for (const int rank : ranks) stir(static_cast<std::uint64_t>(rank));
                            },
                            [&](const auto& kind) {
                                stir(static_cast<std::uint64_t>(settings.*kind.field));
                            }},
                   parameter.kind);
    }
    return state;
}

std::variant<Bytes, std::string> parse_size(std::string_view text) {
    std::string problem =
        quoted(trim(text)) + " is not a size; sizes are written as 65536, 64K, 1.5M or 2G";
    std::string_view digits = trim(text);
    const auto drop = [&digits](char letter) {
        const bool there = digits.size() > 1 && lower(digits.back()) == lower(letter);
        if (there) digits.remove_suffix(1);
        return there;
    };
    Bytes unit = 1;
    drop('B');
    const bool binary = drop('i');  // "KiB"; K alone means the same
    for (const auto& [letter, bytes] : units) {
        if (unit == 1 && drop(letter)) unit = bytes;
    }
    if (binary && unit == 1) return problem;
    digits = trim(digits);
    if (digits.empty() || digits.front() < '0' || digits.front() > '9') return problem;

    if (const auto whole = number<Bytes>(digits)) {
        if (*whole > std::numeric_limits<Bytes>::max() / unit) return problem;
        return *whole * unit;
    }
    if (digits.find_first_not_of("0123456789.") != std::string_view::npos) return problem;
    const auto fraction = number<double>(digits);
    // From 2^53 on a double may not be the number that was written.
    if (!fraction || *fraction * static_cast<double>(unit) >= 0x1p53) return problem;
    const double bytes = *fraction * static_cast<double>(unit);
    if (bytes != std::floor(bytes)) return problem;
    return static_cast<Bytes>(bytes);
}

}  // namespace splitcast::collectives
