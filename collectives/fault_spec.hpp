#pragma once

#include "collectives/types.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Faults on purpose, for tests of what happens when ranks die: SPLITCAST_FAULT says which rank
/// does what to itself, and where in a broadcast. This part reads the text and decides when a rule
/// is due; whoever asks carries it out. docs/fault-injection.md is the same for users.
///
///     kill:rank=3,at=relay:50%                  rank 3 dies when it relays and holds half
///     stop:rank=2,at=survey,for=500             rank 2 stands still for half a second
///     corrupt:rank=1,at=send:10,bit=3           the 10th segment that rank 1 sends has a wrong bit
///     corrupt:rank=1,at=send,to=2               the first segment that rank 1 sends to rank 2
///     kill:rank=0+4,at=decide,broadcast=2       two rules in one, in the second broadcast only
///
/// Rules are set apart by ';', blanks are ignored.
namespace splitcast::collectives {

/// What a rank does to itself.
enum class FaultAction : std::uint8_t {
    kill,     ///< SIGKILL: gone without a word, as in a crash
    stop,     ///< SIGSTOP: alive, connected and silent; for a time, or until somebody continues it
    corrupt,  ///< turns a bit of the segment at hand
    delay,    ///< sleeps, and with it all progress of this rank
    exit      ///< _exit(): gone, but its system closes what it had open
};
[[nodiscard]] std::string_view text(FaultAction action);

/// Where in a broadcast, in the order in which a rank comes by. A broadcast without failures passes
/// enter .. send, then complete .. leave. `setup` lies before all broadcasts.
enum class FaultPoint : std::uint8_t {
    setup,     ///< about to take a step of making a team, or of preparing a copy
    enter,     ///< in the call, nothing said to anybody
    survey,    ///< about to tell the others what it was called with
    receive,   ///< a segment has arrived
    relay,     ///< about to send on a segment that it received
    send,      ///< about to send any segment; a relayed one passes `relay` first
    notice,    ///< has just learnt of a failure, by itself or from another
    regroup,   ///< about to agree with the others on who lives
    flush,     ///< about to drain what is under way from the epoch that ends
    report,    ///< about to tell the others what it holds
    epoch,     ///< coordinator: about to tell the others who is left
    repair,    ///< has planned the repair, nothing of it is sent
    complete,  ///< holds every segment
    commit,    ///< about to take part in the last agreement
    decide,    ///< knows the verdict, the others may not
    leave,     ///< about to return to the caller; "return" in texts
    seal       ///< about to finish what a copy has written; belongs to no broadcast
};
[[nodiscard]] std::string_view text(FaultPoint point);

struct FaultPointInfo {
    FaultPoint point;
    std::string_view name;     ///< as in SPLITCAST_FAULT
    bool has_segment;          ///< a segment is at hand, so `corrupt` makes sense
    std::string_view summary;  ///< when it is passed, half a sentence
};
/// Every point, in the order of the enum.
[[nodiscard]] std::span<const FaultPointInfo> fault_points();

/// One rule: these ranks, at this point, do this, once each.
struct FaultRule {
    FaultAction action = FaultAction::kill;
    std::vector<Rank> ranks = {};  ///< of the communicator that the team was made from; ascending
    FaultPoint point = FaultPoint::enter;
    /// Due when the rank passes the point holding at least this share of the segments ...
    std::optional<int> percent = std::nullopt;
    /// ... or else the n-th time that it passes: within `broadcast` if that is given, since the
    /// team was made if not. Counts from 1.
    std::int64_t time = 1;
    std::int64_t broadcast = 0;     ///< the n-th of the team, from 1; 0: any
    std::int64_t milliseconds = 0;  ///< delay: how long; stop: how long, 0 for ever
    std::int64_t bit = 0;           ///< corrupt: which bit of the segment; taken modulo its size
    Rank to = no_rank;              ///< corrupt: only what is sent to this rank; no_rank: to any
    int code = 1;                   ///< exit: with which status

    friend bool operator==(const FaultRule&, const FaultRule&) = default;
};

/// The rule as SPLITCAST_FAULT has it; parse_faults() gives the same rule back.
[[nodiscard]] std::string text(const FaultRule& rule);

/// The rules of a text, none for an empty one; or what is wrong with it: the offending piece, and
/// what was expected in its place.
[[nodiscard]] std::variant<std::vector<FaultRule>, std::string> parse_faults(std::string_view text);

/// What is wrong with rules that speak of ranks which do not exist, where there are `ranks` of
/// them; nothing if all do. Such a rule would never be due, and nobody would know.
[[nodiscard]] std::optional<std::string> check_ranks(std::span<const FaultRule> rules, Rank ranks);

/// Decides when the rules of one rank are due. One for each team; copies count on their own.
class FaultTrigger {
public:
    /// No rule, ever.
    FaultTrigger() = default;
    FaultTrigger(std::span<const FaultRule> rules, Rank rank);

    /// To be called each time that the rank passes a point, with the share of the segments that it
    /// holds (0 to 100), the broadcast's number (from 1), and where a segment is about to be sent,
    /// to whom. The rule that is due, which is then spent. Where two are due at once the first in
    /// the text goes first and the other follows when the point is passed again. Costs a comparison
    /// when no rule is left.
    [[nodiscard]] std::optional<FaultRule> at(FaultPoint point, int progress_percent,
                                              std::int64_t broadcast, Rank receiver = no_rank) {
        if (pending_.empty()) return std::nullopt;
        return pass(point, progress_percent, broadcast, receiver);
    }

    /// Is there a rule that has not fired?
    [[nodiscard]] bool armed() const { return !pending_.empty(); }

private:
    struct Pending {
        FaultRule rule;
        std::int64_t passed = 0;
    };
    std::optional<FaultRule> pass(FaultPoint point, int progress_percent, std::int64_t broadcast,
                                  Rank receiver);

    std::vector<Pending> pending_;
};

}  // namespace splitcast::collectives
