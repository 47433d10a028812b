#pragma once

#include "collectives/types.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace splitcast::mpi {

/// The control messages of all broadcasts of one team, and what the team knows of dead ranks.
///
/// A message may come from any rank at any time: for a broadcast that is under way, for one that
/// this rank has not entered yet (it is kept), or for one that is over (it may be answered). All
/// have one tag, which no segment has, and carry the broadcast's identity.
class Hub {
public:
    /// `comm` belongs to the team and outlives this. `watch`: look for dead ranks.
    Hub(MPI_Comm comm, int tag, bool watch);
    ~Hub();
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    using Identity = std::uint64_t;

    struct Letter {
        collectives::Rank from = collectives::no_rank;
        std::vector<std::byte> bytes;
    };

    /// Sends at once, from memory of its own. To a rank that is dead: nothing happens.
    void send(collectives::Rank to, Identity broadcast, std::span<const std::byte> bytes);

    /// Takes in what has arrived. Cheap when nothing has.
    std::optional<Error> poll();

    /// From now on a letter for a broadcast that this rank has not opened is given to `answer`
    /// first; where that has a reply, the letter is done with. For teams whose members count on
    /// each other to be here.
    using Answer = std::function<std::optional<std::vector<std::byte>>(const Letter&)>;
    void answer_before_entry(Answer answer) { early_ = std::move(answer); }
    /// This rank enters the broadcast, and reads its letters itself.
    void open(Identity broadcast) { open_.insert(broadcast); }

    /// What has arrived for a broadcast, in order for each sender. Empties it.
    std::vector<Letter> take(Identity broadcast);

    /// The broadcast is over: from now on `answer` is asked what to reply to its letters, for as
    /// long as it is remembered. It gets the message and gives the reply, if any.
    void close(Identity broadcast, Answer answer);

    /// Tells a rank that it has no part in the team any more, whatever broadcast it is in: one that
    /// stood still may have come out of the broadcast that left it out without knowing.
    void expel(collectives::Rank rank);
    /// Who has told this rank so; no_rank for nobody.
    [[nodiscard]] collectives::Rank expelled_by() const { return expelled_by_; }

    /// Ranks that are known to be dead, in the order of discovery; only grows.
    [[nodiscard]] const std::vector<collectives::Rank>& dead() const { return dead_; }
    /// Something has failed: look at once, not only now and then.
    void look_for_dead();

    /// Asks everybody that anything was ever sent to whether it has arrived. To be called when
    /// nothing more is to be sent than answers; `poll` hears the replies.
    void take_leave();
    /// Since then all of them have said so, or are dead.
    [[nodiscard]] bool everything_arrived();

    /// Nothing that was sent is still waiting to leave.
    [[nodiscard]] bool idle() const { return outgoing_.empty(); }

private:
    using Clock = std::chrono::steady_clock;
    struct Outgoing {
        MPI_Request request = MPI_REQUEST_NULL;
        std::vector<std::byte> bytes;
        collectives::Rank to = collectives::no_rank;
    };
    struct Over {
        Identity broadcast = 0;
        Answer answer;
    };

    void post(collectives::Rank to, Identity broadcast, std::span<const std::byte> bytes);
    void sort(Letter letter);
    void on_leave(const Letter& letter);
    void sweep_outgoing();

    MPI_Comm comm_;
    int tag_;
    bool watch_;
    std::deque<Outgoing> outgoing_;
    std::map<Identity, std::vector<Letter>> inbox_;
    std::deque<Over> over_;
    Answer early_;             ///< may be none
    std::set<Identity> open_;  ///< kept only where there is one
    std::vector<collectives::Rank> dead_;
    std::set<collectives::Rank> known_dead_;
    std::set<collectives::Rank> written_to_;
    std::set<collectives::Rank> awaited_;  ///< have not yet said that everything has arrived
    Clock::time_point looked_{};
    collectives::Rank expelled_by_ = collectives::no_rank;
};

}  // namespace splitcast::mpi
