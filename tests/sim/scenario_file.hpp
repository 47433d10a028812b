#pragma once

#include "sim/scenario.hpp"

#include <string>
#include <string_view>

namespace splitcast::sim {

/// A broadcast written down by hand, with what must come of it below a line "---". Lines above it:
///
///     # a remark
///     ranks 4              first of all
///     nodes 0 0 1 1        the node of every rank; default: a flat network
///     root 0
///     bytes 48
///     segment 8
///     groups 3 1 2         group size, children, local fan-out
///     enter 2 50           rank 2 enters at 50, not at 0
///     call 3 root 1        rank 3 is called with another `root`, `bytes` or `segment`
///     holds 1 0 2          a repair, in which rank 1 holds the segments 0 and 2
///     resumes 1 0 2        rank 1 holds them from the start, and the others do not know
///     window 2 1 8         initial, smallest, largest
///     depth 2              receives posted ahead
///     message 10           ticks that a message takes
///     report 1             ticks until a rank hears of something
///     eager 0              percent of the ordinary sends that complete at once
///     recovery             ranks may be lost; a beat every 100 ticks, timeout 500
///     beat 100 500         the same in other numbers
///     detect beats         deaths that follow are never reported; `mpi`: they are
///     obituary 5           ticks until a death is reported to everybody
///     watch peers          beats between peers only; or `root`
///     mirror 5             rank 5 is a mirror
///     resend root          or `mirror`, or `survivors`
///     ballot 2 7 300       rank 2 has the ballot 7, and brings it 300 ticks after it enters
///     all_here             silence counts also before a rank has entered
///     deaf                 ranks that have returned answer late
///     die 3 send 5         rank 3 dies before its sixth send; any kind of Moment, or `moment`
///     die 0 when 3 renew 0 rank 0 dies when rank 3 begins an epoch
///     die 1,2 at 40        both die at 40
///     stop 2 at 40 for 500 it is stopped and then goes on; without `for`: for ever
///     cut 1,2 at 30        nothing passes between these two and the others
///     corrupt 1 send 0 for 2   two segments that rank 1 sends arrive damaged, from its first on
///     leave 1 enter 0 for 300  between the start and the wait
///     engine               at engine level
///     ring 1 2             rank 1 has a ring of 2 segments, and a sink
struct ScenarioFile {
    Scenario scenario;
    std::string head;        ///< everything above the line
    std::string transcript;  ///< everything below it
};

/// Throws std::invalid_argument, naming the line, for what it does not understand.
[[nodiscard]] ScenarioFile read_scenario(std::string_view text);

/// What comes of a scenario: every rank's plan, then everything that happens, then what went wrong,
/// if it did.
[[nodiscard]] std::string play(const Scenario& scenario);

}  // namespace splitcast::sim
