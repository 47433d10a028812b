#include "collectives/fault_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <ranges>

namespace splitcast::collectives {

namespace {

constexpr std::array<std::string_view, 5> actions{"kill", "stop", "corrupt", "delay", "exit"};

constexpr std::array<FaultPointInfo, 17> points{{
    {FaultPoint::setup, "setup", false, "about to take a step of making a team or a copy"},
    {FaultPoint::enter, "enter", false, "in the call, nothing said to anybody"},
    {FaultPoint::survey, "survey", false, "about to tell the others what it was called with"},
    {FaultPoint::receive, "receive", true, "a segment has arrived"},
    {FaultPoint::relay, "relay", true, "about to send on a segment that it received"},
    {FaultPoint::send, "send", true, "about to send a segment, its own or one that it relays"},
    {FaultPoint::notice, "notice", false, "has just learnt of a failure"},
    {FaultPoint::regroup, "regroup", false, "about to agree with the others on who lives"},
    {FaultPoint::flush, "flush", false, "about to drain what is under way in the old epoch"},
    {FaultPoint::report, "report", false, "about to tell the others what it holds"},
    {FaultPoint::epoch, "epoch", false, "about to tell who is left and who holds what"},
    {FaultPoint::repair, "repair", false, "has planned the repair, nothing of it is sent"},
    {FaultPoint::complete, "complete", false, "holds every segment"},
    {FaultPoint::commit, "commit", false, "about to take part in the last agreement"},
    {FaultPoint::decide, "decide", false, "knows the verdict, the others may not"},
    {FaultPoint::leave, "return", false, "about to return to the caller"},
    {FaultPoint::seal, "seal", false, "about to finish what a copy has written"},
}};

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\f\v";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

/// The parts of `text` between separators, trimmed.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (const auto part : std::views::split(text, separator)) {
        parts.push_back(trim({part.begin(), part.end()}));
    }
    if (parts.empty()) parts.emplace_back();
    return parts;
}

template <class Range>
std::string list(Range&& names) {
    std::string text;
    for (const std::string_view name : names) {
        if (!text.empty()) text += ", ";
        text += name;
    }
    return text;
}

bool whole(std::string_view text, std::int64_t least, std::int64_t most, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value >= least &&
           value <= most;
}

bool read_ranks(std::string_view text, FaultRule& rule) {
    for (const auto part : split(text, '+')) {
        std::int64_t rank = 0;
        if (!whole(part, 0, std::numeric_limits<Rank>::max(), rank)) return false;
        rule.ranks.push_back(static_cast<Rank>(rank));
    }
    std::ranges::sort(rule.ranks);
    return std::ranges::adjacent_find(rule.ranks) == rule.ranks.end();
}

bool read_point(std::string_view text, FaultRule& rule) {
    const auto colon = text.find(':');
    const auto* point =
        std::ranges::find(points, trim(text.substr(0, colon)), &FaultPointInfo::name);
    if (point == points.end()) return false;
    rule.point = point->point;
    if (colon == std::string_view::npos) return true;
    const auto when = trim(text.substr(colon + 1));
    if (!when.ends_with('%')) {
        return whole(when, 1, std::numeric_limits<std::int64_t>::max(), rule.time);
    }
    std::int64_t percent = 0;
    if (!whole(trim(when.substr(0, when.size() - 1)), 0, 100, percent)) return false;
    rule.percent = static_cast<int>(percent);
    return true;
}

constexpr std::int64_t longest = 24LL * 3600 * 1000;

/// What may stand after the colon of a rule.
struct Key {
    std::string_view name;
    std::optional<FaultAction> only;  ///< for this action, else for all
    bool required;
    bool (*read)(std::string_view, FaultRule&);
    std::string_view expected;
};

