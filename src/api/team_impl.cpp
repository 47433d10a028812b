#include "api/team_impl.hpp"

#include "api/effective_settings.hpp"
#include "engine/progress.hpp"
#include "mpi/probe.hpp"
#include "topology/hwloc_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

namespace splitcast {

using collectives::Choice;
using collectives::Links;
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
};

constexpr Links within_a_node{
    .latency = 1e-6, .bandwidth = 8e9, .overhead = 10e-6, .shared_memory = true};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9E3779B97F4A7C15ULL + (hash << 6U) + (hash >> 2U);
    return hash;
}

}  // namespace

Team::Impl::Impl(mpi::Communicator comm)
    : comm_(std::move(comm)),
      rank_(comm_.rank()),
      size_(comm_.size()),
      tags_(mpi::largest_tag(comm_.get())) {}

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

    std::unique_ptr<Impl> team(new Impl(std::move(duplicate).value()));
    auto resolved = api::effective_settings(settings, info);
    if (auto agreed = team->agree_on_settings(resolved); !agreed) return agreed.error();
    team->settings_ = std::move(resolved).value();
    if (auto found = team->discover_placement(); !found) return found.error();
    if (auto found = team->discover_links(); !found) return found.error();
    return team;
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
    std::vector<Address> all(static_cast<std::size_t>(size_));
    const int code = MPI_Allgather(&mine, sizeof(Address), MPI_BYTE, all.data(), sizeof(Address),
                                   MPI_BYTE, comm_.get());
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Allgather", code);

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
    schedules_.push_back({root, shape, Schedule::make(placement_, root, shape)});
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
    if (buffer == nullptr && call.length > 0 && !call.piecemeal) {
        call.refused =
            Error{Status::argument,
                  fmt::format("the buffer is NULL, but {} bytes are to be broadcast", call.length)};
    }
    return call;
}

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
    collectives::Machine::Config config;
    config.self = rank_;
    config.ranks = size_;
    config.view = View{.root = call.root,
                       .length = call.length,
                       .fingerprint = mix(collectives::fingerprint(call.settings), identity)};
    collectives::Segmentation segmentation;
    if (call.refused) {
        // Seen by the others as a view of its own kind, even if root and length would be the same.
        config.view.fingerprint = ~config.view.fingerprint;
    } else {
        operation.choice = choice_for(call.length, call.settings);
        const Choice& choice = operation.choice;
        segmentation = {.length = call.length, .segment_bytes = choice.segment_bytes};
        const Schedule& schedule = schedule_for(call.root, choice.shape);
        operation.groups = (units_ - 2) / std::max(schedule.stripes(), 1) + 1;
        config.plan = collectives::rank_plan(schedule, rank_, segmentation.count());
        config.receive_depth = choice.receive_depth;
        config.window = {.initial = choice.window,
                         .smallest = choice.window_least,
                         .largest = choice.window_limit};
    }
    const bool is_root = rank_ == call.root;
    const bool piecemeal = call.piecemeal && segmentation.length > 0;
    config.piecemeal = piecemeal;
    config.held = is_root && !piecemeal ? collectives::Holdings::everything(segmentation.count())
                                        : collectives::Holdings(segmentation.count());
    engine::Buffer buffer =
        piecemeal ? engine::Buffer(
                        call.source, call.sink, segmentation, call.settings.staging,
                        collectives::Segment{4} * std::max(operation.choice.shape.group_size, 1))
                  : engine::Buffer(call.buffer, segmentation);
    operation.broadcast = std::make_unique<engine::Broadcast>(
        std::move(config), std::move(buffer),
        std::make_unique<mpi::PointToPoint>(comm_.get(), tags_, tag_number), steady_clock());
    return operation;
}

Result<Report> Team::Impl::end(const Operation& operation, const Call& call) {
    const engine::Broadcast& broadcast = *operation.broadcast;
    if (broadcast.failure()) {
        broken_ = broadcast.failure();
        return *broken_;
    }
    const auto& outcome = broadcast.machine().outcome();
    if (outcome.mismatch) {
        std::string text = "the ranks of this broadcast do not agree: " + outcome.mismatch->text();
        if (call.refused)
            text += "; on this rank (" + std::to_string(rank_) + "): " + call.refused->text;
        return Error{Status::mismatch, text};
    }
    if (call.refused) return *call.refused;
    if (!outcome.success) {
        return Error{
            Status::integrity,
            fmt::format("rank {} received a segment of the wrong length although all ranks "
                        "agree on the whole: a fault in splitcast or in MPI",
                        rank_)};
    }
    Report report;
    report.bytes = call.length;
    report.segments = broadcast.buffer().segmentation().count();
    report.segment_bytes = broadcast.buffer().segmentation().segment_bytes;
    report.bytes_sent = broadcast.bytes_sent();
    report.bytes_received = broadcast.bytes_received();
    report.seconds = static_cast<double>(broadcast.elapsed()) * 1e-9;
    report.group_size = operation.choice.shape.group_size;
    report.groups = operation.groups;
    report.children = operation.choice.shape.children;
    report.choice = operation.choice.text();
    if (call.settings.report && rank_ == call.root) {
        fmt::print(stderr, "splitcast: {}; took {:.4g} s\n", report.choice, report.seconds);
    }
    return report;
}

Result<Report> Team::Impl::stream(std::int64_t length, engine::Source* source, engine::Sink* sink,
                                  int root, Settings settings) {
    Call call;
    call.source = rank_ == root ? source : nullptr;
    call.sink = sink;
    call.piecemeal = true;
    call.length = length;
    call.root = root;
    if (auto resolved = api::settings_for_call(settings_, settings)) {
        call.settings = *resolved;
    } else {
        call.refused = resolved.error();
    }
    Operation operation = begin(call);
    engine::progress::enter(*operation.broadcast);
    engine::progress::wait([&] { return operation.broadcast->done(); });
    engine::progress::leave(*operation.broadcast);
    return end(operation, call);
}

}  // namespace splitcast
