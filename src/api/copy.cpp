#include "splitcast/copy.hpp"

#include "api/agreement.hpp"
#include "api/copy_packed.hpp"
#include "api/copy_progress.hpp"
#include "api/copy_setup.hpp"
#include "engine/progress.hpp"
#include "storage/digest.hpp"
#include "storage/unfinished.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ranges>
#include <thread>
#include <utility>

namespace splitcast {

namespace {

using api::CopySetup;
using collectives::Loss;
using Clock = std::chrono::steady_clock;

/// So far apart the ranks of a job may be that is told to end. (Seen: 0.02 s, on 4 nodes.)
constexpr std::chrono::seconds end_of_a_job{1};

/// One copy, from the first byte to the last name. From here on any rank may be lost at any time,
/// so everything that all ranks must know is agreed on in the team of all. Every step ends with
/// such an agreement, so that all ranks that are left take the same next one.
class Copy {
public:
    Copy(CopySetup setup, const CopyOptions& options, int called, Clock::time_point begun)
        : setup_(std::move(setup)),
          options_(options),
          all_(*setup_.all),
          called_(called),
          begun_(begun),
          progress_(options.progress, begun) {}

    Result<CopyReport> run() {
        if (options_.dry_run) return report();
        using Step = std::optional<Error> (Copy::*)();
        for (const Step step : {&Copy::transfer, &Copy::verify, &Copy::read_back,
                                &Copy::let_the_end_come, &Copy::publish}) {
            if (auto error = (this->*step)()) {
                tidy_up();
                error->failed = lost_ranks();
                return *error;
            }
        }
        return report();
    }

private:
    [[nodiscard]] storage::FileSink* sink() const { return setup_.target->sink(); }

    /// For itself, if it is left alone.
    void tidy_up() {
        if (all_.unusable()) {
            setup_.target->abandon();
        } else {
            api::Target::abandon(setup_.target, all_);
        }
    }

    /// Moves the bytes among those who read or write. The agreement on how that went is under way
    /// all the time, so that those who merely wait and those who move miss each other, whatever a
    /// rank is at.
    std::optional<Error> transfer() {
        return api::agree(all_, [this] {
            api::Finding found;
            if (setup_.movers == nullptr) return found;
            found.error = setup_.some ? move_among_some() : move();
            // Also in the same team: whom its broadcast of the bytes has left out and who then woke
            // up would still have a say in this one.
            found.known = losses_of_movers();
            return found;
        });
    }

    /// In an agreement of their own, so that each misses the others, as in that of all.
    std::optional<Error> move_among_some() {
        std::optional<Error> error;
        const auto held = setup_.some->lowest([&](const engine::Broadcast&) {
            error = move();
            return Team::Impl::Vote{.known = setup_.some->losses()};
        });
        if (!error && !held) error = held.error();
        return error;
    }

    std::optional<Error> move() {
        return api::locally([this] { return setup_.facts.packed ? pack() : stream(); });
    }

    Result<void> stream() {
        const std::vector<int> ranks = setup_.mover_ranks();
        int root = 0;
        std::vector<int> mirrors;
        for (std::size_t i = 0; i < ranks.size(); ++i) {
            if (ranks[i] == setup_.reader) root = static_cast<int>(i);
            if (ranks[i] != setup_.reader && setup_.reads(ranks[i]))
                mirrors.push_back(static_cast<int>(i));
        }
        const std::int64_t length = setup_.facts.totals.bytes;
        const auto bytes = [this] {
            return setup_.source ? setup_.source->ready() : sink()->taken();
        };
        const auto left = [this] { return static_cast<int>(all_.members().size()); };
        const auto hanging_before = hanging();
        auto done = setup_.movers->stream(
            length, setup_.source.get(), sink(), root, std::move(mirrors),
            [&] { progress_.tick(length, bytes, left); }, held());
        if (sink() != nullptr && (hanging() > hanging_before || setup_.movers->unusable()))
            engine::progress::beside([this] { sink()->detach(); });
        if (!done) return done.error();
        broadcast_ = std::move(*done);
        progress_.now(length, length, left());
        if (auto error = api::beside([this] { return finish_files(); })) return *error;
        return {};
    }

    [[nodiscard]] std::ptrdiff_t hanging() const {
        return std::ranges::count_if(setup_.movers->losses(),
                                     [](const Loss& loss) { return !loss.dead; });
    }

    [[nodiscard]] std::optional<std::int64_t> held() const {
        if (!options_.resume) return std::nullopt;
        return setup_.target->held();
    }

    Result<void> pack() {
        std::optional<api::Packed> packed(std::in_place, setup_, options_, progress_);
        auto done = packed->run();
        broadcast_ = packed->report();
        wire_bytes_ = packed->wire_bytes();
        codec_ = packed->codec();
        read_ = packed->read();
        written_ = packed->written();
        complete_ = written_ ? seconds() : 0;
        engine::progress::beside([&packed] { packed.reset(); });  // its threads may be at work
        return done;
    }

