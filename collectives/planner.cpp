#include "collectives/planner.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <tuple>
#include <utility>

namespace splitcast::collectives {

Planner::Planner(std::span<const Rank> live, std::span<const Rank> sources,
                 std::span<const Rank> preferred, const Placement& placement, const Shape& shape)
    : live_(live.begin(), live.end()),
      ranks_(placement.ranks()),
      unit_of_(live.size()),
      source_(live.size(), false),
      preferred_(live.size(), false),
      rank_load_(live.size(), 0),
      transfer_of_(live.size()) {
    shape_.group_size = std::max(shape.group_size, 1);
    shape_.children = std::max(shape.children, 1);
    shape_.local_fanout = std::max(shape.local_fanout, 1);
    std::vector<Index> index(at(ranks_), -1);
    for (std::size_t i = 0; i < live_.size(); ++i) index[at(live_[i])] = static_cast<Index>(i);
    for (const Rank rank : sources) {
        if (index[at(rank)] >= 0) source_[at(index[at(rank)])] = true;
    }
    for (const Rank rank : preferred) {
        if (index[at(rank)] >= 0) preferred_[at(index[at(rank)])] = true;
    }
    const auto nodes = placement.nodes(live);
    for (const std::vector<Rank>& node : nodes) {
        for (const Rank rank : node) {
            if (nodes.size() == 1 || rank == node.front()) units_.emplace_back();
            units_.back().push_back(index[at(rank)]);
            unit_of_[at(index[at(rank)])] = static_cast<std::int32_t>(units_.size()) - 1;
        }
    }
    unit_load_.assign(units_.size(), 0);
    for (const std::vector<Index>& unit : units_) {
        spared_.push_back(
            std::all_of(unit.begin(), unit.end(), [this](Index i) { return source_[at(i)]; }));
    }
}

Plan Planner::plan(const LackClasses& classes) {
    find_bound(classes);
    for (const LackClass& lack : classes.classes) plan_class(lack);
    return finish();
}

bool Planner::holds_some(const std::vector<Index>& unit, const LackClass& lack) const {
    if (unit.size() == 1) return !lack.lacks(unit[0]);
    return std::any_of(unit.begin(), unit.end(), [&](Index i) { return !lack.lacks(i); });
}

/// No plan is faster than the unit that has to receive most, nor than all sends shared out evenly.
void Planner::find_bound(const LackClasses& classes) {
    std::vector<Segment> received(units_.size(), 0);
    Segment total = 0;
    for (const LackClass& lack : classes.classes) {
        for (std::size_t unit = 0; unit < units_.size(); ++unit) {
            const Segment lacked = holds_some(units_[unit], lack) ? 0 : lack.size();
            received[unit] += lacked;
            total += lacked;
        }
    }
    for (const Segment r : received) bound_ = std::max(bound_, r);
    const auto units = static_cast<Segment>(units_.size());
    if (units > 0) bound_ = std::max(bound_, (total + units - 1) / units);
}

void Planner::plan_class(const LackClass& lack) {
    split_units(lack);
    lay_out(lack);
    first_bundle_ = bundles_.size();
    bundles_.resize(first_bundle_ + at(layout_.used));
    for (std::size_t i = 0; i < lack.segments.size(); ++i) {
        bundles_[first_bundle_ + i % at(layout_.stripes)].append(lack.segments[i]);
    }
    // In this order, because transfers that begin earlier are preferred: onward, then to peers,
    // then within the node.
    if (!recipients_.empty()) {
        choose_offsets();
        rank_providers();
        feed_groups(lack);
        spread_in_groups();
    }
    spread_in_units(lack);
}

/// Recipients keep the placement order, from the first provider on as in a schedule from its root.
void Planner::split_units(const LackClass& lack) {
    recipients_.clear();
    providers_.clear();
    std::size_t before_first_provider = 0;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
        if (holds_some(units_[unit], lack)) {
            providers_.push_back(static_cast<std::int32_t>(unit));
        } else {
            if (providers_.empty()) ++before_first_provider;
            recipients_.push_back(static_cast<std::int32_t>(unit));
        }
    }
    assert(!providers_.empty());
    keep_preferred_providers(lack);
    std::rotate(recipients_.begin(),
                recipients_.begin() + static_cast<std::ptrdiff_t>(before_first_provider),
                recipients_.end());
}

