#include "sim/scenario.hpp"

#include "collectives/plan.hpp"
#include "sim/random.hpp"
#include "support/placements.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

namespace splitcast::sim {

namespace {

std::size_t at(Rank rank) { return static_cast<std::size_t>(rank); }

Rank draw_ranks(Random& random) {
    const int kind = random.below(200);
    if (kind < 8) return 1;
    if (kind < 28) return 2;
    if (kind < 172) return random.between(3, 10);
    if (kind < 199) return random.between(11, 24);
    return random.between(60, 100);
}

Segment draw_segments(Random& random, Rank ranks) {
    const int kind = random.below(20);
    if (kind == 0) return 0;
    if (kind < 4) return 1;
    if (ranks > 10) return random.between<Segment>(1, ranks > 24 ? 6 : 12);
    return random.between<Segment>(1, kind < 17 ? 12 : 40);
}

Delays draw_delays(Random& random, Rank ranks) {
    static constexpr Ticks longest[] = {0, 1, 5, 30, 200};
    Delays delays;
    delays.message = longest[random.below(std::size(longest))];
    delays.report = longest[random.below(std::size(longest))];
    delays.eager_percent = random.below(3) * 50;
    if (random.chance(30)) {
        delays.straggler = 2000;
        delays.straggler_percent = random.between(0, 20);
        if (random.chance(50)) delays.slow = random.below(ranks);
    }
    return delays;
}

std::vector<Ticks> draw_enters(Random& random, Rank ranks) {
    std::vector<Ticks> enters(at(ranks));
    const int kind = random.below(10);
    if (kind < 4) return enters;
    if (kind < 8) {
        for (Ticks& enter : enters) enter = random.below<Ticks>(300);
    } else {
        enters[at(random.below(ranks))] =
            20000;  // everybody else has done what can be done without it
    }
    return enters;
}

Call draw_other_call(Random& random, Call call, Rank ranks) {
    switch (random.below(4)) {
        case 0: call.root = (call.root + random.between(1, ranks - 1)) % ranks; break;
        case 1:
            call.length = random.chance(30) ? 0 : random.below<Bytes>(2 * call.length + 3);
            break;
        case 2:
            call.shape.group_size = random.between(1, ranks);
            call.shape.children = random.between(1, 3);
            call.segment_bytes = random.between<Bytes>(1, 2 * call.segment_bytes);
            break;
        default: call.other_settings = random.between<std::uint64_t>(1, 3); break;
    }
    return call;
}

void draw_mismatches(Random& random, Scenario& scenario) {
    const Rank ranks = scenario.ranks();
    const Call one = draw_other_call(random, scenario.calls[0], ranks);
    const int kind = random.below(4);
    if (kind == 0) {  // two camps
        for (Call& call : scenario.calls) {
            if (random.chance(50)) call = one;
        }
    } else if (kind == 1) {  // everybody for itself
        for (Call& call : scenario.calls) call = draw_other_call(random, call, ranks);
    } else {  // one black sheep; it may have been drawn equal after all, which is as good a test
        scenario.calls[at(random.below(ranks))] = one;
    }
}

std::vector<Scenario::Memory> draw_memory(Random& random, Rank ranks, Segment segments) {
    std::vector<Scenario::Memory> memory(at(ranks));
    const int piecemeal = random.below(3) * 50;  // percent of the ranks
    for (Scenario::Memory& m : memory) {
        if (!random.chance(piecemeal)) continue;
        m.ring = random.between<Segment>(1, std::max<Segment>(segments, 1));
        if (random.chance(50)) m.ring = std::min<Segment>(m.ring, 3);
        m.sink = random.chance(90);
    }
    return memory;
}

// Everybody holds some of it; what nobody holds is given to one of them.
void draw_holdings(Random& random, Scenario& scenario) {
    const Segment segments = scenario.calls[0].segmentation().count();
    const Rank ranks = scenario.ranks();
    Holdings anywhere(segments);
    for (Rank rank = 0; rank < ranks; ++rank) {
        Holdings held(segments);
        const int percent = random.below(5) * 25;
        for (Segment s = 0; s < segments; ++s) {
            if (random.chance(percent)) held.add(s);
        }
        anywhere.unite(held);
        scenario.held.push_back(std::move(held));
    }
    Holdings& lucky = scenario.held[at(random.below(ranks))];
    for (Segment s = 0; s < segments; ++s) {
        if (!anywhere.has(s)) lucky.add(s);
    }
}

Holdings draw_part(Random& random, Segment segments) {
    Holdings held(segments);
    if (random.chance(50)) {  // as a copy that was interrupted leaves it
        const auto front = random.below<Segment>(segments + 1);
        for (Segment s = 0; s < front; ++s) held.add(s);
    }
    static constexpr int percents[] = {0, 0, 10, 50, 90, 100};
    const int percent = percents[random.below(std::size(percents))];
    for (Segment s = 0; s < segments; ++s) {
        if (random.chance(percent)) held.add(s);
    }
    return held;
}

template <class DrawSegments>
Scenario draw_with(Random& random, Rank ranks, DrawSegments draw_number) {
    Scenario scenario;
    scenario.placement = tests::random_placement(ranks, random);
    Call call;
    call.root = random.below(ranks);
    call.segment_bytes = random.between<Bytes>(1, 24);
    if (const Segment segments = draw_number(random, ranks); segments > 0) {
        call.length =
            (segments - 1) * call.segment_bytes + random.between<Bytes>(1, call.segment_bytes);
    }
    call.shape.group_size =
        random.between(1, random.chance(5) ? 2 * ranks + 2 : std::max(ranks - 1, 1));
    call.shape.children = random.between(1, 4);
    call.shape.local_fanout = random.between(1, 4);
    scenario.calls.assign(at(ranks), call);
    scenario.enters = draw_enters(random, ranks);
    scenario.window.smallest = random.between(1, 3);
    scenario.window.initial = scenario.window.smallest + random.below(4);
    scenario.window.largest = scenario.window.initial + random.below(3) * 3;
    scenario.receive_depth = random.between(1, 8);
    scenario.delays = draw_delays(random, ranks);
    scenario.memory = draw_memory(random, ranks, call.segmentation().count());
    const int kind = random.below(100);
    if (kind < 20 && ranks > 1) {
        draw_mismatches(random, scenario);
    } else if (kind < 35) {
        scenario.repair = true;
        draw_holdings(random, scenario);
        for (Scenario::Memory& m : scenario.memory) m = {};  // a ring cannot hold pieces
    }
    return scenario;
}

}  // namespace

void draw_resume(Scenario& scenario) {
    Random random(Random::mix(scenario.seed ^ 0x4E50A4E00000000U));
    if (scenario.repair || !random.chance(15)) return;
    scenario.resume = true;
    const bool everything = random.chance(8);  // everybody has it all
    std::vector<Holdings> held;
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        const Segment segments = scenario.call(rank).segmentation().count();
        held.push_back(scenario.held_by(rank));
        if (rank == scenario.call(rank).root || scenario.is_mirror(rank)) continue;
        held.back() = everything ? Holdings::everything(segments) : draw_part(random, segments);
        // A ring cannot hold pieces.
        if (held.back().held() > 0) scenario.memory[at(rank)] = {};
    }
    scenario.held = std::move(held);
}