constexpr std::array<Key, 8> keys{{
    {"rank", {}, true, read_ranks, "a rank, or several different ones as 1+3+4"},
    {"at", {}, true, read_point, {}},  // its expectation is the list of points
    {"broadcast",
     {},
     false,
     [](std::string_view text, FaultRule& rule) {
         return whole(text, 1, std::numeric_limits<std::int64_t>::max(), rule.broadcast);
     },
     "a whole number from 1, the broadcast's number in its team"},
    {"for", FaultAction::stop, false,
     [](std::string_view text, FaultRule& rule) {
         return whole(text, 1, longest, rule.milliseconds);
     },
     "milliseconds, 1 to 86400000"},
    {"bit", FaultAction::corrupt, false,
     [](std::string_view text, FaultRule& rule) {
         return whole(text, 0, std::numeric_limits<std::int64_t>::max(), rule.bit);
     },
     "a whole number from 0"},
    {"to", FaultAction::corrupt, false,
     [](std::string_view text, FaultRule& rule) {
         std::int64_t rank = 0;
         if (!whole(text, 0, std::numeric_limits<Rank>::max(), rank)) return false;
         rule.to = static_cast<Rank>(rank);
         return true;
     },
     "the rank that is sent to"},
    {"ms", FaultAction::delay, true,
     [](std::string_view text, FaultRule& rule) {
         return whole(text, 1, longest, rule.milliseconds);
     },
     "milliseconds, 1 to 86400000"},
    {"code", FaultAction::exit, false,
     [](std::string_view text, FaultRule& rule) {
         std::int64_t code = 0;
         if (!whole(text, 0, 255, code)) return false;
         rule.code = static_cast<int>(code);
         return true;
     },
     "a whole number, 0 to 255"},
}};

bool fits(const Key& key, FaultAction action) { return !key.only || *key.only == action; }

std::string key_names(FaultAction action) {
    return list(keys | std::views::filter([action](const Key& key) { return fits(key, action); }) |
                std::views::transform(&Key::name));
}

std::string expected(const Key& key) {
    if (!key.expected.empty()) return std::string(key.expected);
    return "one of " + list(points | std::views::transform(&FaultPointInfo::name)) +
           ", and behind it, if wanted, :N for the N-th time or :N% for that share of the segments";
}

/// Reads one "name=value" into the rule; what is wrong with it, or nothing.
std::optional<std::string> read_key(std::string_view piece, FaultRule& rule,
                                    std::vector<std::string_view>& seen) {
    const auto equals = piece.find('=');
    const auto name = trim(piece.substr(0, equals));
    const auto value =
        equals == std::string_view::npos ? std::string_view() : trim(piece.substr(equals + 1));
    const auto* key = std::ranges::find(keys, name, &Key::name);
    if (equals == std::string_view::npos || key == keys.end() || !fits(*key, rule.action)) {
        return quoted(piece) + ": expected name=value, with one of the names " +
               key_names(rule.action);
    }
    if (std::ranges::find(seen, name) != seen.end()) {
        return quoted(piece) + ": " + std::string(name) + " is given twice";
    }
    seen.push_back(name);
    if (!key->read(value, rule)) return quoted(piece) + ": expected " + expected(*key);
    return std::nullopt;
}

std::variant<FaultRule, std::string> parse_rule(std::string_view text) {
    const auto colon = text.find(':');
    const auto word = trim(text.substr(0, colon));
    const auto* action = std::ranges::find(actions, word);
    if (action == actions.end()) {
        return quoted(word) + ": expected one of the actions " + list(actions) +
               ", as in kill:rank=3,at=relay:50%";
    }
    FaultRule rule;
    rule.action = static_cast<FaultAction>(action - actions.begin());
    const auto rest = colon == std::string_view::npos ? "" : trim(text.substr(colon + 1));
    std::vector<std::string_view> seen;
    for (const auto piece : split(rest, ',')) {
        if (rest.empty()) break;
        if (auto problem = read_key(piece, rule, seen)) return *problem;
    }
    for (const Key& key : keys) {
        const bool missing = std::ranges::find(seen, key.name) == seen.end();
        if (key.required && missing && fits(key, rule.action)) {
            return quoted(text) + ": " + std::string(key.name) + "= is missing; expected " +
                   expected(key);
        }
    }
    if (rule.action == FaultAction::corrupt &&
        !points[static_cast<std::size_t>(rule.point)].has_segment) {
        return quoted(text) + ": there is no segment to corrupt; expected one of the points " +
               list(points | std::views::filter(&FaultPointInfo::has_segment) |
                    std::views::transform(&FaultPointInfo::name));
    }
    if (rule.to != no_rank && rule.point == FaultPoint::receive) {
        return quoted(text) + ": to= is for segments that are sent; expected at=send or at=relay";
    }
    return rule;
}

}  // namespace

