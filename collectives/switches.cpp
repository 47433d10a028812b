#include "collectives/switches.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace splitcast::collectives {

namespace {

using Names = std::vector<std::string>;

constexpr std::size_t most_names = 1'000'000;  // a slip of the pen ("[1-999999999]") is no cluster

/// Cuts at the commas that are not in brackets.
std::vector<std::string_view> entries_of(std::string_view list) {
    std::vector<std::string_view> out;
    bool inside = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= list.size(); ++i) {
        if (i == list.size() || (list[i] == ',' && !inside)) {
            out.push_back(list.substr(begin, i - begin));
            begin = i + 1;
        } else if (list[i] == '[' || list[i] == ']') {
            inside = list[i] == '[';
        }
    }
    return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "01" or "01-03"; numbers are as wide as the first is written. False if it is neither.
bool add_range(std::string_view text, Names& out) {
    const std::size_t dash = text.find('-');
    const std::string_view low = text.substr(0, dash);
    const std::string_view high = dash == std::string_view::npos ? low : text.substr(dash + 1);
    const auto first = number(low);
    const auto last = number(high);
    if (!first || !last || *last < *first || *last - *first >= most_names - out.size())
        return false;
    for (std::uint64_t value = *first; value <= *last; ++value) {
        std::string digits = std::to_string(value);
        if (digits.size() < low.size()) digits.insert(0, low.size() - digits.size(), '0');
        out.push_back(std::move(digits));
    }
    return true;
}

/// Everything that can stand between two brackets: "01-03,07".
std::optional<Names> choices_of(std::string_view text) {
    Names out;
    for (const std::string_view range : entries_of(text)) {
        if (!add_range(range, out)) return std::nullopt;
    }
    return out;
}

/// One entry: text and brackets in turn. Nothing if it is not written as it should be.
std::optional<Names> expand_entry(std::string_view entry) {
    Names out{""};
    while (!entry.empty()) {
        const std::size_t open = std::min(entry.find('['), entry.size());
        const std::string_view text = entry.substr(0, open);
        if (text.find(']') != std::string_view::npos) return std::nullopt;
        for (std::string& name : out) name += text;
        entry.remove_prefix(open);
        if (entry.empty()) break;
        const std::size_t close = entry.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const auto choices = choices_of(entry.substr(1, close - 1));
        if (!choices || choices->size() * out.size() > most_names) return std::nullopt;
        Names longer;
        longer.reserve(choices->size() * out.size());
        for (const std::string& name : out) {
            for (const std::string& choice : *choices) longer.push_back(name + choice);
        }
        out = std::move(longer);
        entry.remove_prefix(close + 1);
    }
    if (out.front().empty()) return std::nullopt;
    return out;
}

/// Cuts off what is in front of the first dot.
std::string_view next_part(std::string_view& text) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    return part;
}

}  // namespace

std::variant<Names, std::string> expand_node_list(std::string_view list) {
    Names out;
    if (list.empty()) return out;
    for (const std::string_view entry : entries_of(list)) {
        auto names = expand_entry(entry);
        if (!names || names->size() + out.size() > most_names) {
            return "'" + std::string(entry) +
                   "' is not a list of nodes such as c[01-04,07], or one of over " +
                   std::to_string(most_names);
        }
        std::ranges::move(*names, std::back_inserter(out));
    }
    return out;
}

SwitchPath switch_path(std::string_view address, std::string_view pattern, std::string_view node) {
    SwitchPath out;
    // What the pattern calls node is the rest of the address: its name may have dots.
    for (std::string_view kind = next_part(pattern); kind != "node"; kind = next_part(pattern)) {
        const std::string_view name = next_part(address);
        if (kind.empty() || name.empty()) return {};
        out.emplace_back(name);
    }
    if (!pattern.empty() || address.empty() || address != node) return {};
    return out;
}

SwitchPath path_of(std::string_view word) {
    SwitchPath out;
    while (!word.empty()) out.emplace_back(next_part(word));
    return out;
}

std::vector<std::int32_t> number_switches(std::span<const SwitchPath> paths) {
    std::vector<std::int32_t> out(paths.size(), -1);
    if (std::ranges::any_of(paths, &SwitchPath::empty)) return out;
    // Each switch gets the place where it first occurs; paths in these terms sort as is wanted.
    std::map<SwitchPath, std::size_t> first_seen;
    std::vector<std::vector<std::size_t>> keys;
    keys.reserve(paths.size());
    for (const SwitchPath& path : paths) {
        std::vector<std::size_t>& key = keys.emplace_back();
        SwitchPath above;
        for (const std::string& name : path) {
            above.push_back(name);
            key.push_back(first_seen.try_emplace(above, first_seen.size()).first->second);
        }
    }
    std::vector<std::vector<std::size_t>> sorted = keys;
    std::ranges::sort(sorted);
    sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        out[i] =
            static_cast<std::int32_t>(std::ranges::lower_bound(sorted, keys[i]) - sorted.begin());
    }
    return out;
}

}  // namespace splitcast::collectives
