// Draws broadcasts in which something befalls the ranks.

#include "sim/random.hpp"
#include "sim/scenario.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::sim {

namespace {

std::size_t at(Rank rank) { return static_cast<std::size_t>(rank); }

// Small, because what matters is the order of events, and there must be very many of them.
Rank draw_few_ranks(Random& random) {
    const int kind = random.below(100);
    if (kind < 10) return 2;
    if (kind < 30) return 3;
    if (kind < 85) return random.between(4, 8);
    if (kind < 99) return random.between(9, 13);
    return random.between(14, 24);
}

/// Some of the ranks, in ascending order.
std::vector<Rank> draw_victims(Random& random, const Scenario& scenario, Rank most) {
    const Rank ranks = scenario.ranks();
    std::vector<Rank> all(at(ranks));
    for (Rank rank = 0; rank < ranks; ++rank) all[at(rank)] = rank;
    random.shuffle(all);
    all.resize(at(std::min(most, ranks)));
    std::ranges::sort(all);
    return all;
}

Rank draw_victim(Random& random, const Scenario& scenario) {
    switch (random.below(8)) {
        case 0:
        case 1: return scenario.call(0).root;
        case 2:  // the coordinator, and who comes after it
            return std::min<Rank>(random.below(3), scenario.ranks() - 1);
        case 3:
            if (!scenario.mirrors.empty())
                return scenario.mirrors[random.below(scenario.mirrors.size())];
            [[fallthrough]];
        default: return random.below(scenario.ranks());
    }
}

void draw_moment(Random& random, const Scenario& scenario, Blow& blow) {
    const int kind = random.below(10);
    if (kind == 0) {
        blow.at = random.below<Ticks>(random.chance(50) ? 100 : 20 * (scenario.pulse.period + 1));
        return;
    }
    blow.recovering = kind < 6;
    blow.moment = random.below<std::int64_t>(std::int64_t{1} << random.below(8));
    if (random.chance(30)) blow.of_kind = random.below(Moment::kinds);
    if (blow.of_kind >= 0) blow.moment = random.below<std::int64_t>(6);
    switch (random.below(4)) {
        case 0: blow.whose = no_rank; break;
        case 1: blow.whose = random.below(scenario.ranks()); break;
        default: blow.whose = blow.ranks.front(); break;
    }
    if (blow.whose == no_rank) blow.moment *= scenario.ranks() / 2;
}

Ticks draw_absence(Random& random, const Scenario& scenario) {
    switch (random.below(4)) {
        case 0: return random.between<Ticks>(1, 2 * scenario.pulse.period);  // nobody may notice
        case 1: return random.between<Ticks>(1, 3 * scenario.pulse.timeout);
        case 2: return scenario.pulse.timeout + random.below(2 * scenario.pulse.period);
        default: return 0;
    }
}

Blow draw_blow(Random& random, const Scenario& scenario, bool announced) {
    Blow blow;
    blow.ranks = {draw_victim(random, scenario)};
    const int kind = random.below(100);
    if (kind < 60) {
        blow.kind = Blow::Kind::die;
        blow.silent = !announced;
    } else if (kind < 75) {
        blow.kind = Blow::Kind::stop;
        blow.lasts = draw_absence(random, scenario);
    } else if (kind < 87) {
        blow.kind = Blow::Kind::cut;
        blow.lasts = draw_absence(random, scenario);
        if (random.chance(50))
            blow.ranks = draw_victims(random, scenario,
                                      random.between<Rank>(1, std::max(scenario.ranks() / 2, 1)));
    } else if (kind < 94 || !announced) {
        blow.kind = Blow::Kind::corrupt;
        blow.lasts = random.chance(70) ? random.between<Ticks>(1, 4) : 0;
    } else {  // the death of somebody who is away would never be noticed without announcement
        blow.kind = Blow::Kind::leave;
        blow.lasts = random.between<Ticks>(1, 3 * scenario.pulse.timeout);
    }
    draw_moment(random, scenario, blow);
    // What it spoils, it spoils while it sends.
    if (blow.kind == Blow::Kind::corrupt && random.chance(50)) {
        blow.recovering = false;
        blow.at = -1;
        blow.whose = blow.ranks.front();
        blow.of_kind = static_cast<int>(Moment::Kind::send);
        blow.moment = random.below<std::int64_t>(4);
    }
    if (blow.kind == Blow::Kind::leave && random.chance(60)) {
        blow.recovering = false;
        blow.at = -1;
        blow.whose = blow.ranks.front();
        blow.of_kind = static_cast<int>(Moment::Kind::enter);
        blow.moment = 0;
    }
    return blow;
}

// Many at once: half of them, or all but one, or a node with all its ranks.
Blow draw_massacre(Random& random, const Scenario& scenario, bool announced) {
    Blow blow;
    blow.silent = !announced;
    const Rank ranks = scenario.ranks();
    switch (random.below(3)) {
        case 0: blow.ranks = draw_victims(random, scenario, std::max(ranks / 2, 1)); break;
        case 1: blow.ranks = draw_victims(random, scenario, std::max(ranks - 1, 1)); break;
        default: {
            const Rank one = random.below(ranks);
            for (Rank rank = 0; rank < ranks; ++rank) {
                if (scenario.placement[rank].node == scenario.placement[one].node)
                    blow.ranks.push_back(rank);
            }
        }
    }
    draw_moment(random, scenario, blow);
    return blow;
}

void draw_blows(Random& random, Scenario& scenario) {
    const bool announced = random.chance(60);
    static constexpr int how_many[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4};
    const int blows = how_many[random.below(std::size(how_many))];
    for (int i = 0; i < blows; ++i) {
        scenario.blows.push_back(random.chance(10) ? draw_massacre(random, scenario, announced)
                                                   : draw_blow(random, scenario, announced));
    }
    // Nobody can miss a rank that is known to be away.
    const bool away =
        std::ranges::find(scenario.blows, Blow::Kind::leave, &Blow::kind) != scenario.blows.end();
    for (Blow& blow : scenario.blows) {
        const bool vanish =
            blow.lasts == 0 && (blow.kind == Blow::Kind::stop || blow.kind == Blow::Kind::cut);
        if (away && vanish) blow.lasts = 2 * scenario.pulse.timeout;
    }
}

void draw_recovery(Random& random, Scenario& scenario) {
    const Rank ranks = scenario.ranks();
    scenario.recovery = true;
    for (Rank rank = 0; rank < ranks; ++rank) {
        if (rank != scenario.call(0).root && random.chance(15)) scenario.mirrors.push_back(rank);
    }
    static constexpr Resend resends[] = {Resend::survivors, Resend::root, Resend::mirror};
    scenario.resend = resends[random.below(3)];
    if (random.chance(30)) (random.chance(50) ? scenario.peer_beats : scenario.root_beats) = false;
    Delays& delays = scenario.delays;
    const bool stragglers = delays.straggler_percent > 0 || delays.slow != no_rank;
    const Ticks slowest =
        std::max(delays.message, stragglers ? delays.straggler : 0) + delays.report;
    // A beat that is under way for as long as anything can be must not be missed.
    scenario.pulse.period = 4 * (slowest + 5);
    scenario.pulse.timeout = 5 * scenario.pulse.period;
    scenario.obituary =
        random.chance(50) ? scenario.pulse.period : random.below<Ticks>(slowest + 2);
    scenario.deaf = random.chance(30);
    if (random.chance(30)) {
        for (Rank rank = 0; rank < ranks; ++rank)
            scenario.ballots.push_back(random.chance(50) ? no_ballot : random.below<Ballot>(10));
    }
}

// By a chance of its own, so that the rest stays as it was. Who is away makes no progress, and must
// not be taken for one that is here.
void draw_lateness_of_ballots(Scenario& scenario) {
    Random random(Random::mix(scenario.seed ^ 0xBA1107000000000U));
    const bool away =
        std::ranges::find(scenario.blows, Blow::Kind::leave, &Blow::kind) != scenario.blows.end();
    scenario.all_here = !away && random.chance(20);
    if (!random.chance(25)) return;
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        if (std::ssize(scenario.ballots) <= rank)
            scenario.ballots.push_back(random.chance(50) ? no_ballot : random.below<Ballot>(10));
        scenario.late_ballots.push_back(
            random.chance(50) ? 0 : random.between<Ticks>(1, 3 * scenario.pulse.timeout));
    }
}

// By then everybody else has done what can be done without it: noticed whoever is lost, one after
// the other. More would only be more heartbeats, which were most of what was simulated.
void shorten_lateness(Scenario& scenario) {
    constexpr Ticks ordinary = 300;
    const Ticks latest = ordinary + 8 * scenario.pulse.timeout;
    for (Ticks& enters : scenario.enters) enters = std::min(enters, latest);
}

}  // namespace

Scenario draw_failing(std::uint64_t seed, Drawing drawing) {
    Random random(Random::mix(seed ^ 0x9A17ED00000000U));
    Scenario scenario = draw_small(seed, draw_few_ranks(random));
    draw_recovery(random, scenario);
    if (drawing == Drawing::today) shorten_lateness(scenario);
    draw_blows(random, scenario);
    if (drawing == Drawing::today) {
        draw_resume(scenario);
        draw_lateness_of_ballots(scenario);
    }
    return scenario;
}

}  // namespace splitcast::sim
