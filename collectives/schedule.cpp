#include "collectives/schedule.hpp"

#include <algorithm>
#include <cassert>

namespace splitcast::collectives {

Schedule Schedule::make(const Placement& placement, Rank root, Shape shape) {
    return make(placement, placement.all(), root, shape);
}

Schedule Schedule::make(const Placement& placement, std::span<const Rank> ranks, Rank root,
                        Shape shape) {
    const auto nodes = placement.nodes_from(root, ranks);
    Schedule out;
    out.root_ = root;
    out.order_.reserve(ranks.size());
    out.position_.assign(index(placement.ranks()), -1);
    out.unit_.assign(index(placement.ranks()), -1);
    const auto begin_unit = [&out] {
        out.unit_begin_.push_back(static_cast<std::int32_t>(out.order_.size()));
    };
    for (const std::vector<Rank>& node : nodes) {
        for (const Rank rank : node) {
            // On a single node every rank is a unit, else every node is one.
            if (nodes.size() == 1 || rank == node.front()) begin_unit();
            out.unit_[index(rank)] = static_cast<std::int32_t>(out.unit_begin_.size()) - 1;
            out.position_[index(rank)] = static_cast<std::int32_t>(out.order_.size());
            out.order_.push_back(rank);
        }
    }
    begin_unit();
    const int recipients = out.units() - 1;
    out.groups_.recipients = recipients;
    out.groups_.size = std::clamp(shape.group_size, 1, std::max(recipients, 1));
    // More children than there are groups change nothing, and the heap's products stay within an
    // int.
    out.groups_.children = std::clamp(shape.children, 1, std::max(out.groups_.count(), 1));
    out.local_fanout_ = std::max(shape.local_fanout, 1);
    return out;
}

Rank Schedule::parent(Rank rank, int stripe) const {
    assert(stripe >= 0 && stripe < stripes());
    if (rank == root_ || !contains(rank)) return no_rank;
    const int unit = unit_of(rank);
    if (const int local = local_index(rank); local > 0) {
        const int above = (local - 1) / local_fanout_;
        return order_[index(unit_begin_[index(unit)] + above)];
    }
    const int q = unit - 1;
    const int group = groups_.group_of(q);
    const int entry = groups_.entry(group, stripe);
    if (q != entry) {
        const bool chain = groups_.as_chain(group, stripe);
        return leader_of_recipient(chain ? groups_.next(q, groups_.members(group) - 1) : entry);
    }
    const int above = groups_.parent(group);
    return above < 0 ? root_ : leader_of_recipient(groups_.entry(above, stripe));
}

void Schedule::append_network_children(Rank rank, int stripe, std::vector<Rank>& out) const {
    if (!contains(rank) || local_index(rank) > 0 || groups_.recipients == 0) return;
    if (rank == root_) {
        out.push_back(leader_of_recipient(groups_.entry(0, stripe)));
        return;
    }
    const int q = unit_of(rank) - 1;
    const int group = groups_.group_of(q);
    const int entry = groups_.entry(group, stripe);
    if (groups_.as_chain(group, stripe)) {
        const int next = groups_.next(q);
        if (next != entry) out.push_back(leader_of_recipient(next));
        return;
    }
    if (q != entry) return;
    for (int child = groups_.first_child(group); child < groups_.end_child(group); ++child) {
        out.push_back(leader_of_recipient(groups_.entry(child, stripe)));
    }
    for (int step = 1; step < groups_.members(group); ++step) {
        out.push_back(leader_of_recipient(groups_.next(q, step)));
    }
}

void Schedule::append_local_children(Rank rank, std::vector<Rank>& out) const {
    if (!contains(rank)) return;
    const int begin = unit_begin_[index(unit_of(rank))];
    const int size = unit_begin_[index(unit_of(rank) + 1)] - begin;
    // Compared by differences: the product of a large fan-out with the index need not fit.
    const std::int64_t first = std::int64_t{local_index(rank)} * local_fanout_ + 1;
    const std::int64_t end = std::min<std::int64_t>(size, first + local_fanout_);
    for (std::int64_t i = first; i < end; ++i) {
        out.push_back(order_[index(begin + static_cast<std::int32_t>(i))]);
    }
}

std::vector<Rank> Schedule::children(Rank rank, int stripe) const {
    std::vector<Rank> out;
    append_network_children(rank, stripe, out);
    append_local_children(rank, out);
    return out;
}

Rank Schedule::leader(Rank rank) const {
    return contains(rank) ? leader_of(unit_of(rank)) : no_rank;
}

int Schedule::group_of(Rank rank) const {
    const int unit = unit_of(rank);
    return unit < 1 ? -1 : groups_.group_of(unit - 1);
}

int Schedule::local_depth(int local_index) const {
    int out = 0;
    for (; local_index > 0; local_index = (local_index - 1) / local_fanout_) ++out;
    return out;
}

int Schedule::hops(Rank rank, int stripe) const {
    if (!contains(rank)) return 0;
    const int local = local_depth(local_index(rank));
    const int unit = unit_of(rank);
    if (unit == 0) return local;
    const int group = groups_.group_of(unit - 1);
    const int away = groups_.distance(groups_.entry(group, stripe), unit - 1);
    const int within = groups_.as_chain(group, stripe) ? away : std::min(away, 1);
    return groups_.level(group) + 1 + within + local;
}

int Schedule::depth() const {
    int out = 0;
    for (int unit = 0; unit < units(); ++unit) {
        // The last rank of a heap is one of its deepest. In a full group two stripes show all there
        // is, the unit's own and another; in the last one each stripe may come another way.
        const Rank last = order_[index(unit_begin_[index(unit + 1)] - 1)];
        const int q = unit - 1;
        const bool full = q < 0 || groups_.members(groups_.group_of(q)) == groups_.size;
        if (full) {
            const int own = q < 0 ? 0 : groups_.member_of(q);
            out = std::max({out, hops(last, own), hops(last, (own + 1) % stripes())});
        } else {
            for (int stripe = 0; stripe < stripes(); ++stripe) {
                out = std::max(out, hops(last, stripe));
            }
        }
    }
    return out;
}

std::string Schedule::text() const {
    std::string out = std::to_string(order_.size()) + " ranks, root " + std::to_string(root_) +
                      ", groups of " + std::to_string(groups_.size) + ", each feeds " +
                      std::to_string(groups_.children) + ", local fan-out " +
                      std::to_string(local_fanout_) + "\n";
    const auto append_unit = [&](int unit) {
        for (int i = unit_begin_[index(unit)]; i < unit_begin_[index(unit + 1)]; ++i) {
            out += (i == unit_begin_[index(unit)] ? " " : "+") + std::to_string(order_[index(i)]);
        }
    };
    out += "root's unit:";
    if (units() > 0) append_unit(0);
    out += "\n";
    for (int group = 0; group < groups_.count(); ++group) {
        const int above = groups_.parent(group);
        out += "group " + std::to_string(group) + " from " +
               (above < 0 ? std::string("the root") : "group " + std::to_string(above)) + ":";
        for (int m = 0; m < groups_.members(group); ++m) append_unit(groups_.first(group) + m + 1);
        out += "\n";
    }
    return out;
}

RankPlan rank_plan(const Schedule& schedule, Rank rank, Segment segments) {
    RankPlan out;
    const int k = schedule.stripes();
    const int used = static_cast<int>(std::min<Segment>(k, segments));  // the stripes with segments
    const auto sequence = [&](int stripe) {
        return Sequence{Run{stripe, k, (segments - stripe + k - 1) / k}};
    };
    std::vector<Rank> peers;
    for (int stripe = 0; stripe < used; ++stripe) {
        const Rank parent = schedule.parent(rank, stripe);
        if (parent != no_rank) out.in.push_back({parent, stripe, sequence(stripe)});
        peers.clear();
        schedule.append_network_children(rank, stripe, peers);
        for (const Rank peer : peers) out.out.push_back({peer, stripe, sequence(stripe)});
    }
    // The node's own ranks come last: what goes onward over the network holds up more ranks.
    peers.clear();
    schedule.append_local_children(rank, peers);
    for (int stripe = 0; stripe < used; ++stripe) {
        for (const Rank peer : peers) out.out.push_back({peer, stripe, sequence(stripe)});
    }
    return out;
}

}  // namespace splitcast::collectives
