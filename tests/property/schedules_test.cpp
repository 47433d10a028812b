// Every schedule of 1 to 128 ranks, with every group size, 1 to 64 segments, and 1 to 3 children:
// each rank gets each segment once, nobody sends what it lacks, nobody sends more than promised.
//
// What keeps this to seconds: all 64 numbers of segments are run at once, one per lane. A rank's
// holdings in the run with n segments are one 64-bit mask, `held[rank][n - 1]`, and a step of a
// stripe along one edge of its tree is a handful of bit operations per lane, which the compiler
// does several at a time. That the trees are what rank_plan() makes flows of, with the sequences
// that the masks stand for, is tested apart, below.

#include "collectives/check.hpp"
#include "collectives/schedule.hpp"
#include "support/placements.hpp"
#include "support/random.hpp"
#include "support/twin.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

using namespace splitcast::collectives;
using namespace splitcast::tests;

namespace {

constexpr int most_ranks = 128;
constexpr int most_segments = 64;
using Lanes = std::array<std::uint64_t, most_segments>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// The first n segments.
constexpr std::uint64_t first(int n) {
    return n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}

/// The segments of one stripe, for every number of segments.
Lanes stripe_lanes(int stripe, int k) {
    std::uint64_t all = 0;
    for (int s = stripe; s < most_segments; s += k) all |= std::uint64_t{1} << s;
    Lanes out;
    for (int n = 1; n <= most_segments; ++n) out[at(n - 1)] = all & first(n);
    return out;
}

/// Runs one schedule for all numbers of segments. Reused, so that its memory is.
class Runner {
public:
    /// "" or what is wrong.
    std::string run(const Schedule& schedule) {
        const int ranks = schedule.ranks();
        held_.assign(at(ranks), Lanes{});
        const Lanes everything = stripe_lanes(0, 1);
        held_[at(schedule.root())] = everything;
        network_.assign(at(ranks), 0);
        for (int stripe = 0; stripe < schedule.stripes(); ++stripe) {
            if (const char* wrong = run_stripe(schedule, stripe); wrong != nullptr) {
                return wrong + std::string(", stripe ") + std::to_string(stripe);
            }
        }
        for (const Lanes& lanes : held_) {
            if (lanes != everything) return "a rank did not get everything";
        }
        const auto [k, d, f] = schedule.shape();
        if (*std::max_element(network_.begin(), network_.end()) > std::max(k, k - 1 + d)) {
            return "a rank sends too much";
        }
        const int once = schedule.groups().recipients > 0 ? k : 0;
        if (network_[at(schedule.root())] != once) return "the root does not send the buffer once";
        return "";
    }

private:
    const char* run_stripe(const Schedule& schedule, int stripe) {
        const Lanes lanes = stripe_lanes(stripe, schedule.stripes());
        reached_.assign(1, schedule.root());
        // Breadth first from the root: a rank sends only after it has received.
        std::size_t next = 0;
        while (next < reached_.size()) {
            const Rank from = reached_[next++];
            const std::size_t begin = reached_.size();
            schedule.append_network_children(from, stripe, reached_);
            network_[at(from)] += static_cast<int>(reached_.size() - begin);
            schedule.append_local_children(from, reached_);
            for (std::size_t c = begin; c < reached_.size(); ++c) {
                const Rank to = reached_[c];
                if (schedule.parent(to, stripe) != from) return "parent and child disagree";
                // Stripes from 64 on have no segments here; their trees are walked all the same.
                if (stripe < most_segments &&
                    !deliver(lanes, stripe, held_[at(from)], held_[at(to)])) {
                    return "sent what was not held, or twice";
                }
            }
            if (reached_.size() > held_.size()) return "a rank is reached twice";
        }
        return reached_.size() == held_.size() ? nullptr : "a rank is not reached";
    }

    static bool deliver(const Lanes& lanes, int stripe, const Lanes& from, Lanes& to) {
        std::uint64_t wrong = 0;
        for (std::size_t n = at(stripe); n < most_segments; ++n) {
            wrong |= lanes[n] & ~from[n];
            wrong |= lanes[n] & to[n];
            to[n] |= lanes[n];
        }
        return wrong == 0;
    }

    std::vector<Lanes> held_;
    std::vector<int> network_;   ///< stripes sent over the network, by rank
    std::vector<Rank> reached_;  ///< in the order in which they are
};

void require_right(Runner& runner, const Placement& placement, Rank root, Shape shape) {
    const Schedule schedule = Schedule::make(placement, root, shape);
    const std::string wrong = runner.run(schedule);
    if (wrong.empty()) return;
    INFO(schedule.text());
    FAIL(wrong);
}

/// With up to d groups below the first, d and more children are all the same.
bool differs_from_fewer_children(int recipients, int k, int d) {
    return d == 1 || (recipients + k - 1) / k > d;
}

void every_flat_schedule(int d) {
    Runner runner;
    for (int ranks = 1; ranks <= most_ranks; ++ranks) {
        const Placement placement = Placement::flat(ranks);
        for (int k = 1; k <= std::max(1, ranks - 1); ++k) {
            if (!differs_from_fewer_children(ranks - 1, k, d)) continue;
            const Rank root = (7 * ranks + 13 * k + d) % ranks;
            require_right(runner, placement, root, {k, d, 1});
        }
    }
}

}  // namespace