    /// This rank has read or written all it was to.
    Result<void> finish_files() {
        Team::Impl::pass(collectives::FaultPoint::seal);
        if (setup_.source) {
            auto read = setup_.source->finish();
            if (!read) return read.error();
            read_ = *read;
        }
        if (sink() != nullptr) {
            auto sealed = sink()->seal();
            if (!sealed) return sealed.error();
            written_ = *sealed;
            complete_ = seconds();
        }
        return {};
    }

    /// As ranks of the team of all.
    [[nodiscard]] std::vector<Loss> losses_of_movers() const {
        const std::vector<int> ranks = setup_.mover_ranks();
        std::vector<Loss> losses = setup_.movers->losses();
        for (Loss& loss : losses) loss.rank = ranks[static_cast<std::size_t>(loss.rank)];
        return losses;
    }

    /// All have the same bytes. Whose they are compared with: those of the reader; if it was lost
    /// after all that it had was out, those of a mirror; and if no reader is left, those of any
    /// copy, for all that can be known is whether all are equal.
    std::optional<Error> verify() {
        storage::Digest expected;
        for (;;) {
            const int witness = lowest_witness();
            if (witness < 0) return std::nullopt;
            expected = read_ ? *read_ : written_ ? *written_ : storage::Digest();
            const auto told = all_.tell(&expected, sizeof expected, witness);
            if (told) break;
            if (told.error().status != Status::lost) return told.error();
        }
        digest_ = expected;
        return api::agree_on(all_, [this, &expected]() -> Result<void> {
            if (written_ && *written_ != expected) {
                setup_.target->discard();
                return Error{
                    Status::integrity,
                    fmt::format(
                        "{}: what was written is not what was read: its digest is {} instead of {}",
                        setup_.target->path(), written_->text(), expected.text())};
            }
            if (read_ && *read_ != expected) {
                return Error{Status::source,
                             fmt::format("this rank's source is not the same as that "
                                         "of {}: its digest is {} instead of {}",
                                         all_.who(setup_.reader), read_->text(), expected.text())};
            }
            return {};
        });
    }

    [[nodiscard]] int lowest_witness() const {
        if (copies() == 0) return -1;
        const auto& ranks = all_.members();
        const auto found = std::ranges::find_if(ranks, [this](int r) { return setup_.reads(r); });
        if (found != ranks.end()) return *found;
        return *std::ranges::find_if(ranks, [this](int r) { return setup_.writes(r); });
    }

    /// Files written, by ranks that are left.
    [[nodiscard]] int copies() const {
        return static_cast<int>(
            std::ranges::count_if(all_.members(), [this](int r) { return setup_.writes(r); }));
    }

    /// What the disks have is looked at before anything gets its name: what is bad never has it.
    std::optional<Error> read_back() {
        if (!options_.verify) return std::nullopt;
        return api::agree_on(all_, [this]() -> Result<void> {
            Team::Impl::pass(collectives::FaultPoint::seal);
            if (!written_) return {};
            auto found = setup_.target->read_back();
            if (!found) return found.error();
            if (*found == *written_) return {};
            setup_.target->discard();
            return Error{Status::integrity,
                         fmt::format("{}: what the disk has is not what was written: "
                                     "its digest is {} instead of {}",
                                     setup_.target->path(), found->text(), written_->text())};
        });
    }

    /// Whoever was lost a moment ago may have been the first of all: the job is ended, and the rank
    /// that is reached last, alone by now and sure of its bytes, would give its file a name.
    std::optional<Error> let_the_end_come() {
        for (std::size_t known = 0; all_.losses().size() > known;) {
            known = all_.losses().size();
            auto error = api::agree_on(all_, [until = all_.last_loss() + end_of_a_job] {
                std::this_thread::sleep_until(until);
                return Result<void>();
            });
            if (error) return error;
        }
        return std::nullopt;
    }

    /// A rank that is told to end before the agreement takes its name back, and then the others
    /// never come out of it. So either all names are there or none, except when a signal hits some
    /// ranks in the instant in which others have already left the agreement.
    std::optional<Error> publish() {
        return api::agree_on(all_, [this] {
            Team::Impl::pass(collectives::FaultPoint::seal);
            return setup_.target->publish();
        });
    }

    [[nodiscard]] std::vector<int> lost_ranks() const {
        std::vector<int> lost;
        for (const LostRank& rank : losses()) lost.push_back(rank.rank);
        return lost;
    }

    [[nodiscard]] std::vector<LostRank> losses() const {
        std::vector<LostRank> lost;
        for (int rank = 0; rank < called_; ++rank) {
            if (!std::ranges::binary_search(setup_.names, rank)) lost.push_back({.rank = rank});
        }
        for (const Loss& loss : all_.losses()) {
            lost.push_back({.rank = setup_.names[static_cast<std::size_t>(loss.rank)],
                            .host = all_.host(loss.rank),
                            .evicted = !loss.dead});
        }
        std::ranges::sort(lost, {}, &LostRank::rank);
        return lost;
    }

