#include "sim/world.hpp"

#include "sim/engine_node.hpp"
#include "sim/machine_node.hpp"
#include "sim/violation.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace splitcast::sim {

namespace {

std::unique_ptr<Node> make_node(const Port& port, Scenario::Level level) {
    if (level == Scenario::Level::engine) return std::make_unique<EngineNode>(port);
    return std::make_unique<MachineNode>(port);
}

class World {
public:
    World(const Scenario& scenario, Hooks hooks)
        : plans_(scenario.plans()), stage_(scenario, plans_, hooks) {
        for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
            nodes_.push_back(make_node(Port(rank, stage_), scenario.level));
            const Ticks enters = scenario.enters[static_cast<std::size_t>(rank)];
            stage_.timeline.add(enters, Timeline::Kind::enter, static_cast<std::size_t>(rank));
            stage_.patience = std::max(stage_.patience, enters + scenario.late_ballot(rank));
        }
        for (std::size_t i = 0; i < scenario.blows.size(); ++i) {
            const Ticks at = scenario.blows[i].at;
            if (at < 0) continue;
            stage_.timeline.add(at, Timeline::Kind::blow, i);
            stage_.patience = std::max(stage_.patience, at);
        }
    }

    Result run() {
        Result result;
        const std::int64_t bound = most_steps();
        try {
            while (!stage_.timeline.empty()) {
                if (++result.steps > bound) throw Violation("it does not end: " + who_waits());
                happen(stage_.timeline.next());
                if (stage_.scenario.recovery && stage_.timeline.now() > latest())
                    throw Violation("it does not end: " + who_waits());
            }
            check_end();
        } catch (const Violation& violation) {
            result.violation = violation.what();
        }
        result.messages = stage_.network.messages();
        result.end = stage_.timeline.now();
        result.tally = stage_.witness.tally();
        return result;
    }

private:
    void happen(const Timeline::Entry& entry) {
        const auto rank = static_cast<Rank>(entry.what);
        const auto ranks = static_cast<std::size_t>(stage_.scenario.ranks());
        switch (entry.kind) {
            case Timeline::Kind::arrive: arrive(entry.what); return;
            case Timeline::Kind::report: deliver(stage_.network.report(entry.what)); return;
            case Timeline::Kind::enter: enter(rank); return;
            case Timeline::Kind::stream:
                if (awake(rank)) {
                    node(rank).stream();
                } else if (life(rank).for_ever) {
                    life(rank).streamless = true;
                } else if (!stage_.is_dead(rank)) {
                    stage_.timeline.add(10, Timeline::Kind::stream, entry.what);
                }
                return;
            case Timeline::Kind::wake:
                if (!stage_.is_dead(rank)) node(rank).wake();
                return;
            case Timeline::Kind::tick: tick(rank); return;
            case Timeline::Kind::failed: {
                const auto to = static_cast<Rank>(entry.what / ranks);
                const auto dead = static_cast<Rank>(entry.what % ranks);
                if (!stage_.lives.connected(to, dead)) {
                    unheard_.push_back(entry.what);
                } else {
                    deliver(
                        {.to = to,
                         .completion = Completion{.kind = Completion::Kind::failed, .peer = dead}});
                }
                return;
            }
            case Timeline::Kind::blow: stage_.strike(entry.what); return;
            case Timeline::Kind::resume: resume(entry.what); return;
            case Timeline::Kind::heal: heal(entry.what); return;
            case Timeline::Kind::answer: {
                const auto& [to, message] = unanswered_[entry.what];
                if (awake(to)) node(to).answer(message);
                return;
            }
            case Timeline::Kind::leave: leave(entry.what); return;
            case Timeline::Kind::come_back: come_back(entry.what); return;
            case Timeline::Kind::ballot: bring_ballot(rank); return;
        }
    }

    // ---- messages

    void arrive(std::size_t message) {
        const auto [from, to] = stage_.network.ends(message);
        const bool lost = life(from).dead && stage_.timeline.now() > stage_.lives.cutoff(from, to);
        if (lost || life(to).dead) {
            stage_.network.lose(message);
        } else if (life(to).stopped || !stage_.lives.connected(from, to)) {
            held_up_.push_back(message);
        } else {
            deliver(stage_.network.arrive(message));
        }
    }

    void retry() {
        const std::vector<std::size_t> messages = std::exchange(held_up_, {});
        for (const std::size_t message : messages) arrive(message);
        for (const std::size_t what : std::exchange(unheard_, {}))
            stage_.timeline.add(0, Timeline::Kind::failed, what);
    }

    void deliver(Network::Report report) {
        if (!report.completion) return;
        Lives::Life& to = life(report.to);
        if (to.dead) return;
        if (!to.entered && answers_before_it_enters(report)) return;
        if (!to.entered || to.stopped || to.away || !to.mail.empty()) {
            to.mail.push_back(std::move(*report.completion));
            return;
        }
        tell(report.to, std::move(*report.completion));
    }

