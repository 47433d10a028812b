// How a broadcast ends for the team, and what is left of the team then.

#include "api/team_impl.hpp"
#include "collectives/control.hpp"
#include "engine/progress.hpp"
#include "mpi/ulfm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace splitcast {

using collectives::Loss;
using collectives::Verdict;

namespace {

double seconds(collectives::Ticks ticks) { return static_cast<double>(ticks) * 1e-9; }

}  // namespace

std::optional<Error> Team::Impl::unusable() const {
    if (evicted_)
        return Error{Status::evicted, who(rank_) +
                                          " is no longer part of the team: the others "
                                          "went on without it"};
    return broken_;
}

std::vector<int> Team::Impl::failed() const {
    std::vector<int> ranks;
    ranks.reserve(losses_.size());
    for (const Loss& loss : losses_) ranks.push_back(name(loss.rank));
    return ranks;
}

std::string Team::Impl::who(int rank) const {
    const std::string& name_of_host = host(rank);
    return fmt::format("rank {}{}", name(rank), name_of_host.empty() ? "" : " on " + name_of_host);
}

std::string Team::Impl::who(std::vector<Loss> losses) const {
    for (Loss& loss : losses) loss.rank = name(loss.rank);
    return text(losses);
}

Result<Report> Team::Impl::end(const Operation& operation, const Call& call) {
    const engine::Broadcast& broadcast = *operation.broadcast;
    auto answer = [epilogue = broadcast.machine().epilogue()](
                      const mpi::Hub::Letter& letter) -> std::optional<std::vector<std::byte>> {
        const auto message = collectives::decode(letter.bytes);
        if (!message) return std::nullopt;
        const auto reply = epilogue.answer(letter.from, *message);
        if (!reply) return std::nullopt;
        return collectives::encode(*reply);
    };
    // Another thread may be about to hand letters to other broadcasts of this team.
    engine::progress::in_turn([&] { hub_->close(operation.identity, std::move(answer)); });
    if (broadcast.failure()) {
        broken_ = broadcast.failure();
        return *broken_;
    }
    auto result = verdict(broadcast.machine().outcome(), call, broadcast);
    if (!result) return result;
    Report& report = *result;
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
    return result;
}

/// The members that a broadcast has lost are members no more.
void Team::Impl::drop(const std::vector<Loss>& losses, Report& report) {
    for (const Loss& loss : losses) {
        if (std::erase(members_, loss.rank) == 0) continue;
        losses_.push_back(loss);
        report.failed.push_back(name(loss.rank));
        if (!loss.dead) report.evicted.push_back(name(loss.rank));
    }
    if (report.failed.empty()) return;
    // They may be in this broadcast still, or in the next one already, and nobody there answers
    // them once the others have left the team. Some tell them, in case that some die.
    constexpr std::ptrdiff_t tellers = 3;
    if (std::ranges::find(members_, rank_) - members_.begin() < tellers) {
        engine::progress::in_turn([&] {
            for (const Loss& loss : losses) {
                if (!loss.dead) hub_->expel(loss.rank);
            }
        });
    }
    std::ranges::sort(losses_, {}, &Loss::rank);
    const std::size_t nodes = placement_.nodes(members_).size();
    units_ = static_cast<int>(nodes > 1 ? nodes : members_.size());
    choices_.clear();
    schedules_.clear();
}

