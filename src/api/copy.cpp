#include "splitcast/copy.hpp"

#include "api/agreement.hpp"
#include "api/copy_target.hpp"
#include "api/effective_settings.hpp"
#include "api/team_impl.hpp"
#include "mpi/communicator.hpp"
#include "storage/destination.hpp"
#include "storage/digest.hpp"
#include "storage/file_source.hpp"
#include "storage/unfinished.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

namespace splitcast {

namespace {

using api::SourceFacts;
using Clock = std::chrono::steady_clock;

std::optional<Error> to_error(const Result<void>& result) {
    if (result) return std::nullopt;
    return result.error();
}

/// Runs what concerns this rank only. Whatever happens in there becomes an error that the others
/// can be told of, so that nobody waits for a rank that has left.
template <class Local>
std::optional<Error> locally(Local local) {
    try {
        return to_error(local());
    } catch (const std::bad_alloc&) {
        return Error{Status::memory, "out of memory"};
    } catch (const std::exception& error) {
        return Error{Status::internal, error.what()};
    }
}

/// One copy, step by step. Every step ends with an agreement, so that all ranks take the same next
/// one.
class Copy {
public:
    Copy(mpi::Communicator comm, const std::string& from, const std::string& to,
         const CopyOptions& options)
        : comm_(std::move(comm)), from_(from), to_(to), options_(options), rank_(comm_.rank()) {}

    Result<CopyReport> run() {
        using Step = std::optional<Error> (Copy::*)();
        for (const Step step :
             {&Copy::compare_arguments, &Copy::open_source, &Copy::prepare_targets, &Copy::transfer,
              &Copy::verify, &Copy::publish}) {
            if (auto error = (this->*step)()) {
                // When MPI itself is at fault, each rank can only tidy up for itself.
                if (target_ && error->status != Status::mpi) target_->abandon(comm_.get());
                return *error;
            }
        }
        target_->settle();
        return report();
    }

private:
    std::optional<Error> agree(const std::optional<Error>& mine) const {
        return api::agree(comm_.get(), mine);
    }

    std::optional<Error> compare_arguments() {
        storage::Digester digester;
        const std::string options = fmt::format("{}{}{}{}", options_.force, options_.parents,
                                                options_.sync, options_.settings);
        for (const std::string& text : {from_, to_, options}) {
            digester.add(std::as_bytes(std::span(text.c_str(), text.size() + 1)));
        }
        const std::uint64_t mine = digester.digest().low;
        // The least and the greatest in one reduction: the greatest is the least of the
        // complements.
        const std::array<std::uint64_t, 2> both{mine, ~mine};
        std::array<std::uint64_t, 2> least{};
        const int code =
            MPI_Allreduce(both.data(), least.data(), 2, MPI_UINT64_T, MPI_MIN, comm_.get());
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Allreduce", code);
        if (least[0] != ~least[1]) {
            return Error{Status::mismatch,
                         "ranks were called with different sources, destinations or options"};
        }
        return agree(locally([this]() -> Result<void> {
            if (auto known = storage::per_rank(to_); !known) return known.error();
            if (auto known = api::effective_settings(options_.settings, MPI_INFO_NULL); !known)
                return known.error();
            return {};
        }));
    }

    std::optional<Error> open_source() {
        const auto error = locally([this]() -> Result<void> {
            if (rank_ != 0) return {};
            auto opened = storage::FileSource::open(from_);
            if (!opened) return opened.error();
            source_ = std::move(*opened);
            facts_ = {source_->length(), source_->mode(), source_->identity()};
            return {};
        });
        if (auto agreed = agree(error)) return agreed;
        return broadcast_from_root(facts_);
    }

    std::optional<Error> prepare_targets() {
        auto position = api::node_position(comm_.get());
        if (auto agreed = agree(position ? std::nullopt : std::optional(position.error())))
            return agreed;
        target_.emplace(*position);
        if (auto agreed = agree(locally([this] { return target_->locate(from_, to_); })))
            return agreed;
        if (auto agreed = agree(to_error(target_->check_same_kind(comm_.get(), to_))))
            return agreed;
        if (auto agreed = agree(locally([this] { return target_->create(options_, facts_); })))
            return agreed;
        return agree(to_error(target_->check_conflicts(comm_.get())));
    }

    /// Moves the bytes among those who read or write. The others are not part of it and wait.
    std::optional<Error> transfer() {
        const bool writes = target_->sink() != nullptr;
        const int mine = writes ? 1 : 0;
        int code = MPI_Allreduce(&mine, &copies_, 1, MPI_INT, MPI_SUM, comm_.get());
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Allreduce", code);
        if (copies_ == 0) return std::nullopt;

        const bool takes_part = writes || rank_ == 0;
        MPI_Comm split = MPI_COMM_NULL;
        code = MPI_Comm_split(comm_.get(), takes_part ? 0 : MPI_UNDEFINED, rank_, &split);
        std::optional<Error> error;
        if (code != MPI_SUCCESS) {
            error = mpi::failure("MPI_Comm_split", code);
        } else if (takes_part) {
            const mpi::Communicator part(split);
            MPI_Comm_set_errhandler(split, MPI_ERRORS_RETURN);
            error = stream(split);
        }
        if (auto failed = api::wait_for_all(comm_.get())) return failed;
        return agree(error);
    }