Scenario draw(std::uint64_t seed) {
    Random random(Random::mix(seed + 1));  // neighbouring seeds must not give neighbouring streams
    const Rank ranks = draw_ranks(random);
    // The engine is the slower one to simulate, and with many ranks it shows nothing new.
    const bool engine = ranks <= 24 && random.chance(30);
    Scenario scenario = draw_with(random, ranks, draw_segments);
    scenario.seed = seed;
    scenario.level = engine ? Scenario::Level::engine : Scenario::Level::machine;
    if (random.chance(10)) scenario.agree = true;
    draw_resume(scenario);
    return scenario;
}

Scenario draw_small(std::uint64_t seed, Rank ranks) {
    Random random(Random::mix(seed + 1));
    Scenario scenario = draw_with(random, ranks, [](Random& r, Rank) {
        return r.chance(10) ? r.below<Segment>(2) : r.between<Segment>(2, r.chance(80) ? 9 : 20);
    });
    scenario.seed = seed;
    return scenario;
}

View Call::view() const {
    std::uint64_t settings = Random::mix(other_settings);
    for (const auto part :
         {static_cast<std::uint64_t>(segment_bytes), static_cast<std::uint64_t>(shape.group_size),
          static_cast<std::uint64_t>(shape.children),
          static_cast<std::uint64_t>(shape.local_fanout)}) {
        settings = Random::mix(settings + part + 1);
    }
    return {root, length, settings};
}

std::string Call::text() const {
    return "root " + std::to_string(root) + ", " + std::to_string(length) +
           " bytes in segments of " + std::to_string(segment_bytes) + ", groups of " +
           std::to_string(shape.group_size) + ", each feeds " + std::to_string(shape.children) +
           ", local fan-out " + std::to_string(shape.local_fanout) +
           (other_settings == 0 ? "" : ", other settings " + std::to_string(other_settings));
}