    // As the hub of its team does, whatever the rank is at.
    bool answers_before_it_enters(const Network::Report& report) {
        if (!stage_.scenario.all_here || report.completion->kind != Completion::Kind::control)
            return false;
        const auto message = decode(report.completion->message);
        const auto reply = message ? answer_before_entry(*message) : std::nullopt;
        if (!reply) return false;
        Port port(report.to, stage_);
        port.note([] { return std::string("has not entered yet"); });
        port.send_control(report.completion->peer, encode(*reply));
        return true;
    }

    void tell(Rank rank, Completion completion) {
        if (node(rank).returned() && stage_.scenario.recovery) {
            if (completion.kind != Completion::Kind::control) return;
            if (!stage_.scenario.deaf) {
                node(rank).answer(completion);
            } else if (node(completion.peer).returned() == false) {
                stage_.timeline.add(3 * stage_.scenario.pulse.timeout, Timeline::Kind::answer,
                                    unanswered_.size());
                unanswered_.emplace_back(rank, std::move(completion));
            }
            return;
        }
        Port port(rank, stage_);
        if (port.hears(completion)) node(rank).hear(std::move(completion));
    }

    void read_mail(Rank rank) {
        Lives::Life& reader = life(rank);
        while (!reader.mail.empty() && !reader.stopped && !reader.away) {
            Completion completion = std::move(reader.mail.front());
            reader.mail.pop_front();
            tell(rank, std::move(completion));
        }
    }

    // ---- ranks

    void enter(Rank rank) {
        if (stage_.is_dead(rank)) return;
        if (life(rank).stopped) {
            if (!life(rank).for_ever)
                stage_.timeline.add(stage_.scenario.pulse.period, Timeline::Kind::enter,
                                    static_cast<std::size_t>(rank));
            return;
        }
        Port port(rank, stage_);
        if (!port.survives(Moment::Kind::enter)) return;
        port.note([] { return std::string("enter"); });
        life(rank).entered = true;
        node(rank).enter();
        read_mail(rank);
        if (stage_.scenario.recovery) tick_later(rank);
        if (const Ticks late = stage_.scenario.late_ballot(rank); late > 0)
            stage_.timeline.add(late, Timeline::Kind::ballot, static_cast<std::size_t>(rank));
    }

    void bring_ballot(Rank rank) {
        if (life(rank).dead || node(rank).returned()) return;
        if (awake(rank)) {
            node(rank).bring_ballot();
        } else if (life(rank).for_ever) {
            life(rank).ballotless = true;
        } else {
            stage_.timeline.add(stage_.scenario.pulse.period, Timeline::Kind::ballot,
                                static_cast<std::size_t>(rank));
        }
    }

    [[nodiscard]] bool awake(Rank rank) {
        const Lives::Life& life_of = life(rank);
        return life_of.entered && !life_of.dead && !life_of.stopped && !life_of.away;
    }

    void tick_later(Rank rank) {
        const Ticks every = std::max<Ticks>(stage_.scenario.pulse.period / 4, 1);
        const Ticks next = stage_.scenario.delays.random
                               ? stage_.random.between<Ticks>((every + 1) / 2, every)
                               : every;
        stage_.timeline.add(next, Timeline::Kind::tick, static_cast<std::size_t>(rank));
    }

    void tick(Rank rank) {
        if (life(rank).dead || node(rank).returned()) return;
        if (life(rank).stopped && life(rank).for_ever) {
            life(rank).tickless = true;
            return;
        }
        if (awake(rank)) node(rank).tick();
        if (!node(rank).returned()) tick_later(rank);
    }

    void resume(std::size_t blow) {
        for (const Rank rank : stage_.scenario.blows[blow].ranks) {
            if (life(rank).dead || life(rank).for_ever) continue;
            life(rank).stopped = false;
            stage_.say("rank " + std::to_string(rank) + " goes on");
            if (life(rank).entered) node(rank).resume();
            if (std::exchange(life(rank).tickless, false)) tick_later(rank);
            if (std::exchange(life(rank).ballotless, false))
                stage_.timeline.add(10, Timeline::Kind::ballot, static_cast<std::size_t>(rank));
            if (std::exchange(life(rank).streamless, false))
                stage_.timeline.add(10, Timeline::Kind::stream, static_cast<std::size_t>(rank));
        }
        retry();
        for (const Rank rank : stage_.scenario.blows[blow].ranks) {
            if (!awake(rank)) continue;
            read_mail(rank);
            if (awake(rank) && !node(rank).returned()) node(rank).tick();
        }
    }