void Planner::keep_preferred_providers(const LackClass& lack) {
    std::vector<std::int32_t> kept;
    for (const std::int32_t unit : providers_) {
        const std::vector<Index>& ranks = units_[at(unit)];
        if (std::any_of(ranks.begin(), ranks.end(),
                        [&](Index i) { return preferred_[at(i)] && !lack.lacks(i); })) {
            kept.push_back(unit);
        }
    }
    if (!kept.empty()) providers_ = std::move(kept);
}

void Planner::lay_out(const LackClass& lack) {
    const int recipients = static_cast<int>(recipients_.size());
    const int providers = static_cast<int>(providers_.size());
    Segment room = 0;
    for (const std::int32_t unit : providers_) {
        room += std::max<Segment>(0, bound_ - unit_load_[at(unit)]);
    }
    // Providers send each segment once per group: room / size groups are for free.
    const int largest = std::clamp(shape_.group_size, 1, std::max(recipients, 1));
    const Segment free_groups = std::min<Segment>(recipients, room / lack.size());
    const Segment wanted =
        free_groups == 0 ? largest : (recipients + free_groups - 1) / free_groups;

    Groups& groups = layout_.groups;
    groups.recipients = recipients;
    groups.size = static_cast<int>(std::clamp<Segment>(wanted, 1, largest));
    groups.children = std::clamp(shape_.children, 1, std::max(groups.count(), 1));
    // If even the largest groups are too many for the providers, most are fed by other groups.
    const bool all_free = groups.count() <= free_groups;
    groups.trees = std::max(1, all_free ? groups.count() : std::min(providers, groups.count()));

    // More stripes than members when there are more providers than feeds, so that all can take
    // part; but no rank gets a segment class from more than `group_size` others.
    const int feeds = groups.trees * groups.size;
    const int shares = recipients == 0 ? 1 : (providers + feeds - 1) / feeds;
    layout_.stripes = std::max(groups.size, std::min(shape_.group_size, groups.size * shares));
    layout_.segments = lack.size();
    layout_.used = static_cast<int>(std::min<Segment>(layout_.stripes, lack.size()));
}

/// A small class does not fill all stripes: it enters its groups at the members that have least to
/// do.
void Planner::choose_offsets() {
    const Groups& groups = layout_.groups;
    layout_.offset.assign(at(groups.count()), 0);
    for (int group = 0; group < groups.count(); ++group) {
        const auto load = [&](int member) {
            return unit_load_[at(recipients_[at(groups.first(group) + member)])];
        };
        int& best = layout_.offset[at(group)];
        for (int member = 1; member < groups.members(group); ++member) {
            if (load(member) < load(best)) best = member;
        }
    }
}

void Planner::rank_providers() {
    std::sort(providers_.begin(), providers_.end(), [this](std::int32_t a, std::int32_t b) {
        if (unit_load_[at(a)] != unit_load_[at(b)]) return unit_load_[at(a)] < unit_load_[at(b)];
        return spared_[at(a)] != spared_[at(b)] ? bool{spared_[at(b)]} : a < b;
    });
    pool_ = 0;
    turn_ = 0;
}

/// The least loaded providers take turns; the next ones join when the others have caught up with
/// them.
Planner::Index Planner::next_sender(const LackClass& lack) {
    if (turn_ == pool_) {
        turn_ = 0;
        const Segment level = unit_load_[at(providers_[0])];
        while (pool_ < providers_.size() && unit_load_[at(providers_[pool_])] <= level) ++pool_;
    }
    Index best = -1;
    for (const Index i : units_[at(providers_[turn_])]) {
        if (lack.lacks(i)) continue;
        const auto key = [this](Index r) {
            return std::tuple(!preferred_[at(r)], rank_load_[at(r)], bool{source_[at(r)]});
        };
        if (best < 0 || key(i) < key(best)) best = i;
    }
    ++turn_;
    return best;
}

void Planner::feed_groups(const LackClass& lack) {
    const Groups& groups = layout_.groups;
    for (int stripe = 0; stripe < layout_.used; ++stripe) {
        for (int group = 0; group < groups.count(); ++group) {
            const int above = groups.parent(group);
            const Index from = above < 0 ? next_sender(lack) : leader(layout_.entry(above, stripe));
            send_over_network(from, leader(layout_.entry(group, stripe)), stripe);
        }
    }
}

