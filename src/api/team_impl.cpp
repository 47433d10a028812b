#include "api/team_impl.hpp"

#include "api/effective_settings.hpp"
#include "collectives/repair.hpp"
#include "collectives/switches.hpp"
#include "engine/progress.hpp"
#include "fault/saboteur.hpp"
#include "mpi/probe.hpp"
#include "mpi/ulfm.hpp"
#include "topology/hwloc_place.hpp"
#include "topology/slurm_place.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

namespace splitcast {

using collectives::Choice;
using collectives::Links;
using collectives::Loss;
using collectives::Placement;
using collectives::Schedule;
using collectives::Shape;
using collectives::View;

namespace {

constexpr std::size_t remembered = 16;  // choices and schedules

class SteadyClock final : public engine::Clock {
public:
    collectives::Ticks now() override {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }
};

SteadyClock& steady_clock() {
    static SteadyClock clock;
    return clock;
}

// What ranks tell each other about where they are.
struct Address {
    std::array<char, MPI_MAX_PROCESSOR_NAME> host{};
    std::int32_t numa = -1;
    std::int32_t cache = -1;
    std::int32_t core = -1;
    std::array<char, 128> switches{};  ///< above the node, if the resource manager tells
};

constexpr Links within_a_node{
    .latency = 1e-6, .bandwidth = 8e9, .overhead = 10e-6, .shared_memory = true};

const Loss* loss_of(const std::vector<Loss>& losses, int rank) {
    const auto found = std::ranges::find(losses, rank, &Loss::rank);
    return found == losses.end() ? nullptr : &*found;
}

collectives::Ticks ticks(double seconds) { return static_cast<collectives::Ticks>(seconds * 1e9); }

/// The death of a rank breaks its connections, and the signal of that would end the survivors. What
/// the program does about SIGPIPE itself is left as it is.
void ignore_broken_pipes() {
    struct sigaction before{};
    if (sigaction(SIGPIPE, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, nullptr);
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9E3779B97F4A7C15ULL + (hash << 6U) + (hash >> 2U);
    return hash;
}

}  // namespace

int Team::Impl::ranks_of_job() {
    int ranks = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    return ranks;
}

void Team::Impl::pass(collectives::FaultPoint point) {
    // Asked for once, by who makes the first team: threads that come by must not.
    static const int rank = [] {
        int in_world = 0;
        MPI_Comm_rank(MPI_COMM_WORLD, &in_world);
        return in_world;
    }();
    fault::pass(point, rank);
}

Team::Impl::Impl(mpi::Communicator comm)
    : comm_(std::move(comm)),
      rank_(comm_.rank()),
      size_(comm_.size()),
      tags_(mpi::largest_tag(comm_.get())),
      hub_(std::make_unique<mpi::Hub>(comm_.get(), mpi::Tags::control(), mpi::ulfm::enabled())) {
    for (int rank = 0; rank < size_; ++rank) members_.push_back(rank);
    names_ = members_;
}

Result<std::unique_ptr<Team::Impl>> Team::Impl::create(MPI_Comm comm, Settings settings,
                                                       MPI_Info info) {
    if (comm == MPI_COMM_NULL) return Error{Status::argument, "the communicator is MPI_COMM_NULL"};
    int inter = 0;
    MPI_Comm_test_inter(comm, &inter);
    if (inter != 0)
        return Error{Status::argument,
                     "the communicator is an intercommunicator; a team needs one group"};
    auto duplicate = mpi::Communicator::duplicate(comm);
    if (!duplicate) return duplicate.error();

    if (mpi::ulfm::enabled()) ignore_broken_pipes();
    std::unique_ptr<Impl> team(new Impl(std::move(duplicate).value()));
    auto resolved = api::effective_settings(settings, info);
    auto faults = fault::trigger_from_environment(team->rank_, ranks_of_job());
    if (faults) {
        team->faults_->trigger = *faults;
    } else if (resolved) {
        resolved = faults.error();
    }
    const Result<void> made = team->discover(std::move(resolved));
    // A rank may die while others are still at it: all that are left have a team, or none has.
    bool all_made = made.ok();
    if (mpi::ulfm::enabled()) {
        // Others may wait in the middle of a collective for this rank, which has left it.
        if (!made && made.error().status == Status::mpi) mpi::ulfm::revoke(team->comm_.get());
        const auto agreed = mpi::ulfm::agree(team->comm_.get(), made ? 1 : 0);
        all_made = agreed && *agreed != 0;
    }
    if (!made) return made.error();
    if (all_made) return team;
    return Error{Status::mpi,
                 "another rank could not make its part of the team, as when a rank dies meanwhile; "
                 "make the team again from a communicator of the ranks that are left"};
}

Result<void> Team::Impl::discover(Result<collectives::Resolved> resolved) {
    pass(collectives::FaultPoint::setup);
    if (auto agreed = agree_on_settings(resolved); !agreed) return agreed.error();
    settings_ = std::move(resolved).value();
    pass(collectives::FaultPoint::setup);
    if (auto found = discover_placement(); !found) return found.error();
    pass(collectives::FaultPoint::setup);
    return discover_links();
}

Result<std::unique_ptr<Team::Impl>> Team::Impl::adopt(mpi::Communicator comm, Placement placement,
                                                      Links links, collectives::Resolved settings) {
    std::unique_ptr<Impl> team(new Impl(std::move(comm)));
    if (placement.ranks() != team->size_) {
        return Error{Status::internal,
                     "the placement is of another number of ranks than the communicator"};
    }
    const std::size_t nodes = placement.nodes().size();
    team->units_ = nodes > 1 ? static_cast<int>(nodes) : team->size_;
    team->placement_ = std::move(placement);
    // Links that were found on a larger team say nothing of the memory of one node.
    team->links_ = nodes <= 1 && !links.shared_memory ? within_a_node : links;
    team->links_.shared_memory = nodes <= 1;
    team->settings_ = std::move(settings);
    team->hosts_.resize(static_cast<std::size_t>(team->size_));
    return team;
}

Result<std::unique_ptr<Team::Impl>> Team::Impl::part_of(const std::vector<int>& ranks) {
    // Not on this team's communicator: it must not be revoked.
    const bool mortal = mpi::ulfm::enabled();
    auto left = mortal ? survivors() : Result<MPI_Comm>(comm_.get());
    if (!left) return left.error();
    const bool member = std::ranges::binary_search(ranks, rank_);
    MPI_Comm split = MPI_COMM_NULL;
    const int code = MPI_Comm_split(*left, member ? 0 : MPI_UNDEFINED, rank_, &split);
    if (mortal) {
        // Somebody may still be inside the split, waiting for this rank.
        if (code != MPI_SUCCESS) mpi::ulfm::revoke(*left);
        static_cast<void>(mpi::Communicator(*left));  // frees it
    }
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_split", code);
    if (!member) return std::unique_ptr<Impl>();
    MPI_Comm_set_errhandler(split, MPI_ERRORS_RETURN);
    auto team = adopt(mpi::Communicator(split), placement_.select(ranks), links_, settings_);
    if (!team) return team.error();
    Impl& part = **team;
    part.faults_ = faults_;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        part.names_[i] = name(ranks[i]);
        part.hosts_[i] = host(ranks[i]);
    }
    return team;
}

// A rank whose settings are wrong must not leave the others waiting: all learn of it, in its words.
Result<void> Team::Impl::agree_on_settings(const Result<collectives::Resolved>& mine) {
    const int failing = mine ? size_ : rank_;
    int first_failing = size_;
    int code = MPI_Allreduce(&failing, &first_failing, 1, MPI_INT, MPI_MIN, comm_.get());
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Allreduce", code);
    if (first_failing < size_) {
        std::array<char, 512> text{};
        if (!mine) {
            const std::string words = mine.error().text.substr(0, text.size() - 1);
            std::ranges::copy(words, text.begin());
        }
        MPI_Bcast(text.data(), static_cast<int>(text.size()), MPI_CHAR, first_failing, comm_.get());
        return Error{Status::setting, fmt::format("rank {}: {}", first_failing, text.data())};
    }
    // The least and the greatest in one reduction: the greatest is the least of the complements.
    const std::uint64_t print = collectives::fingerprint(mine->settings);
    const std::array<std::uint64_t, 2> prints{print, ~print};
    std::array<std::uint64_t, 2> least{};
    code = MPI_Allreduce(prints.data(), least.data(), 2, MPI_UINT64_T, MPI_MIN, comm_.get());
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Allreduce", code);
    if (least[0] != ~least[1]) {
        return Error{
            Status::setting,
            "ranks have different settings: environment, site file, info and text must be the same "
            "everywhere (`splitcast info --all` on each node shows them)"};
    }
    return {};
}

Result<void> Team::Impl::discover_placement() {
    const collectives::Place local = topology::local_place();
    Address mine{.numa = local.numa, .cache = local.cache, .core = local.core};
    const std::string host = mpi::host_name();
    std::ranges::copy(host.substr(0, mine.host.size() - 1), mine.host.begin());
    const std::string switches = topology::slurm_switches();
    if (switches.size() < mine.switches.size()) {
        std::ranges::copy(switches, mine.switches.begin());
    }
    std::vector<Address> all(static_cast<std::size_t>(size_));
    const int code = MPI_Allgather(&mine, sizeof(Address), MPI_BYTE, all.data(), sizeof(Address),
                                   MPI_BYTE, comm_.get());
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Allgather", code);

    std::vector<collectives::SwitchPath> paths;
    paths.reserve(all.size());
    for (const Address& address : all) {
        paths.push_back(collectives::path_of(address.switches.data()));
    }
    const std::vector<std::int32_t> switch_ids = collectives::number_switches(paths);

    std::map<std::string, std::int32_t> nodes;  // numbered in the order of their first ranks
    std::vector<collectives::Place> places;
    places.reserve(all.size());
    hosts_.reserve(all.size());
    for (const Address& address : all) {
        hosts_.emplace_back(address.host.data());
        const auto node =
            nodes.try_emplace(hosts_.back(), static_cast<std::int32_t>(nodes.size())).first->second;
        places.push_back(
            {.node = node, .numa = address.numa, .cache = address.cache, .core = address.core});
        places.back().switch_id = switch_ids[places.size() - 1];
    }
    placement_ = Placement(std::move(places));
    links_.shared_memory = nodes.size() == 1;
    units_ = links_.shared_memory ? size_ : static_cast<int>(nodes.size());
    return {};
}

Result<void> Team::Impl::discover_links() {
    const collectives::Settings& settings = settings_.settings;
    const bool told = settings.bandwidth > 0 && settings.latency > 0;
    if (settings.probe && !links_.shared_memory && !told) {
        std::vector<int> leaders;
        for (const auto& ranks : placement_.nodes()) leaders.push_back(ranks.front());
        const auto probe = mpi::probe_links(comm_.get(), leaders);
        if (!probe) return probe.error();
        links_.latency = probe->latency;
        links_.bandwidth = probe->bandwidth;
        links_.overhead = probe->overhead;
        links_.measured = true;
    } else if (links_.shared_memory) {
        links_ = within_a_node;
    }
    if (settings.bandwidth > 0) links_.bandwidth = static_cast<double>(settings.bandwidth);
    if (settings.latency > 0) links_.latency = settings.latency * 1e-6;
    return {};
}

const Choice& Team::Impl::choice_for(std::int64_t length, const collectives::Settings& settings) {
    for (const CachedChoice& cached : choices_) {
        if (cached.length == length && cached.settings == settings) return cached.choice;
    }
    if (choices_.size() >= remembered) choices_.erase(choices_.begin());
    choices_.push_back({length, settings, collectives::choose(length, units_, links_, settings)});
    return choices_.back().choice;
}

const Schedule& Team::Impl::schedule_for(int root, Shape shape) {
    for (const CachedSchedule& cached : schedules_) {
        if (cached.root == root && cached.shape == shape) return cached.schedule;
    }
    if (schedules_.size() >= remembered) schedules_.erase(schedules_.begin());
    schedules_.push_back({root, shape, Schedule::make(placement_, members_, root, shape)});
    return schedules_.back().schedule;
}

Team::Impl::Call Team::Impl::describe(void* buffer, MPI_Count count, MPI_Datatype type, int root,
                                      Settings settings, mpi::Layout& layout) const {
    Call call;
    call.buffer = static_cast<std::byte*>(buffer);
    call.root = root;
    if (auto found = mpi::layout_of(count, type)) {
        layout = *found;
        call.length = layout.bytes();
        call.piecemeal = !layout.contiguous;
    } else {
        call.refused = found.error();
        call.length = -1;
    }
    if (auto resolved = api::settings_for_call(settings_, settings)) {
        call.settings = *resolved;
    } else {
        call.refused = resolved.error();
    }
    if (root < 0 || root >= size_) {
        call.refused =
            Error{Status::argument,
                  fmt::format("root {} is not one of the team's ranks 0 to {}", root, size_ - 1)};
    }
    if (const Loss* lost = loss_of(losses_, root)) {
        call.refused =
            Error{Status::argument, fmt::format("root {} is no longer part of the team: it {}",
                                                root, lost->dead ? "died" : "was evicted")};
    }
    if (buffer == nullptr && call.length > 0 && !call.piecemeal) {
        call.refused =
            Error{Status::argument,
                  fmt::format("the buffer is NULL, but {} bytes are to be broadcast", call.length)};
    }
    return call;
}

namespace {

/// Of all bytes, if there is anybody to compare them with.
std::optional<std::uint64_t> digest_of(const Team::Impl::Call& call) {
    if (call.settings.mirrors.empty() || call.buffer == nullptr) return std::nullopt;
    return XXH3_64bits(call.buffer, static_cast<std::size_t>(call.length));
}

}  // namespace

Team::Impl::Operation Team::Impl::begin(const Call& call) {
    const std::uint64_t number = next_number_++;
    return begin(call, tags_.ordinary(number), number);
}

Team::Impl::Operation Team::Impl::begin(const Call& call, Reserved& reserved) {
    // The complement tells it from an ordinary broadcast of the same number.
    return begin(call, tags_.reserved(reserved.number), mix(~reserved.number, reserved.starts++));
}

Team::Impl::Operation Team::Impl::begin(const Call& call, std::uint64_t tag_number,
                                        std::uint64_t identity) {
    Operation operation;
    operation.identity = identity;
    collectives::Machine::Config config;
    config.self = rank_;
    config.ranks = size_;
    config.members = members_;
    config.view = View{.root = call.root,
                       .length = call.length,
                       .fingerprint = mix(collectives::fingerprint(call.settings), identity)};
    collectives::Segmentation segmentation;
    if (call.refused) {
        // Seen by the others as a view of its own kind, even if root and length would be the same.
        config.view.fingerprint = ~config.view.fingerprint;
    } else {
        operation.choice = choice_for(call.length, call.settings);
        segmentation = {.length = call.length, .segment_bytes = operation.choice.segment_bytes};
    }
    config.agree = config.ballot_pending = call.agree;
    config.all_here = all_here_;
    if (all_here_) engine::progress::in_turn([&] { hub_->open(identity); });
    const bool holds = holds_from_start(call);
    const bool piecemeal = call.piecemeal && segmentation.length > 0;
    config.piecemeal = piecemeal;
    config.held = holds ? collectives::Holdings::everything(segmentation.count())
                        : collectives::Holdings::front(
                              segmentation.count(),
                              call.resumes ? segmentation.whole_below(call.held_in_front) : 0);
    config.resumes = !holds && config.held.held() > 0;
    prepare_recovery(call, operation.choice.shape, config.recovery);
    if (!call.refused) plan(call, operation, config);
    const bool survive = config.recovery.enabled;
    engine::Buffer buffer =
        piecemeal ? engine::Buffer(
                        call.source, call.sink, segmentation, call.settings.staging,
                        collectives::Segment{4} * std::max(operation.choice.shape.group_size, 1))
                  : engine::Buffer(call.buffer, segmentation);
    ++faults_->begun;
    engine::Broadcast::Options options{.checksums = survive && call.settings.integrity};
    if (options.checksums && holds) config.digest = digest_of(call);
    if (faults_->trigger) {
        options.saboteur = std::make_unique<fault::SelfHarm>(faults_->trigger, faults_->begun);
    }
    operation.broadcast = std::make_unique<engine::Broadcast>(
        std::move(config), std::move(buffer),
        std::make_unique<mpi::PointToPoint>(comm_.get(), *hub_, tags_, tag_number, identity,
                                            survive),
        steady_clock(), std::move(options));
    return operation;
}

// Ranks may die in a call that is refused as well: the others wait for each other's views in it.
void Team::Impl::prepare_recovery(const Call& call, Shape shape,
                                  collectives::Recovery& recovery) const {
    const collectives::Settings& settings = call.refused ? settings_.settings : call.settings;
    recovery.enabled = survives(settings);
    if (!recovery.enabled && !call.resumes) return;
    if (!call.refused) recovery.mirrors = mirrors(call);
    recovery.placement = placement_;
    recovery.shape = shape;
    recovery.pulse = {.period = ticks(settings.heartbeat), .timeout = ticks(settings.timeout)};
    using collectives::Detect;
    recovery.peer_beats = settings.detect == Detect::all || settings.detect == Detect::peers;
    recovery.root_beats = settings.detect == Detect::all || settings.detect == Detect::root;
    recovery.deaths_are_told = settings.detect == Detect::all || settings.detect == Detect::mpi;
    using collectives::Resend;
    using collectives::ResendBy;
    recovery.resend = settings.resend == ResendBy::root     ? Resend::root
                      : settings.resend == ResendBy::mirror ? Resend::mirror
                                                            : Resend::survivors;
}

void Team::Impl::plan(const Call& call, Operation& operation,
                      collectives::Machine::Config& config) {
    const Choice& choice = operation.choice;
    config.receive_depth = choice.receive_depth;
    config.window = {
        .initial = choice.window, .smallest = choice.window_least, .largest = choice.window_limit};
    const collectives::Recovery& recovery = config.recovery;
    const auto segments = config.held.segments();
    const Schedule& schedule = schedule_for(call.root, choice.shape);
    operation.groups = (units_ - 2) / std::max(schedule.stripes(), 1) + 1;
    if (recovery.mirrors.empty()) {
        config.plan = collectives::rank_plan(schedule, rank_, segments);
        return;
    }
    // Mirrors have everything and send as well: a repair of what the others lack.
    std::vector<collectives::Holdings> holdings(static_cast<std::size_t>(size_),
                                                collectives::Holdings(segments));
    const auto whole = collectives::Holdings::everything(segments);
    holdings[static_cast<std::size_t>(call.root)] = whole;
    for (const int mirror : recovery.mirrors) holdings[static_cast<std::size_t>(mirror)] = whole;
    const auto planned = collectives::plan_repair({.holdings = holdings,
                                                   .live = members_,
                                                   .root = call.root,
                                                   .mirrors = recovery.mirrors,
                                                   .spoilers = {}},
                                                  placement_, choice.shape);
    config.plan = collectives::rank_plan(std::get<collectives::Plan>(planned), rank_);
}

bool Team::Impl::survives(const collectives::Settings& settings) const {
    using collectives::Survive;
    if (settings.integrity) return true;  // what came wrong is sent again as what was lost
    if (settings.survive == Survive::automatic) return mpi::ulfm::enabled();
    return settings.survive == Survive::on;
}

std::vector<int> Team::Impl::mirrors(const Call& call) const {
    std::vector<int> ranks;
    std::ranges::copy_if(call.settings.mirrors, std::back_inserter(ranks), [&](int rank) {
        return rank != call.root && std::ranges::binary_search(members_, rank);
    });
    return ranks;
}

bool Team::Impl::holds_from_start(const Call& call) const {
    if (rank_ == call.root) return true;
    return survives(call.settings) &&
           std::ranges::find(call.settings.mirrors, rank_) != call.settings.mirrors.end();
}

}  // namespace splitcast