Holdings Scenario::held_by(Rank rank) const {
    if (!held.empty()) return held[at(rank)];
    const Segment segments = call(rank).segmentation().count();
    return rank == call(rank).root || is_mirror(rank) ? Holdings::everything(segments)
                                                      : Holdings(segments);
}

bool Scenario::is_mirror(Rank rank) const {
    return std::ranges::find(mirrors, rank) != mirrors.end();
}

bool Scenario::resumes(Rank rank) const {
    return resume && rank != call(rank).root && !is_mirror(rank) && held_by(rank).held() > 0;
}

std::optional<Mismatch> Scenario::mismatch() const {
    const View first = call(0).view();
    for (Rank rank = 1; rank < ranks(); ++rank) {
        if (const View view = call(rank).view(); view != first)
            return Mismatch{0, first, rank, view};
    }
    return std::nullopt;
}

std::vector<RankPlan> Scenario::plans() const {
    std::vector<RankPlan> plans;
    if (repair) {
        const std::vector<Rank> sources{call(0).root};
        const Planned planned = plan(held, placement.all(), sources, placement, call(0).shape);
        const auto* whole = std::get_if<Plan>(&planned);
        if (whole == nullptr) throw std::logic_error("no plan for holdings whose union is whole");
        for (Rank rank = 0; rank < ranks(); ++rank) plans.push_back(rank_plan(*whole, rank));
        return plans;
    }
    std::vector<std::pair<Call, Schedule>> schedules;  // of every different call
    for (Rank rank = 0; rank < ranks(); ++rank) {
        const Call& own = call(rank);
        auto known = std::ranges::find(schedules, own, &std::pair<Call, Schedule>::first);
        if (known == schedules.end()) {
            std::vector<Rank> taking_part;
            for (const Rank r : placement.all()) {
                if (r == own.root || !is_mirror(r)) taking_part.push_back(r);
            }
            schedules.emplace_back(own,
                                   Schedule::make(placement, taking_part, own.root, own.shape));
            known = std::prev(schedules.end());
        }
        plans.push_back(resumes(rank) ? RankPlan{}  // it knows that nothing will move by it
                                      : rank_plan(known->second, rank, own.segmentation().count()));
    }
    return plans;
}

std::string Scenario::text() const {
    std::string out = "seed " + std::to_string(seed) + ", " + std::to_string(ranks()) +
                      " ranks, level " + (level == Level::engine ? "engine" : "machine") +
                      (repair ? ", repair" : "") + (resume ? ", resume" : "") + "\n";
    out += "window " + std::to_string(window.initial) + " in " + std::to_string(window.smallest) +
           ".." + std::to_string(window.largest) + ", receive depth " +
           std::to_string(receive_depth) + "\n";
    out += "delays: messages " + std::to_string(delays.message) + ", reports " +
           std::to_string(delays.report) + ", " + std::to_string(delays.straggler_percent) +
           "% stragglers and rank " + std::to_string(delays.slow) + " up to " +
           std::to_string(delays.straggler) + ", " + std::to_string(delays.eager_percent) +
           "% eager\n";
    for (Rank rank = 0; rank < ranks(); ++rank) {
        const Memory& m = memory[at(rank)];
        out += "rank " + std::to_string(rank) + " at " + std::to_string(enters[at(rank)]) +
               " on node " + std::to_string(placement[rank].node) + ": " + call(rank).text();
        if (m.ring > 0) out += ", ring of " + std::to_string(m.ring) + (m.sink ? "" : ", no sink");
        if (repair || resume) out += ", lacks " + held[at(rank)].missing().text();
        if (is_mirror(rank)) out += ", mirror";
        if (late_ballot(rank) > 0)
            out += ", has its ballot after " + std::to_string(late_ballot(rank));
        out += "\n";
    }
    if (recovery) {
        out += "recovery, a beat every " + std::to_string(pulse.period) + ", timeout " +
               std::to_string(pulse.timeout) + (peer_beats ? ", between peers" : "") +
               (root_beats ? ", to the root" : "") + ", deaths are heard of within " +
               std::to_string(obituary) + (deaf ? ", deaf when returned" : "") +
               (all_here ? ", all are known to be here" : "") + "\n";
    }
    for (const Blow& blow : blows) out += blow.text() + "\n";
    return out;
}

}  // namespace splitcast::sim
