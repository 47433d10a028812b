#include "collectives/check.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

namespace splitcast::collectives {

namespace {

using Kind = Violation::Kind;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

class Checker {
public:
    Checker(std::span<const RankPlan> plans, std::span<const Holdings> before,
            std::span<const Rank> live)
        : plans_(plans), before_(before), live_(plans.size(), false) {
        for (const Rank rank : live) live_[at(rank)] = true;
        if (!live.empty()) segments_ = before[at(live.front())].segments();
    }

    std::vector<Violation> run() {
        for (Rank rank = 0; rank < ranks(); ++rank) check_flows(rank);
        // What follows indexes by peer and segment.
        if (!out_.empty()) return std::move(out_);
        for (Rank rank = 0; rank < ranks(); ++rank) compare_ends(rank);
        for (Rank rank = 0; rank < ranks(); ++rank) {
            if (live_[at(rank)]) check_receipts(rank);
        }
        for (Rank rank = 0; rank < ranks(); ++rank) check_sends(rank);
        execute();
        return std::move(out_);
    }

private:
    [[nodiscard]] Rank ranks() const { return static_cast<Rank>(plans_.size()); }

    void add(Kind kind, Rank rank, Rank peer, Segment segment, const std::string& what) {
        std::string text = "rank " + std::to_string(rank) + " " + what;
        if (segment >= 0) text += " segment " + std::to_string(segment);
        if (peer != no_rank) text += " (peer " + std::to_string(peer) + ")";
        out_.push_back({kind, rank, peer, segment, std::move(text)});
    }

    void check_flows(Rank rank) {
        for (const auto* flows : {&plans_[at(rank)].in, &plans_[at(rank)].out}) {
            std::map<std::pair<Rank, int>, int> uses;
            for (const Flow& flow : *flows) {
                const auto bad = [&](const char* why, Segment segment = -1) {
                    add(Kind::bad_flow, rank, flow.peer, segment, why);
                };
                if (!live_[at(rank)]) bad("takes no part and has a flow");
                if (flow.peer == rank) bad("has a flow with itself");
                if (flow.peer < 0 || flow.peer >= ranks() || !live_[at(flow.peer)]) {
                    bad("has a flow with a rank that takes no part");
                }
                if (++uses[{flow.peer, flow.channel}] == 2) bad("has two flows on one channel");
                if (flow.segments.empty()) bad("has an empty flow");
                Segment last = -1;
                for (Sequence::Cursor c(flow.segments); !c.done(); ++c) {
                    if (*c <= last) bad("has a flow that does not ascend at", *c);
                    if (*c >= segments_) bad("has a flow past the end with", *c);
                    last = *c;
                }
            }
        }
    }

    /// Each end's flows, by peer and channel, must be among the other end's.
    void compare_ends(Rank rank) {
        const auto has = [](const std::vector<Flow>& flows, const Flow& wanted) {
            return std::find(flows.begin(), flows.end(), wanted) != flows.end();
        };
        for (const Flow& flow : plans_[at(rank)].out) {
            if (!has(plans_[at(flow.peer)].in, {rank, flow.channel, flow.segments})) {
                add(Kind::one_sided, rank, flow.peer, -1,
                    "sends what the receiver does not expect, channel " +
                        std::to_string(flow.channel));
            }
        }
        for (const Flow& flow : plans_[at(rank)].in) {
            if (!has(plans_[at(flow.peer)].out, {rank, flow.channel, flow.segments})) {
                add(Kind::one_sided, rank, flow.peer, -1,
                    "expects what the sender does not send, channel " +
                        std::to_string(flow.channel));
            }
        }
    }

    void check_receipts(Rank rank) {
        const Holdings& before = before_[at(rank)];
        Holdings received(segments_);
        for (const Flow& flow : plans_[at(rank)].in) {
            for (Sequence::Cursor c(flow.segments); !c.done(); ++c) {
                if (before.has(*c)) {
                    add(Kind::already_held, rank, flow.peer, *c, "is sent, and held before,");
                } else if (!received.add(*c)) {
                    add(Kind::received_twice, rank, flow.peer, *c, "is sent twice");
                }
            }
        }
        received.unite(before);
        for (const Range& range : received.missing()) {
            for (Segment s = range.begin; s < range.end; ++s) {
                add(Kind::never_received, rank, no_rank, s, "is never sent");
            }
        }
    }

    void check_sends(Rank rank) {
        if (!live_[at(rank)]) return;
        Holdings ever = before_[at(rank)];
        for (const Flow& flow : plans_[at(rank)].in) {
            for (Sequence::Cursor c(flow.segments); !c.done(); ++c) ever.add(*c);
        }
        for (const Flow& flow : plans_[at(rank)].out) {
            for (Sequence::Cursor c(flow.segments); !c.done(); ++c) {
                if (ever.has(*c)) continue;
                add(Kind::not_held, rank, flow.peer, *c, "is to send, and never has,");
            }
        }
    }

    struct Running {
        Rank from;
        Rank to;
        Sequence::Cursor next;
    };