    void heal(std::size_t blow) {
        stage_.say("the cut is healed");
        stage_.lives.heal(blow);
        retry();
    }

    void leave(std::size_t blow) {
        const Rank rank = stage_.scenario.blows[blow].ranks.front();
        if (!awake(rank) || node(rank).returned()) return;
        Port(rank, stage_).note([] { return std::string("leaves"); });
        node(rank).leave();
        if (!awake(rank) || node(rank).returned()) return;
        life(rank).away = true;
        stage_.timeline.add(stage_.scenario.blows[blow].lasts, Timeline::Kind::come_back, blow);
    }

    void come_back(std::size_t blow) {
        const Rank rank = stage_.scenario.blows[blow].ranks.front();
        if (life(rank).dead || life(rank).for_ever) return;
        if (life(rank).stopped) {
            stage_.timeline.add(stage_.scenario.pulse.period, Timeline::Kind::come_back, blow);
            return;
        }
        life(rank).away = false;
        Port(rank, stage_).note([] { return std::string("is back"); });
        node(rank).come_back();
        read_mail(rank);
    }

    // ---- the end

    // Nothing more will happen.
    void check_end() {
        for (Rank rank = 0; rank < stage_.scenario.ranks(); ++rank) {
            const Lives::Life& life_of = life(rank);
            if (stage_.scenario.recovery && (life_of.dead || life_of.for_ever)) continue;
            if (!node(rank).returned()) {
                throw Violation("rank " + std::to_string(rank) + " never returns" +
                                (stage_.is_dead(rank) ? ": it is dead" : ""));
            }
        }
        if (stage_.scenario.blows.empty()) {
            stage_.network.check_empty();
        } else {
            for (Rank rank = 0; rank < stage_.scenario.ranks(); ++rank) check_rest(rank);
        }
    }

    // What a rank has started and not given up must have ended.
    void check_rest(Rank rank) {
        if (life(rank).dead || life(rank).for_ever || stage_.witness.is_evicted(rank)) return;
        const Rank peer = stage_.network.waits_for(rank);
        if (peer == no_rank) return;
        throw Violation("rank " + std::to_string(rank) +
                        " has returned and something from or to rank " + std::to_string(peer) +
                        " is under way for ever");
    }

    std::string who_waits() {
        std::string out;
        for (Rank rank = 0; rank < stage_.scenario.ranks(); ++rank) {
            if (life(rank).dead || life(rank).for_ever || node(rank).returned()) continue;
            out += (out.empty() ? "rank " : ", rank ") + std::to_string(rank) + " never returns";
        }
        return out;
    }

    // Every blow may cost some timeouts, one after the other.
    [[nodiscard]] Ticks latest() const {
        const auto causes = static_cast<Ticks>(stage_.scenario.ranks()) +
                            static_cast<Ticks>(stage_.scenario.blows.size());
        return stage_.patience + 4 * (causes + 4) * stage_.scenario.pulse.timeout + 100'000;
    }

    // Far more than any broadcast needs; only a livelock gets there.
    [[nodiscard]] std::int64_t most_steps() const {
        std::int64_t messages = 0;
        for (Rank rank = 0; rank < stage_.scenario.ranks(); ++rank) {
            messages += 64;  // more than the rounds of a survey
            for (const Flow& flow : plans_[static_cast<std::size_t>(rank)].out) {
                messages += flow.segments.size();
            }
        }
        return 10000 + (stage_.scenario.recovery ? 1000 : 100) * messages;
    }

    Node& node(Rank rank) { return *nodes_[static_cast<std::size_t>(rank)]; }
    Lives::Life& life(Rank rank) { return stage_.lives.of(rank); }

    std::vector<RankPlan> plans_;
    Stage stage_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<std::size_t> held_up_;  ///< messages to the stopped and across a cut
    std::vector<std::pair<Rank, Completion>> unanswered_;  ///< by ranks that have returned
    std::vector<std::size_t> unheard_;  ///< deaths that nobody across a cut has heard of
};

}  // namespace

Result run(const Scenario& scenario, Hooks hooks) { return World(scenario, hooks).run(); }

std::string explain(const Scenario& scenario, const Result& result, const char* how) {
    constexpr std::size_t tail = 12000;
    std::string transcript;
    static_cast<void>(run(scenario, {.transcript = &transcript}));
    if (transcript.size() > tail && std::getenv("SPLITCAST_ALL") == nullptr) {
        transcript.erase(0, transcript.find('\n', transcript.size() - tail) + 1);
        transcript.insert(0, "...\n");
    }
    return result.violation + "\n\n" + scenario.text() + "\n" + transcript + "\n" + how + "=" +
           std::to_string(scenario.seed) + " SPLITCAST_RUNS=1 shows it again\n";
}

}  // namespace splitcast::sim