void Planner::spread_in_groups() {
    const Groups& groups = layout_.groups;
    for (int stripe = 0; stripe < layout_.used; ++stripe) {
        for (int group = 0; group < groups.count(); ++group) {
            const int entry = layout_.entry(group, stripe);
            const bool chain = groups.as_chain(group, stripe);
            for (int step = 1; step < groups.members(group); ++step) {
                const int from = chain ? groups.next(entry, step - 1) : entry;
                send_over_network(leader(from), leader(groups.next(entry, step)), stripe);
            }
        }
    }
}

void Planner::spread_in_units(const LackClass& lack) {
    for (const std::vector<Index>& unit : units_) {
        if (unit.size() > 1) spread_in_unit(unit, lack);
    }
}

/// From the ranks of a node that hold the class (or the leader, which gets it over the network) to
/// the others: the first f of them per holder directly, the rest through a heap of fan-out f.
void Planner::spread_in_unit(const std::vector<Index>& unit, const LackClass& lack) {
    const auto first =
        std::find_if(unit.begin(), unit.end(), [&](Index i) { return !lack.lacks(i); });
    std::vector<Index> turned(first, unit.end());
    turned.insert(turned.end(), unit.begin(), first);  // as a schedule turns the root's node
    const auto middle = first == unit.end()
                            ? turned.begin() + 1
                            : std::stable_partition(turned.begin(), turned.end(),
                                                    [&](Index i) { return !lack.lacks(i); });
    const std::vector<Index> holders(turned.begin(), middle);
    const std::vector<Index> lackers(middle, turned.end());
    const std::size_t fanout = at(shape_.local_fanout);
    const std::size_t direct = holders.size() * std::min(fanout, lackers.size());
    for (std::size_t i = 0; i < lackers.size(); ++i) {
        // Different classes begin with different holders.
        const Index from = i < direct ? holders[(i + first_bundle_) % holders.size()]
                                      : lackers[(i - direct) / fanout];
        for (int stripe = 0; stripe < layout_.used; ++stripe) send(from, lackers[i], stripe);
    }
}

void Planner::send_over_network(Index from, Index to, int stripe) {
    send(from, to, stripe);
    rank_load_[at(from)] += layout_.size(stripe);
    unit_load_[at(unit_of_[at(from)])] += layout_.size(stripe);
}

void Planner::send(Index from, Index to, int stripe) {
    loads_.push_back({transfer(from, to), static_cast<std::int32_t>(first_bundle_) + stripe});
}

std::int32_t Planner::transfer(Index from, Index to) {
    std::int32_t& known = transfer_of_.at(from, to);
    if (known < 0) {
        known = static_cast<std::int32_t>(transfers_.size());
        transfers_.push_back({live_[at(from)], live_[at(to)], {}});
    }
    return known;
}

/// Gives every transfer the segments of its bundles, in ascending order whichever classes they are
/// of.
Plan Planner::finish() {
    // A counting sort of the loads by transfer.
    std::vector<std::size_t> begin(transfers_.size() + 1, 0);
    for (const Load& load : loads_) ++begin[at(load.transfer) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::int32_t> bundles(loads_.size());
    std::vector<std::size_t> next = begin;
    for (const Load& load : loads_) bundles[next[at(load.transfer)]++] = load.bundle;

    std::vector<Segment> segments;
    for (std::size_t t = 0; t < transfers_.size(); ++t) {
        if (begin[t + 1] - begin[t] == 1) {
            transfers_[t].segments = bundles_[at(bundles[begin[t]])];
            continue;
        }
        segments.clear();
        for (std::size_t i = begin[t]; i < begin[t + 1]; ++i) {
            for (Sequence::Cursor c(bundles_[at(bundles[i])]); !c.done(); ++c) {
                segments.push_back(*c);
            }
        }
        std::sort(segments.begin(), segments.end());
        for (const Segment s : segments) transfers_[t].segments.append(s);
    }
    std::stable_sort(transfers_.begin(), transfers_.end(),
                     [](const auto& a, const auto& b) { return a.from < b.from; });
    return {ranks_, std::move(transfers_)};
}

}  // namespace splitcast::collectives
