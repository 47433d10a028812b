#include "sim/world.hpp"

#include "sim/engine_node.hpp"
#include "sim/machine_node.hpp"
#include "sim/violation.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace splitcast::sim {

namespace {

class World {
public:
    World(const Scenario& scenario, Hooks hooks)
        : plans_(scenario.plans()), stage_(scenario, plans_, hooks) {
        for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
            const Port port(rank, stage_);
            if (scenario.level == Scenario::Level::engine) {
                nodes_.push_back(std::make_unique<EngineNode>(port));
            } else {
                nodes_.push_back(std::make_unique<MachineNode>(port));
            }
            stage_.timeline.add(scenario.enters[static_cast<std::size_t>(rank)],
                                Timeline::Kind::enter, static_cast<std::size_t>(rank));
        }
    }

    Result run() {
        Result result;
        const std::int64_t bound = most_steps();
        try {
            while (!stage_.timeline.empty()) {
                if (++result.steps > bound) throw Violation("it does not end");
                happen(stage_.timeline.next());
            }
            check_end();
        } catch (const Violation& violation) {
            result.violation = violation.what();
        }
        result.messages = stage_.network.messages();
        result.end = stage_.timeline.now();
        return result;
    }

private:
    void happen(const Timeline::Entry& entry) {
        const auto rank = static_cast<Rank>(entry.what);
        switch (entry.kind) {
            case Timeline::Kind::arrive: stage_.network.arrive(entry.what); return;
            case Timeline::Kind::report: report(entry.what); return;
            case Timeline::Kind::enter: {
                Port port(rank, stage_);
                port.note([] { return std::string("enter"); });
                if (port.survives(Moment::Kind::enter)) node(rank).enter();
                return;
            }
            case Timeline::Kind::stream:
                if (!stage_.is_dead(rank)) node(rank).stream();
                return;
            case Timeline::Kind::wake:
                if (!stage_.is_dead(rank)) node(rank).wake();
                return;
        }
    }

    void report(std::size_t operation) {
        Network::Report report = stage_.network.report(operation);
        Port port(report.to, stage_);
        if (report.completion && !port.hears(*report.completion, report.carried)) return;
        node(report.to).hear(std::move(report.completion));
    }

    // Nothing more will happen.
    void check_end() {
        for (Rank rank = 0; rank < stage_.scenario.ranks(); ++rank) {
            if (!node(rank).returned()) {
                throw Violation("rank " + std::to_string(rank) + " never returns" +
                                (stage_.is_dead(rank) ? ": it is dead" : ""));
            }
        }
        stage_.network.check_empty();
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
        return 10000 + 100 * messages;
    }

    Node& node(Rank rank) { return *nodes_[static_cast<std::size_t>(rank)]; }

    std::vector<RankPlan> plans_;
    Stage stage_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace

Result run(const Scenario& scenario, Hooks hooks) { return World(scenario, hooks).run(); }

std::string explain(const Scenario& scenario, const Result& result) {
    constexpr std::size_t tail = 4000;
    std::string transcript;
    static_cast<void>(run(scenario, {.transcript = &transcript}));
    if (transcript.size() > tail) {
        transcript.erase(0, transcript.find('\n', transcript.size() - tail) + 1);
        transcript.insert(0, "...\n");
    }
    return result.violation + "\n\n" + scenario.text() + "\n" + transcript +
           "\nSPLITCAST_SEED=" + std::to_string(scenario.seed) +
           " SPLITCAST_RUNS=1 shows it again\n";
}

}  // namespace splitcast::sim
