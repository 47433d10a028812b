#pragma once

#include "collectives/fault_spec.hpp"
#include "collectives/placement.hpp"
#include "collectives/schedule.hpp"
#include "collectives/selection.hpp"
#include "collectives/settings.hpp"
#include "engine/broadcast.hpp"
#include "engine/stream.hpp"
#include "mpi/communicator.hpp"
#include "mpi/datatype.hpp"
#include "mpi/hub.hpp"
#include "mpi/transport.hpp"
#include "splitcast/splitcast.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace splitcast {

/// A team's state, and the one place where a broadcast is put together from its parts.
class Team::Impl {
public:
    static Result<std::unique_ptr<Impl>> create(MPI_Comm comm, Settings settings, MPI_Info info);

    /// Where SPLITCAST_FAULT may strike outside of broadcasts: in front of each step of making a
    /// team or of preparing a copy, and of finishing one.
    static void pass(collectives::FaultPoint point);
    /// No rank that a rule of SPLITCAST_FAULT speaks of is beyond these.
    static int ranks_of_job();

    /// The same on a communicator that is already a private duplicate, with a placement that all
    /// ranks know: local, for whoever must not communicate while making a team.
    static Result<std::unique_ptr<Impl>> adopt(mpi::Communicator comm,
                                               collectives::Placement placement,
                                               collectives::Links links,
                                               collectives::Resolved settings);

    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// A team, of its own, of some members that are left; they ask for none of what this one knows
    /// already. `ranks`: of this team, ascending. Null on others. Collective over the members that
    /// are left; Status::mpi if one of them was lost meanwhile, which others may not know.
    Result<std::unique_ptr<Impl>> part_of(const std::vector<int>& ranks);

    /// From now on all members promise to be inside splitcast until this team goes, and to make
    /// progress: a member that is silent for the setting `timeout` is left out, also before it has
    /// entered a broadcast. Local.
    void count_on_all();

    /// Collective, before the end: waits until nothing is under way on the communicator any more.
    void part();

    /// What one broadcast was called with.
    struct Call {
        std::byte* buffer = nullptr;       ///< in memory, or
        engine::Source* source = nullptr;  ///< piece by piece (root), and
        engine::Sink* sink = nullptr;      ///< piece by piece (any rank)
        bool piecemeal = false;
        bool resumes = false;            ///< some rank may hold something from the start
        std::int64_t held_in_front = 0;  ///< with `resumes`: bytes in its sink's memory, or buffer
        std::int64_t length = 0;
        int root = 0;
        collectives::Settings settings;
        bool agree = false;  ///< on ballots, of which this rank's comes later
        std::optional<Error>
            refused;  ///< arguments of this rank that cannot be: it takes part only to say so
    };

    /// A broadcast ready to enter; it takes the team's next number. Collective in order.
    struct Operation {
        std::unique_ptr<engine::Broadcast> broadcast;
        collectives::Choice choice;
        int groups = 0;
        mpi::Hub::Identity identity = 0;
    };
    Operation begin(const Call& call);

    /// A broadcast that is started again and again has a number of its own, taken when it is made
    /// ready (collective in order): such broadcasts may then be started in another order on every
    /// rank.
    struct Reserved {
        std::uint64_t number = 0;
        std::uint64_t starts = 0;  ///< so far
    };
    Reserved reserve() { return {.number = next_reserved_++}; }
    Operation begin(const Call& call, Reserved& reserved);

    /// The verdict of a finished broadcast.
    Result<Report> end(const Operation& operation, const Call& call);

    /// Checks arguments and finds out how the bytes lie. Never fails: what is wrong is in
    /// `refused`.
    Call describe(void* buffer, MPI_Count count, MPI_Datatype type, int root, Settings settings,
                  mpi::Layout& layout) const;

    /// `length` bytes from `source` (root and mirrors) to every rank's `sink` (null: relay only).
    /// Where ranks may be lost, a sink on another rank than the root needs memory. Blocks.
    /// Collective. Failures of source and sink are theirs to tell.
    /// `waiting` is called all the time meanwhile. `held`, on all ranks or on none: how many bytes
    /// from the front this rank's sink has in its memory already.
    Result<Report> stream(std::int64_t length, engine::Source* source, engine::Sink* sink, int root,
                          std::vector<int> mirrors = {}, const std::function<void()>& waiting = {},
                          std::optional<std::int64_t> held = {});