Result<Report> Team::Impl::verdict(const collectives::Machine::Outcome& outcome, const Call& call,
                                   const engine::Broadcast& broadcast) {
    Report report;
    drop(outcome.losses, report);
    const std::string lost = report.failed.empty() ? "" : "; lost: " + who(outcome.losses);
    switch (outcome.verdict) {
        case Verdict::mismatch: {
            std::string words =
                "the ranks of this broadcast do not agree: " + outcome.mismatch->text();
            if (call.refused) words += "; on this rank (" + who(rank_) + "): " + call.refused->text;
            return Error{Status::mismatch, words + lost};
        }
        case Verdict::lost: {
            const collectives::Segmentation& cut = broadcast.buffer().segmentation();
            collectives::Ranges bytes;
            for (const auto& range : outcome.missing) {
                bytes.add({cut.offset(range.begin), std::min(cut.offset(range.end), cut.length)});
            }
            return Error{Status::lost,
                         fmt::format("no rank that is left has the bytes {} of {}{}; give the data "
                                     "to a second rank before the call (setting \"mirrors\")",
                                     bytes.text(), cut.length, lost),
                         report.failed};
        }
        case Verdict::evicted:
            evicted_ = true;
            return Error{Status::evicted,
                         fmt::format("{} did not answer for {} s, or was cut off, and the others "
                                     "went on without it; it can leave with MPI_Finalize",
                                     who(rank_), call.settings.timeout)};
        case Verdict::damaged:
            return Error{Status::integrity,
                         fmt::format("{}: bytes came wrong again and again{}{}", who(rank_),
                                     outcome.spoilers.empty()
                                         ? std::string()
                                         : fmt::format("; sent by rank {}",
                                                       fmt::join(outcome.spoilers, ", ")),
                                     lost)};
        case Verdict::none:
        case Verdict::success: break;
    }
    if (call.refused) return *call.refused;
    const collectives::Machine::Totals& totals = broadcast.machine().totals();
    report.spoilers.assign(outcome.spoilers.begin(), outcome.spoilers.end());
    report.epochs = totals.epochs;
    report.bytes_repaired = std::min<std::int64_t>(
        totals.segments_repaired * broadcast.buffer().segmentation().segment_bytes, call.length);
    if (totals.epochs > 1 && totals.noticed > 0) {
        report.silence_seconds = seconds(totals.silence);
        report.regroup_seconds =
            seconds(std::max<std::int64_t>(totals.regrouped - totals.noticed, 0));
        report.repair_seconds =
            seconds(std::max<std::int64_t>(totals.complete - totals.regrouped, 0));
    }
    if (!report.failed.empty()) {
        last_failure_ = report;
        last_loss_ =
            std::chrono::steady_clock::time_point(std::chrono::nanoseconds(totals.regrouped));
    }
    return report;
}

Result<MPI_Comm> Team::Impl::survivors() {
    if (evicted_) return Error{Status::evicted, who(rank_) + " is no longer part of the team"};
    // Who was left out for its silence may be known to be dead by now; and Open MPI makes no group
    // out of a communicator with dead ranks but by shrinking it.
    const std::vector<collectives::Rank> dead = mpi::ulfm::dead(comm_.get());
    const bool all_dead = std::ranges::all_of(losses_, [&](const Loss& loss) {
        return loss.dead || std::ranges::find(dead, loss.rank) != dead.end();
    });
    if (all_dead) {
        auto shrunk = mpi::ulfm::shrink(comm_.get());
        if (!shrunk) return shrunk.error();
        return shrunk->release();
    }
    // Ranks that are alive and do not answer would be waited for by a shrink.
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group left = MPI_GROUP_NULL;
    MPI_Comm_group(comm_.get(), &all);
    MPI_Group_incl(all, static_cast<int>(members_.size()), members_.data(), &left);
    MPI_Comm comm = MPI_COMM_NULL;
    const int code = MPI_Comm_create_group(comm_.get(), left, mpi::Tags::regroup(), &comm);
    MPI_Group_free(&left);
    MPI_Group_free(&all);
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_create_group", code);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    return comm;
}

// A message that is still under way when its communicator is freed is handed to the next one that
// gets the same context id: MPI_Finalize makes one of the ranks that are left, and Open MPI aborts
// when the sender's rank is none of that. Messages of a broadcast that are nobody's business any
// more are ordinary: heartbeats, notices, answers to those who do not need them.
void Team::Impl::part() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized != 0 || parted_ || !mpi::ulfm::enabled()) return;
    const bool all_dead = std::ranges::all_of(losses_, &Loss::dead);
    if (evicted_ || broken_ || !all_dead) return;
    bool failed = false;
    const auto polled = [&](bool over) {
        if (hub_->poll()) failed = true;
        return over || failed;
    };
    hub_->take_leave();
    engine::progress::wait([&] { return polled(hub_->everything_arrived() && hub_->idle()); });
    // Nobody stops to answer before everybody has been answered.
    int flag = 1;
    MPI_Request request = MPI_REQUEST_NULL;
    if (mpi::ulfm::begin_agreement(comm_.get(), flag, request) != MPI_SUCCESS) return;
    engine::progress::wait([&] {
        int done = 0;
        const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        return polled(done != 0 || code != MPI_SUCCESS || request == MPI_REQUEST_NULL);
    });
    parted_ = !failed;
}

// With ranks that are alive and were left out nobody can agree on an end. Better a communicator
// that is never freed than one whose number is given to another while they may still send.
Team::Impl::~Impl() {
    hub_.reset();
    if ((!losses_.empty() || evicted_) && !parted_) static_cast<void>(comm_.release());
}

}  // namespace splitcast
