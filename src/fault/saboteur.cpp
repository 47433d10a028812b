#include "fault/saboteur.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace splitcast::fault {

using collectives::FaultAction;
using collectives::FaultRule;
using collectives::FaultTrigger;

namespace {

/// Stands still, and after a time another process says to go on: one that is stopped cannot.
void stop_for(std::int64_t milliseconds) {
    if (milliseconds > 0) {
        const pid_t self = getpid();
        const pid_t waker = fork();
        if (waker == 0) {
            // Only what is safe between fork and exec in a process with threads.
            usleep(static_cast<useconds_t>(milliseconds * 1000));
            kill(self, SIGCONT);
            _exit(0);
        }
    }
    std::raise(SIGSTOP);
}

}  // namespace

Result<std::shared_ptr<FaultTrigger>> trigger_from_environment(collectives::Rank rank,
                                                               collectives::Rank ranks) {
    const char* text = std::getenv("SPLITCAST_FAULT");
    if (text == nullptr) return std::shared_ptr<FaultTrigger>();
    auto parsed = collectives::parse_faults(text);
    if (const auto* wrong = std::get_if<std::string>(&parsed))
        return Error{Status::setting, "SPLITCAST_FAULT: " + *wrong};
    const auto& rules = std::get<std::vector<FaultRule>>(parsed);
    if (const auto wrong = collectives::check_ranks(rules, ranks))
        return Error{Status::setting, "SPLITCAST_FAULT: " + *wrong};
    return std::make_shared<FaultTrigger>(rules, rank);
}

void pass(collectives::FaultPoint point, collectives::Rank rank_in_world) {
    // One for the process: which of its teams or copies it is at is not known.
    static const auto trigger = [rank_in_world]() -> std::shared_ptr<FaultTrigger> {
        auto made = trigger_from_environment(rank_in_world, std::numeric_limits<int>::max());
        return made ? *made : nullptr;
    }();
    if (trigger) SelfHarm(trigger, 0).at(point, 0, collectives::no_rank);
}

SelfHarm::SelfHarm(std::shared_ptr<FaultTrigger> trigger, std::int64_t broadcast)
    : trigger_(std::move(trigger)), broadcast_(broadcast) {}

std::optional<std::int64_t> SelfHarm::at(collectives::FaultPoint point, int percent,
                                         collectives::Rank receiver) {
    const std::optional<FaultRule> rule = trigger_->at(point, percent, broadcast_, receiver);
    if (!rule) return std::nullopt;
    switch (rule->action) {
        case FaultAction::kill: std::raise(SIGKILL); break;
        case FaultAction::stop: stop_for(rule->milliseconds); break;
        case FaultAction::delay:
            std::this_thread::sleep_for(std::chrono::milliseconds(rule->milliseconds));
            break;
        case FaultAction::exit: _exit(rule->code);
        case FaultAction::corrupt: return rule->bit;
    }
    return std::nullopt;
}

}  // namespace splitcast::fault