    /// `length` bytes in memory, which `root` and mirrors have, to all. Blocks. Collective. With
    /// `refused` this rank takes part only so that all get Status::mismatch. After an eviction the
    /// memory must stay as long as the process: see Report::evicted, and Status::evicted. `held`,
    /// on all ranks or on none: how many bytes from the front this rank has there already.
    Result<Report> pass(std::byte* bytes, std::int64_t length, int root, std::vector<int> mirrors,
                        const std::optional<Error>& refused = {},
                        std::optional<std::int64_t> held = {});

    /// Agreements that survive the loss of ranks, and wait without burning a core. Collective.
    ///
    /// The lowest number that a rank brings which is left; the same on all of them. `vote` is asked
    /// for this rank's while the agreement is under way: it may take its time as long as it lets
    /// broadcasts move (engine::progress), and may use this team.
    struct Vote {
        collectives::Ballot ballot = collectives::no_ballot;
        /// Lost in another team with the same members: they are lost in this one too.
        std::vector<collectives::Loss> known = {};
    };
    Result<collectives::Ballot> lowest(
        const std::function<Vote(const engine::Broadcast& agreement)>& vote);
    Result<collectives::Ballot> lowest(collectives::Ballot mine) {
        return lowest([mine](const engine::Broadcast&) { return Vote{.ballot = mine}; });
    }
    /// `size` bytes of `root` to all. Status::lost if it was lost, and its words with it.
    Result<void> tell(void* bytes, std::int64_t size, int root);
    /// What `mine` gives on each member that is left, in order, on the lowest of them; nothing
    /// elsewhere. It is called once, as `vote` is.
    using Text = std::function<std::string()>;
    Result<std::vector<std::string>> collect(const Text& mine);
    /// The same on all of them, of texts that are all as long, by rank of the team; nothing for
    /// ranks that are lost.
    Result<std::vector<std::string>> exchange(const Text& mine);

    /// In reports, messages and faults on purpose, rank i is called `names[i]`. Faults on purpose
    /// wait until `count_broadcasts`. Local.
    void rename(std::vector<int> names);
    /// The next broadcast is the first, to faults on purpose. Local.
    void count_broadcasts();

    /// Why nothing can be broadcast any more, if so.
    [[nodiscard]] std::optional<Error> unusable() const;
    /// Whether ranks may be lost in a call with these settings.
    [[nodiscard]] bool survives(const collectives::Settings& settings) const;
    /// This rank is the call's root or one of its mirrors.
    [[nodiscard]] bool holds_from_start(const Call& call) const;
    [[nodiscard]] std::vector<int> failed() const;
    /// By rank of the team.
    [[nodiscard]] const std::vector<collectives::Loss>& losses() const { return losses_; }
    /// Ranks of the team that are left, ascending.
    [[nodiscard]] const std::vector<int>& members() const { return members_; }
    /// The last report of this team that told of lost ranks.
    [[nodiscard]] const Report& last_failure() const { return last_failure_; }
    /// When this rank knew that it would go on without the last one that was lost.
    [[nodiscard]] std::chrono::steady_clock::time_point last_loss() const { return last_loss_; }
    Result<MPI_Comm> survivors();
    /// What a rank is called.
    [[nodiscard]] int name(int rank) const { return names_[static_cast<std::size_t>(rank)]; }
    /// "rank 3 on node7".
    [[nodiscard]] std::string who(int rank) const;

    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] MPI_Comm communicator() const { return comm_.get(); }
    [[nodiscard]] const collectives::Placement& placement() const { return placement_; }
    [[nodiscard]] const collectives::Links& links() const { return links_; }
    [[nodiscard]] const collectives::Resolved& settings() const { return settings_; }
    [[nodiscard]] const std::string& host(int rank) const {
        return hosts_[static_cast<std::size_t>(rank)];
    }

