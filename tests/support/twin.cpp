#include "support/twin.hpp"

#include "support/naive.hpp"

#include <map>
#include <tuple>

namespace splitcast::tests {

using collectives::Flow;
using collectives::Rank;
using collectives::Segment;

namespace {

struct Queue {
    Rank from;
    Rank to;
    int channel;
    std::vector<Segment> segments;
    std::size_t next = 0;

    [[nodiscard]] bool done() const { return next == segments.size(); }
};

}  // namespace

Run run_plans(std::span<const collectives::RankPlan> plans,
              std::span<const collectives::Holdings> before, Random& random) {
    Run run;
    run.sent.assign(plans.size(), 0);
    for (const collectives::Holdings& holdings : before) {
        auto& held = run.held.emplace_back();
        for (Segment s = 0; s < holdings.segments(); ++s) {
            if (holdings.has(s)) held.insert(s);
        }
    }
    std::vector<Queue> queues;
    std::map<std::tuple<Rank, Rank, int>, Queue> expected;
    for (std::size_t r = 0; r < plans.size(); ++r) {
        const auto rank = static_cast<Rank>(r);
        for (const Flow& f : plans[r].out) {
            queues.push_back({rank, f.peer, f.channel, listed(f.segments)});
        }
        for (const Flow& f : plans[r].in) {
            expected[{f.peer, rank, f.channel}] = {f.peer, rank, f.channel, listed(f.segments)};
        }
    }
    while (true) {
        std::vector<Queue*> movable;
        for (Queue& q : queues) {
            if (!q.done() &&
                run.held[static_cast<std::size_t>(q.from)].contains(q.segments[q.next])) {
                movable.push_back(&q);
            }
        }
        if (movable.empty()) break;
        Queue& q = *movable[static_cast<std::size_t>(
            random.between(0, static_cast<std::int64_t>(movable.size()) - 1))];
        const Segment segment = q.segments[q.next++];
        ++run.sent[static_cast<std::size_t>(q.from)];
        const std::string message = "segment " + std::to_string(segment) + " from " +
                                    std::to_string(q.from) + " to " + std::to_string(q.to);
        Queue& e = expected[{q.from, q.to, q.channel}];
        if (e.done() || e.segments[e.next++] != segment) run.error = message + " is not expected";
        if (!run.held[static_cast<std::size_t>(q.to)].insert(segment).second)
            run.error = message + " is there already";
        if (!run.error.empty()) return run;
    }
    for (const Queue& q : queues) {
        if (!q.done()) run.error = "rank " + std::to_string(q.from) + " has segments left to send";
    }
    for (const auto& [key, q] : expected) {
        if (!q.done()) run.error = "rank " + std::to_string(q.to) + " still expects segments";
    }
    return run;
}

}  // namespace splitcast::tests