// Two neighbours make a shard (CMakeLists.txt), so short ones stand beside long ones.

TEST_CASE("every schedule: a chain of groups") { every_flat_schedule(1); }

TEST_CASE("the flows of every stripe are the masks, for every group size and number of segments") {
    for (int k = 1; k < most_ranks; ++k) {
        const Schedule schedule = Schedule::make(Placement::flat(k + 1), 0, {k, 1, 1});
        std::vector<Lanes> lanes(at(k));
        for (int stripe = 0; stripe < k; ++stripe) lanes[at(stripe)] = stripe_lanes(stripe, k);
        for (int n = 1; n <= most_segments; ++n) {
            const RankPlan plan = rank_plan(schedule, 0, n);
            REQUIRE(plan.out.size() == at(std::min(k, n)));
            REQUIRE(rank_plan(schedule, k, n).in.size() == at(std::min(k, n)));
            for (int stripe = 0; stripe < std::min(k, n); ++stripe) {
                const Flow& flow = plan.out[at(stripe)];
                std::uint64_t mask = 0;
                for (Sequence::Cursor c(flow.segments); !c.done(); ++c)
                    mask |= std::uint64_t{1} << *c;
                REQUIRE(flow.channel == stripe);
                REQUIRE(mask == lanes[at(stripe)][at(n - 1)]);
            }
        }
    }
}

TEST_CASE("every schedule: a binary and a ternary tree of groups") {
    every_flat_schedule(2);
    every_flat_schedule(3);
}

TEST_CASE("every root") {
    Runner runner;
    for (int ranks : {2, 3, 8, 17, 32}) {
        for (Rank root = 0; root < ranks; ++root) {
            for (int k = 1; k < ranks; ++k) {
                require_right(runner, Placement::flat(ranks), root, {k, 2, 1});
                require_right(runner, in_blocks(ranks, 4), root, {k, 1, 2});
            }
        }
    }
}

TEST_CASE("every schedule on nodes of several ranks") {
    Runner runner;
    for (int ranks = 1; ranks <= most_ranks; ++ranks) {
        const Placement placements[] = {in_blocks(ranks, 2), in_blocks(ranks, 5), in_turn(ranks, 9),
                                        ragged(ranks)};
        int variety = ranks;
        for (const Placement& placement : placements) {
            const int recipients = static_cast<int>(placement.nodes().size()) - 1;
            const Rank root = ++variety * 11 % ranks;
            for (int k = 1; k <= std::max(1, recipients); ++k) {
                require_right(runner, placement, root, {k, 1 + k % 3, 1 + variety % 4});
            }
        }
    }
}

TEST_CASE("the checker finds nothing wrong with small schedules and samples of large ones") {
    for (int ranks = 1; ranks <= most_ranks; ++ranks) {
        for (int k = 1; k <= std::max(1, ranks - 1); ++k) {
            const int step = ranks <= 9 ? 1 : ranks <= 24 ? 31 : 4001;
            // One number per (ranks, k), segments and children; every step-th is taken.
            const int base = (ranks * 127 + k) * most_segments * 3;
            for (int i = (step - base % step) % step; i < most_segments * 3; i += step) {
                const int n = 1 + i / 3;
                const Placement placement =
                    (base + i) % 4 == 1 ? in_blocks(ranks, 3) : Placement::flat(ranks);
                const auto s = Schedule::make(placement, (base + i) % ranks, {k, 1 + i % 3, 2});
                const auto found = check(s, n);
                if (found.empty()) continue;
                INFO(s.text() << n << " segments");
                FAIL(text(found));
            }
        }
    }
}

TEST_CASE("the dumb twin agrees on random schedules") {
    for (std::uint64_t index = 0; index < 150; ++index) {
        const std::uint64_t seed = seed_of_case(index);
        Random random(seed);
        const int ranks = random.number(1, 14);
        const Segment n = random.between(0, 20);
        const Shape shape{random.number(1, ranks), random.number(1, 3), random.number(1, 3)};
        const auto s =
            Schedule::make(random_placement(ranks, random), random.number(0, ranks - 1), shape);
        INFO(replay(seed) << "\n" << s.text() << n << " segments");
        std::vector<RankPlan> plans(at(ranks));
        std::vector<Holdings> before(at(ranks));
        for (Rank r = 0; r < ranks; ++r) {
            plans[at(r)] = rank_plan(s, r, n);
            before[at(r)] = r == s.root() ? Holdings::everything(n) : Holdings(n);
        }
        const auto run = run_plans(plans, before, random);
        REQUIRE(run.error.empty());
        for (const auto& held : run.held) REQUIRE(held.size() == at(n));
        REQUIRE(text(check(s, n)).empty());
    }
}