    /// Runs every flow as far as it goes, over and over until nothing moves. A flow delivers its
    /// first undelivered segment as soon as its sender has it, and nothing before that.
    void execute() {
        std::vector<Holdings> held(before_.begin(), before_.end());
        std::vector<Running> flows;
        std::vector<std::vector<std::size_t>> out_of(plans_.size());
        std::deque<std::size_t> ready;
        for (Rank rank = 0; rank < ranks(); ++rank) {
            for (const Flow& flow : plans_[at(rank)].out) {
                out_of[at(rank)].push_back(flows.size());
                ready.push_back(flows.size());
                flows.push_back({rank, flow.peer, Sequence::Cursor(flow.segments)});
            }
        }
        while (!ready.empty()) {
            Running& flow = flows[ready.front()];
            ready.pop_front();
            while (!flow.next.done() && held[at(flow.from)].has(*flow.next)) {
                const Segment segment = *flow.next;
                ++flow.next;
                if (!held[at(flow.to)].add(segment)) continue;
                // Only flows that wait for this very segment can go on.
                for (const std::size_t f : out_of[at(flow.to)]) {
                    if (!flows[f].next.done() && *flows[f].next == segment) ready.push_back(f);
                }
            }
        }
        for (const Running& flow : flows) {
            if (flow.next.done()) continue;
            add(Kind::stuck, flow.from, flow.to, *flow.next, "waits for ever to send");
        }
    }

    std::span<const RankPlan> plans_;
    std::span<const Holdings> before_;
    std::vector<bool> live_;
    Segment segments_ = 0;
    std::vector<Violation> out_;
};

/// Traffic bounds of a schedule. In stripes, because stripes differ by one segment when k does not
/// divide their number.
void check_volume(const Schedule& schedule, std::span<const RankPlan> plans, Segment segments,
                  std::vector<Violation>& out) {
    const auto [k, d, f] = schedule.shape();
    const int limit = std::max(k, k - 1 + d);
    const auto over = [&out](Rank rank, const std::string& text) {
        out.push_back({Kind::volume, rank, no_rank, -1, "rank " + std::to_string(rank) + text});
    };
    for (const Rank rank : schedule.order()) {
        int stripes = 0;
        Segment network = 0;
        Segment local = 0;
        for (const Flow& flow : plans[at(rank)].out) {
            const bool inside = schedule.leader(flow.peer) == schedule.leader(rank);
            (inside ? local : network) += flow.segments.size();
            if (!inside) ++stripes;
        }
        if (stripes > limit) {
            over(rank, " sends " + std::to_string(stripes) +
                           " stripes over the network, more than " + std::to_string(limit));
        }
        if (local > f * segments) over(rank, " sends too much within its node");
        if (rank != schedule.root()) continue;
        if (const Segment once = schedule.groups().recipients > 0 ? segments : 0; network != once) {
            over(rank, ", the root, sends " + std::to_string(network) +
                           " segments over the network instead of " + std::to_string(once));
        }
    }
}

}  // namespace

std::string_view name(Violation::Kind kind) {
    switch (kind) {
        case Kind::bad_flow: return "bad flow";
        case Kind::one_sided: return "one-sided flow";
        case Kind::already_held: return "already held";
        case Kind::received_twice: return "received twice";
        case Kind::never_received: return "never received";
        case Kind::not_held: return "not held";
        case Kind::stuck: return "stuck";
        case Kind::volume: return "volume";
    }
    return "?";
}

std::string text(const std::vector<Violation>& violations) {
    std::string out;
    for (const Violation& v : violations) out += std::string(name(v.kind)) + ": " + v.text + "\n";
    return out;
}

std::vector<Violation> check(std::span<const RankPlan> plans, std::span<const Holdings> before,
                             std::span<const Rank> live) {
    return Checker(plans, before, live).run();
}

std::vector<Violation> check(const Schedule& schedule, std::span<const RankPlan> plans,
                             Segment segments) {
    std::vector<Holdings> before(plans.size(), Holdings(segments));
    before[at(schedule.root())] = Holdings::everything(segments);
    std::vector<Violation> out = check(plans, before, schedule.order());
    const bool sensible = std::none_of(out.begin(), out.end(),
                                       [](const Violation& v) { return v.kind == Kind::bad_flow; });
    if (sensible) check_volume(schedule, plans, segments, out);
    return out;
}

std::vector<Violation> check(const Schedule& schedule, Segment segments) {
    std::vector<RankPlan> plans(at(schedule.ranks()));
    for (Rank rank = 0; rank < schedule.ranks(); ++rank) {
        plans[at(rank)] = rank_plan(schedule, rank, segments);
    }
    return check(schedule, plans, segments);
}

std::vector<Violation> check(const Plan& plan, std::span<const Holdings> before,
                             std::span<const Rank> live) {
    // In one pass: asking for each rank's plan would cost the square of the number of ranks.
    std::vector<RankPlan> plans(at(plan.ranks));
    std::vector<Violation> out;
    for (const Plan::Transfer& t : plan.transfers) {
        if (std::min(t.from, t.to) < 0 || std::max(t.from, t.to) >= plan.ranks) {
            out.push_back({Kind::bad_flow, t.from, t.to, -1, "a transfer between unknown ranks"});
            continue;
        }
        plans[at(t.from)].out.push_back({t.to, 0, t.segments});
        plans[at(t.to)].in.push_back({t.from, 0, t.segments});
    }
    return out.empty() ? check(plans, before, live) : out;
}

}  // namespace splitcast::collectives