    CopyReport report() {
        CopyReport report;
        const storage::CatalogueTotals& totals = setup_.facts.totals;
        report.bytes = totals.bytes;
        report.files = totals.files;
        report.folders = totals.folders;
        report.copies = copies();
        report.seconds = seconds();
        if (report.copies > 0 && !options_.dry_run) {
            report.digest = digest_.text();
            report.wire_bytes = setup_.facts.packed ? wire_bytes_ : totals.data;
            report.codec = storage::text(codec_);
        }
        report.broadcast = broadcast_;
        report.lost = losses();
        const bool in_the_data = broadcast_.epochs > 1;
        const Report& notice = in_the_data ? broadcast_ : all_.last_failure();
        report.silence_seconds = notice.silence_seconds;
        report.regroup_seconds = notice.regroup_seconds;
        report.repair_seconds = in_the_data ? notice.repair_seconds : 0;
        add_records(report);
        return report;
    }

    /// What was replaced is removed, which may take its time. Then this rank's record.
    std::string settle() {
        api::Target& target = *setup_.target;
        if (!options_.dry_run) engine::progress::beside([&target] { target.settle(); });
        std::string line =
            fmt::format("{} {} {} {} {}", complete_, broadcast_.bytes_repaired, target.held(),
                        target.already_there() ? 1 : 0, target.host());
        // Texts may hold anything but a zero.
        line += '\0' + target.path();
        if (target.tree() != nullptr) {
            for (const std::string& text : target.tree()->shortfalls()) line += '\0' + text;
        }
        return line;
    }

    /// Nothing depends on them any more: where a rank dies here, they are missing.
    void add_records(CopyReport& report) {
        const auto lines = all_.collect([this] { return settle(); });
        if (!lines || lines->size() > all_.members().size()) return;
        for (std::size_t i = 0; i < lines->size(); ++i) {
            const std::string& text = (*lines)[i];
            CopyRecord record;
            record.rank = setup_.names[static_cast<std::size_t>(all_.members()[i])];
            std::array<char, 256> host{};
            int there = 0;
            long long repaired = 0;
            long long held = 0;
            std::sscanf(text.c_str(), "%lf %lld %lld %d %255[^\n]", &record.seconds, &repaired,
                        &held, &there, host.data());
            record.bytes_held = held;
            report.bytes_repaired += repaired;
            std::vector<std::string> texts = parts(text);
            texts.resize(std::max<std::size_t>(texts.size(), 2));
            record.path = texts[1];
            if (record.path.empty()) continue;
            record.host = host.data();
            record.already_there = there != 0;
            for (const std::string& warning : texts | std::views::drop(2))
                report.warnings.push_back(
                    fmt::format("rank {} on {}: {}", record.rank, record.host, warning));
            report.records.push_back(std::move(record));
        }
    }

    /// What stands between zeros.
    static std::vector<std::string> parts(const std::string& text) {
        std::vector<std::string> parts(1);
        for (const char c : text) {
            if (c == '\0') {
                parts.emplace_back();
            } else {
                parts.back() += c;
            }
        }
        return parts;
    }

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(Clock::now() - begun_).count();
    }

    CopySetup setup_;
    const CopyOptions& options_;
    Team::Impl& all_;
    int called_;  ///< ranks of the caller's communicator
    Clock::time_point begun_;
    std::optional<storage::Digest> read_;     ///< on ranks that read
    std::optional<storage::Digest> written_;  ///< on ranks that write
    storage::Digest digest_;
    double complete_ = 0;
    Report broadcast_;
    std::int64_t wire_bytes_ = 0;
    storage::Codec codec_ = storage::Codec::none;
    api::Progress progress_;
};

}  // namespace

Result<CopyReport> copy_file(MPI_Comm comm, const std::string& source,
                             const std::string& destination, const CopyOptions& options) {
    return copy_files(comm, {source}, destination, options);
}

Result<CopyReport> copy_files(MPI_Comm comm, const std::vector<std::string>& sources,
                              const std::string& destination, const CopyOptions& options) {
    const auto begun = Clock::now();
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) {
        return Error{Status::state, "files are copied between MPI_Init and MPI_Finalize"};
    }
    if (comm == MPI_COMM_NULL) return Error{Status::argument, "the communicator is MPI_COMM_NULL"};
    int inter = 0;
    MPI_Comm_test_inter(comm, &inter);
    if (inter != 0) return Error{Status::argument, "the communicator is an intercommunicator"};
    auto setup = api::set_up_copy(comm, sources, destination, options);
    if (!setup) return setup.error();
    int called = 0;
    MPI_Comm_size(comm, &called);
    return Copy(std::move(*setup), options, called, begun).run();
}

void remove_unfinished_files() noexcept { storage::unfinished::remove_all(); }

}  // namespace splitcast
