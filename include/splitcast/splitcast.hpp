#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// splitcast: a broadcast for MPI that runs at the speed of the wire. C++ interface.
///
/// Nothing here throws for a failure of the world: failures are values (error.hpp). MPI must be
/// initialized with MPI_THREAD_FUNNELED or higher. Calls are made by the thread that may call MPI;
/// with MPI_THREAD_MULTIPLE different threads may use different teams at the same time.
/// "Collective" is meant as for MPI collectives: every rank of the team makes the call, in the same
/// order.
namespace splitcast {

/// What one broadcast did on the calling rank.
struct Report {
    std::int64_t bytes = 0;           ///< length of the buffer
    std::int64_t segments = 0;        ///< pieces it was sent in
    std::int64_t segment_bytes = 0;   ///< size of a piece
    std::int64_t bytes_sent = 0;      ///< by this rank
    std::int64_t bytes_received = 0;  ///< by this rank
    double seconds = 0;               ///< from the call, or the start, to the end on this rank
    int group_size = 0;               ///< ranks that the buffer is split across
    int groups = 0;                   ///< how many such groups
    int children = 0;                 ///< groups fed by each group
    /// Ranks that this broadcast lost, dead or evicted, in the communicator that the team was made
    /// from; ascending, the same on every rank that is left.
    std::vector<int> failed;
    std::vector<int> evicted;         ///< those of them that are not known to be dead
    std::vector<int> spoilers;        ///< ranks that sent bad bytes (setting "integrity")
    int epochs = 1;                   ///< one more for every time that it had to be repaired
    std::int64_t bytes_repaired = 0;  ///< received by this rank after the first epoch
    double silence_seconds = 0;  ///< how long the first lost rank had been silent when this rank
                                 ///< noticed
    double regroup_seconds = 0;  ///< from then until those that are left had a new plan
    double repair_seconds = 0;   ///< from then until this rank had everything
    std::string choice;          ///< one line: what was chosen, and why
};

/// Settings as "name=value,name=value", for one call or one team; empty for none. What is not set
/// here comes from the team's MPI_Info, the environment (SPLITCAST_<NAME>), the site file, and at
/// last the defaults: `splitcast info --all` lists every setting with its value and where that came
/// from.
using Settings = std::string_view;

class Request;

/// A private duplicate of a communicator, what is known of where its ranks are, and its tuning.
/// Movable; freeing (the destructor, or `free`) is collective and must come before MPI_Finalize.
class Team {
public:
    /// Collective over `comm`, an intracommunicator, which is duplicated and otherwise left alone.
    /// Where ranks may die (Open MPI: mpirun --with-ft ulfm), SIGPIPE is ignored from then on if it
    /// was not handled: a dead rank's connections would end the survivors. Ranks must not die
    /// during this call. Finds out which ranks share a node and, unless the setting "probe" says
    /// otherwise, measures the links.
    static Result<Team> create(MPI_Comm comm, Settings settings = {},
                               MPI_Info info = MPI_INFO_NULL);

    Team(Team&&) noexcept;
    Team& operator=(Team&&) noexcept;
    ~Team();

    /// Collective. No broadcast of the team may be under way. The team is empty afterwards.
    Result<void> free();

    [[nodiscard]] int rank() const;
    [[nodiscard]] int size() const;

    /// The team's own communicator, of all ranks that it was made from, dead ones too. It belongs
    /// to the team; do not communicate on it while a broadcast is under way.
    [[nodiscard]] MPI_Comm communicator() const;

    /// Ranks, in the communicator that the team was made from, that did not survive; ascending. The
    /// team goes on without them: calls keep naming ranks as before.
    [[nodiscard]] std::vector<int> failed() const;

    /// A new communicator of the ranks that are left, in the order of their ranks. Collective over
    /// those, outside of broadcasts. It belongs to the caller, who frees it. Ranks that die during
    /// the call are not in it; ask again after a broadcast that has named them.
    Result<MPI_Comm> survivors();

    /// Broadcasts `count` elements of `datatype` at `buffer` from `root`. Collective. Type
    /// signatures must match, type maps need not. The outcome is the same on every rank.
    Result<Report> broadcast(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                             Settings settings = {});

    /// The bytes of a contiguous range of trivially copyable values: `team.broadcast(values, 0)`.
    template <class Range>
        requires std::is_trivially_copyable_v<typename Range::value_type>
    Result<Report> broadcast(Range& values, int root, Settings settings = {}) {
        return broadcast(values.data(), static_cast<MPI_Count>(std::span(values).size_bytes()),
                         MPI_BYTE, root, settings);
    }

    /// Starts a broadcast and returns at once. The buffer belongs to splitcast until the request is
    /// over. Segments move while the rank is inside `test` or `wait` of any request, of whatever
    /// team.
    Result<Request> start(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                          Settings settings = {});

    /// Prepares a broadcast that is started again and again (Request::start) with the same
    /// arguments. Collective.
    Result<Request> prepare(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                            Settings settings = {});

    class Impl;
    [[nodiscard]] Impl& impl() const { return *impl_; }  ///< for splitcast's own layers

private:
    explicit Team(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A broadcast under way, or a persistent one. It must be over (`wait`) before it is destroyed, and
/// it must not outlive its team.
class Request {
public:
    Request(Request&&) noexcept;
    Request& operator=(Request&&) noexcept;
    ~Request();

    /// Starts a persistent broadcast (Team::prepare). An error if it is under way or not
    /// persistent.
    Result<void> start();

    /// Lets segments move; true when the broadcast is over: `wait` then returns its outcome at
    /// once.
    [[nodiscard]] bool test();

    /// Waits until it is over. The same outcome on every rank.
    Result<Report> wait();

    class Impl;
    explicit Request(std::unique_ptr<Impl> impl);

private:
    std::unique_ptr<Impl> impl_;
};

/// "0.1.0".
[[nodiscard]] std::string_view version();

/// A kind of failure in words.
[[nodiscard]] std::string_view text(Status status);

}  // namespace splitcast