std::string_view text(FaultAction action) { return actions[static_cast<std::size_t>(action)]; }

std::string_view text(FaultPoint point) { return points[static_cast<std::size_t>(point)].name; }

std::span<const FaultPointInfo> fault_points() { return points; }

std::string text(const FaultRule& rule) {
    std::string out = std::string(text(rule.action)) + ":rank=";
    for (std::size_t i = 0; i < rule.ranks.size(); ++i) {
        out += (i == 0 ? "" : "+") + std::to_string(rule.ranks[i]);
    }
    out += ",at=" + std::string(text(rule.point));
    if (rule.percent) {
        out += ':' + std::to_string(*rule.percent) + '%';
    } else if (rule.time > 1) {
        out += ':' + std::to_string(rule.time);
    }
    if (rule.broadcast > 0) out += ",broadcast=" + std::to_string(rule.broadcast);
    switch (rule.action) {
        case FaultAction::kill: break;
        case FaultAction::stop:
            if (rule.milliseconds > 0) out += ",for=" + std::to_string(rule.milliseconds);
            break;
        case FaultAction::corrupt:
            out += ",bit=" + std::to_string(rule.bit);
            if (rule.to != no_rank) out += ",to=" + std::to_string(rule.to);
            break;
        case FaultAction::delay: out += ",ms=" + std::to_string(rule.milliseconds); break;
        case FaultAction::exit: out += ",code=" + std::to_string(rule.code); break;
    }
    return out;
}

std::variant<std::vector<FaultRule>, std::string> parse_faults(std::string_view text) {
    std::vector<FaultRule> rules;
    for (const auto piece : split(text, ';')) {
        if (piece.empty()) continue;
        auto parsed = parse_rule(piece);
        if (auto* problem = std::get_if<std::string>(&parsed)) return "fault " + *problem;
        rules.push_back(std::get<FaultRule>(std::move(parsed)));
    }
    return rules;
}

std::optional<std::string> check_ranks(std::span<const FaultRule> rules, Rank ranks) {
    for (const FaultRule& rule : rules) {
        std::vector<Rank> named = rule.ranks;
        if (rule.to != no_rank) named.push_back(rule.to);
        const auto beyond =
            std::ranges::find_if(named, [ranks](Rank rank) { return rank >= ranks; });
        if (beyond == named.end()) continue;
        return "fault " + quoted(text(rule)) + ": there is no rank " + std::to_string(*beyond) +
               "; expected " + (ranks == 1 ? "0" : "0 to " + std::to_string(ranks - 1));
    }
    return std::nullopt;
}

FaultTrigger::FaultTrigger(std::span<const FaultRule> rules, Rank rank) {
    for (const FaultRule& rule : rules) {
        if (std::ranges::find(rule.ranks, rank) != rule.ranks.end()) pending_.push_back({rule});
    }
}

std::optional<FaultRule> FaultTrigger::pass(FaultPoint point, int progress_percent,
                                            std::int64_t broadcast, Rank receiver) {
    auto due = pending_.end();
    for (auto it = pending_.begin(); it != pending_.end(); ++it) {
        const FaultRule& rule = it->rule;
        if (rule.point != point || (rule.broadcast > 0 && rule.broadcast != broadcast)) continue;
        if (rule.to != no_rank && rule.to != receiver) continue;
        ++it->passed;
        const bool now = rule.percent ? progress_percent >= *rule.percent : it->passed >= rule.time;
        if (now && due == pending_.end()) due = it;
    }
    if (due == pending_.end()) return std::nullopt;
    auto rule = std::move(due->rule);
    pending_.erase(due);
    return rule;
}

}  // namespace splitcast::collectives