    std::optional<Error> stream(MPI_Comm part) {
        auto team = Team::create(part, options_.settings);
        if (!team) return team.error();
        auto done = team->impl().stream(facts_.length, source_.get(), target_->sink(), 0, {});
        if (!done) return done.error();
        broadcast_ = std::move(*done);
        return std::nullopt;
    }

    /// Each rank has read or written all it was to, and all have the same bytes.
    std::optional<Error> verify() {
        if (copies_ == 0) return std::nullopt;
        std::optional<storage::Digest> written;
        auto error = locally([&]() -> Result<void> {
            if (source_) {
                auto read = source_->finish();
                if (!read) return read.error();
                digest_ = *read;
            }
            if (target_->sink() != nullptr) {
                auto sealed = target_->sink()->seal();
                if (!sealed) return sealed.error();
                written = *sealed;
                complete_ = seconds();
            }
            return {};
        });
        // Before the digests: that of a source that could not be read proves nothing.
        if (auto agreed = agree(error)) return agreed;
        if (auto failed = broadcast_from_root(digest_)) return failed;
        if (written && *written != digest_) {
            error = Error{
                Status::integrity,
                fmt::format(
                    "{}: what was written is not what was read: its digest is {} instead of {}",
                    target_->path(), written->text(), digest_.text())};
        }
        return agree(error);
    }

    /// A rank that is told to end before the agreement takes its name back, and then the others
    /// never come out of it. So either all names are there or none, except when a signal hits some
    /// ranks in the instant in which others have already left the agreement.
    std::optional<Error> publish() {
        return agree(locally([this]() -> Result<void> {
            if (target_->sink() == nullptr) return {};
            return target_->sink()->file().publish();
        }));
    }

    Result<CopyReport> report() {
        CopyReport report;
        report.bytes = facts_.length;
        report.copies = copies_;
        report.seconds = seconds();
        if (copies_ > 0) report.digest = digest_.text();
        report.broadcast = broadcast_;
        const std::string line = target_->has_copy() ? fmt::format("{} {} {}\n{}", complete_,
                                                                   target_->already_there() ? 1 : 0,
                                                                   target_->host(), target_->path())
                                                     : std::string();
        auto lines = api::gather_texts(comm_.get(), line);
        if (!lines) return lines.error();
        for (std::size_t rank = 0; rank < lines->size(); ++rank) {
            const std::string& text = (*lines)[rank];
            if (text.empty()) continue;
            CopyRecord record;
            record.rank = static_cast<int>(rank);
            std::array<char, 256> host{};
            int there = 0;
            // The path may hold anything but a zero, so it comes last and is taken as it is.
            std::sscanf(text.c_str(), "%lf %d %255[^\n]", &record.seconds, &there, host.data());
            record.host = host.data();
            record.already_there = there != 0;
            record.path = text.substr(text.find('\n') + 1);
            report.records.push_back(std::move(record));
        }
        return report;
    }

    template <class Value>
    std::optional<Error> broadcast_from_root(Value& value) const {
        static_assert(std::is_trivially_copyable_v<Value>);
        const int code = MPI_Bcast(&value, sizeof value, MPI_BYTE, 0, comm_.get());
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Bcast", code);
        return std::nullopt;
    }

    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(Clock::now() - begun_).count();
    }

    Clock::time_point begun_ = Clock::now();
    mpi::Communicator comm_;
    const std::string& from_;
    const std::string& to_;
    const CopyOptions& options_;
    int rank_ = 0;
    std::unique_ptr<storage::FileSource> source_;  ///< on the root only
    SourceFacts facts_;
    std::optional<api::Target> target_;
    int copies_ = 0;
    storage::Digest digest_;
    double complete_ = 0;
    Report broadcast_;
};

}  // namespace

Result<CopyReport> copy_file(MPI_Comm comm, const std::string& source,
                             const std::string& destination, const CopyOptions& options) {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) {
        return Error{Status::state, "a file is copied between MPI_Init and MPI_Finalize"};
    }
    if (comm == MPI_COMM_NULL) return Error{Status::argument, "the communicator is MPI_COMM_NULL"};
    int inter = 0;
    MPI_Comm_test_inter(comm, &inter);
    if (inter != 0) return Error{Status::argument, "the communicator is an intercommunicator"};
    auto duplicate = mpi::Communicator::duplicate(comm);
    if (!duplicate) return duplicate.error();
    return Copy(std::move(*duplicate), source, destination, options).run();
}

void remove_unfinished_files() noexcept { storage::unfinished::remove_all(); }

}  // namespace splitcast