private:
    explicit Impl(mpi::Communicator comm);
    Result<void> discover(Result<collectives::Resolved> resolved);
    Result<void> discover_placement();
    Result<void> discover_links();
    Result<void> agree_on_settings(const Result<collectives::Resolved>& mine);
    Operation begin(const Call& call, std::uint64_t tag_number, std::uint64_t identity);
    void prepare_recovery(const Call& call, collectives::Shape shape,
                          collectives::Recovery& recovery) const;
    void plan(const Call& call, Operation& operation, collectives::Machine::Config& config);
    [[nodiscard]] std::vector<int> mirrors(const Call& call) const;
    [[nodiscard]] Result<Report> verdict(const collectives::Machine::Outcome& outcome,
                                         const Call& call, const engine::Broadcast& broadcast);
    void drop(const std::vector<collectives::Loss>& losses, Report& report);
    [[nodiscard]] Call internal_call(int root) const;
    [[nodiscard]] std::string who(std::vector<collectives::Loss> losses) const;
    const collectives::Schedule& schedule_for(int root, collectives::Shape shape);
    const collectives::Choice& choice_for(std::int64_t length,
                                          const collectives::Settings& settings);

    mpi::Communicator comm_;
    int rank_ = 0;
    int size_ = 1;
    mpi::Tags tags_;
    std::unique_ptr<mpi::Hub> hub_;
    std::vector<int> members_;  ///< ranks that are left, ascending
    std::vector<int> names_;    ///< what each rank is called
    std::vector<collectives::Loss> losses_;
    bool evicted_ = false;  ///< this rank itself
    std::vector<std::string> hosts_;
    collectives::Placement placement_;
    int units_ = 1;  ///< nodes, or ranks where all are on one node
    collectives::Links links_;
    collectives::Resolved settings_;
    struct Faults {
        std::shared_ptr<collectives::FaultTrigger> trigger;  ///< null for none
        std::int64_t begun = 0;                              ///< broadcasts so far
    };
    std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();  ///< on purpose
    bool all_here_ = false;                                        ///< see count_on_all
    Report last_failure_;
    std::chrono::steady_clock::time_point last_loss_;
    std::uint64_t next_number_ = 0;
    std::uint64_t next_reserved_ = 0;
    std::optional<Error> broken_;  ///< why the communicator can no longer be used
    bool parted_ = false;          ///< nothing is under way on it

    // The last few answers; programs repeat themselves.
    struct CachedChoice {
        std::int64_t length;
        collectives::Settings settings;
        collectives::Choice choice;
    };
    struct CachedSchedule {
        int root;
        collectives::Shape shape;
        collectives::Schedule schedule;
    };
    std::vector<CachedChoice> choices_;
    std::vector<CachedSchedule> schedules_;
};

class Request::Impl {
public:
    Impl(Team::Impl& team, void* buffer, MPI_Count count, MPI_Datatype type, int root,
         Settings settings, bool persistent);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> start();
    /// The caller goes on with something else and comes back with `test` or `wait`.
    void leave();
    bool test();
    Result<Report> wait();

    /// The parts of `wait`, for whoever must not block: is it over, and if so, its outcome.
    /// `finish_if_free` answers nothing while other threads are busy moving segments; ask again
    /// later.
    [[nodiscard]] bool over() const;
    Result<Report> finish();
    std::optional<Result<Report>> finish_if_free();

    /// Which ranks disagreed about what, if the last outcome was Status::mismatch.
    [[nodiscard]] const std::optional<collectives::Mismatch>& mismatch() const { return mismatch_; }

    [[nodiscard]] bool active() const { return operation_.broadcast != nullptr; }
    [[nodiscard]] bool persistent() const { return persistent_; }

private:
    Result<Report> outcome();
    void stage();
    void unstage(bool whole);

    Team::Impl& team_;
    mpi::Layout layout_;
    MPI_Datatype kept_type_ = MPI_DATATYPE_NULL;
    void* buffer_;
    bool persistent_;
    Team::Impl::Call call_;
    std::unique_ptr<engine::Source> source_;
    std::unique_ptr<engine::Sink> sink_;
    std::vector<std::byte> staged_;  ///< a scattered datatype's bytes, when ranks may be lost
    Team::Impl::Reserved reserved_;  ///< persistent only
    Team::Impl::Operation operation_;
    std::optional<collectives::Mismatch> mismatch_;
};

}  // namespace splitcast
