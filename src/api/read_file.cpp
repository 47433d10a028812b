// Files into memory: of every rank, or once on every node.

#include "api/agreement.hpp"
#include "api/file_range.hpp"
#include "api/node_leaders.hpp"
#include "api/team_impl.hpp"
#include "splitcast/file.hpp"
#include "storage/mapped_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <utility>

namespace splitcast {

using api::FileRange;
using collectives::Loss;
using storage::MappedMemory;

class FileContents::Impl {
public:
    MappedMemory memory;
    std::int64_t length = 0;
    std::int64_t offset = 0;
    bool shared = false;
    int reader = 0;
    double seconds = 0;
};

namespace {

using Clock = std::chrono::steady_clock;

/// What the reader tells all others before data moves.
struct Announcement {
    int status = 0;
    std::int64_t length = 0;  ///< of the part that is read
    FileRange::Facts facts;
    std::uint64_t token = 0;  ///< drawn by lot
    std::array<char, 1024> text{};
};

std::uint64_t lot() {
    std::random_device chance;
    return (static_cast<std::uint64_t>(chance()) << 32U) | chance();
}

/// One call. Each step ends with something that all ranks that are left know alike, so that all
/// take the same next one.
class Reading {
public:
    Reading(Team::Impl& team, std::string path, const ReadOptions& options, bool shared)
        : team_(team),
          path_(std::move(path)),
          options_(options),
          shared_(shared),
          reader_(options.root) {}

    Result<FileContents> run() {
        if (auto gone = team_.unusable()) return *gone;
        if (auto wrong = wrong_arguments()) return *wrong;
        for (;;) {
            const std::size_t lost_before = team_.losses().size();
            const auto error = attempt();
            if (!error && !again_) return contents();
            if (error && !another_try(*error, lost_before)) {
                Error told = *error;
                told.failed = team_.failed();
                return told;
            }
            memory_ = {};
        }
    }

private:
    /// The same on all ranks, because the options are.
    std::optional<Error> wrong_arguments() const {
        if (options_.root < 0 || options_.root >= team_.size()) {
            return Error{Status::argument, fmt::format("root {} is not a rank of the team of {}",
                                                       options_.root, team_.size())};
        }
        if (options_.offset < 0 || options_.length < -1) {
            return Error{Status::argument, fmt::format("{} bytes from byte {} on are not part of "
                                                       "any file",
                                                       options_.length, options_.offset)};
        }
        return std::nullopt;
    }

    /// Can it still be done, in another way?
    bool another_try(const Error& error, std::size_t lost_before) {
        if (error.status == Status::mpi) return shared_ && team_.losses().size() > lost_before;
        if (error.status != Status::lost || !options_.mirror) return false;
        const auto next =
            team_.lowest(sees_the_same_file() ? static_cast<collectives::Ballot>(team_.rank())
                                              : collectives::no_ballot);
        if (!next || *next == collectives::no_ballot) return false;
        reader_ = static_cast<int>(*next);
        return true;
    }

    [[nodiscard]] bool sees_the_same_file() const {
        const auto file = FileRange::open(path_, options_.offset, options_.length);
        return file && (!announced_ || (*file)->facts() == told_.facts);
    }

    std::optional<Error> attempt() {
        again_ = false;
        if (auto error = announce()) return error;
        return shared_ ? once_on_every_node() : on_every_rank();
    }

    [[nodiscard]] bool reads() const { return team_.rank() == reader_; }

    std::optional<Error> announce() {
        if (!std::ranges::binary_search(team_.members(), reader_)) {
            return Error{Status::lost, fmt::format("{}, which was to read {}, is lost",
                                                   team_.who(reader_), path_)};
        }
        source_.reset();
        Announcement mine;
        mine.token = lot();
        if (reads()) {
            auto opened = FileRange::open(path_, options_.offset, options_.length);
            if (opened) {
                source_ = std::move(*opened);
                mine.length = source_->length();
                mine.facts = source_->facts();
            } else {
                mine.status = static_cast<int>(opened.error().status);
                const std::string text = team_.who(reader_) + ": " + opened.error().text;
                std::copy_n(text.begin(), std::min(text.size(), mine.text.size() - 1),
                            mine.text.begin());
            }
        }
        if (auto told = team_.tell(&mine, sizeof mine, reader_); !told) return told.error();
        told_ = mine;
        if (told_.status != 0) return Error{static_cast<Status>(told_.status), told_.text.data()};
        announced_ = true;
        return std::nullopt;
    }

    [[nodiscard]] std::size_t length() const { return static_cast<std::size_t>(told_.length); }

    /// `made` is this rank's memory, if it got any.
    std::optional<Error> take(Result<MappedMemory> made) {
        std::optional<Error> error;
        if (made) {
            memory_ = std::move(*made);
        } else {
            error = made.error();
        }
        return api::agree(team_, {.error = error});
    }

    std::optional<Error> on_every_rank() {
        if (auto error = take(MappedMemory::own(length()))) return error;
        auto error = stream(team_, reader_);
        if (somebody_hangs(team_)) {
            if (auto moved = move_away(); !moved && !error) error = moved.error();
        }
        if (error && error->status == Status::evicted) return error;
        return api::agree(team_, {.error = error});
    }

    std::optional<Error> stream(Team::Impl& movers, int root) {
        api::MemorySink sink({memory_.data(), length()});
        hanging_before_ = hanging(movers);
        const auto done = movers.stream(told_.length, source_.get(), &sink, root);
        if (!done) return done.error();
        if (source_ == nullptr) return std::nullopt;
        if (auto read = source_->finish(); !read) return read.error();
        return std::nullopt;
    }

    static std::ptrdiff_t hanging(const Team::Impl& team) {
        return std::ranges::count_if(team.losses(), [](const Loss& loss) { return !loss.dead; });
    }
    [[nodiscard]] bool somebody_hangs(const Team::Impl& team) const {
        return hanging(team) > hanging_before_ || team.unusable();
    }

    /// Who was given up and is alive may still write into this memory.
    Result<void> move_away() {
        auto other = MappedMemory::own(length());
        if (other) std::memcpy(other->data(), memory_.data(), length());
        memory_.abandon();
        if (!other) return other.error();
        memory_ = std::move(*other);
        return {};
    }

    std::optional<Error> once_on_every_node() {
        auto leaders = api::NodeLeaders::gather(team_, reader_);
        if (!leaders) return leaders.error();
        const std::string name = fmt::format("/splitcast-{:016x}-{}", told_.token, leaders->node());
        auto error = share(*leaders, name);
        MappedMemory::remove_name(name);  // whoever has made it: that rank may be lost
        if (!error && !leaders->some_are_lost()) error = move(*leaders);
        // Whatever a lost leader has left undone is not what is wrong.
        again_ = leaders->some_are_lost() && !team_.unusable();
        return again_ ? std::nullopt : error;
    }

    /// Leaders make the memory of their node, the others open it.
    std::optional<Error> share(const api::NodeLeaders& leaders, const std::string& name) {
        const bool leads = leaders.team() != nullptr;
        if (auto error = take(leads ? MappedMemory::make_shared(name, length())
                                    : Result<MappedMemory>(MappedMemory())))
            return error;
        if (leads) return api::agree(team_, {.error = {}});
        return take(MappedMemory::open_shared(name, length()));
    }

    std::optional<Error> move(api::NodeLeaders& leaders) {
        std::optional<Error> error;
        std::vector<Loss> known;
        if (leaders.team() != nullptr) {
            error = stream(*leaders.team(), leaders.root());
            if (error && error->status == Status::evicted) return error;
            if (auto done = memory_.protect(); !done && !error) error = done.error();
            if (somebody_hangs(*leaders.team())) memory_.abandon();
            known = leaders.losses();
        }
        return api::agree(team_, {.error = error, .known = known});
    }

    FileContents contents() {
        auto impl = std::make_unique<FileContents::Impl>();
        impl->memory = std::move(memory_);
        impl->length = told_.length;
        impl->offset = options_.offset;
        impl->shared = shared_;
        impl->reader = reader_;
        impl->seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
        return FileContents(std::move(impl));
    }

    Team::Impl& team_;
    std::string path_;
    ReadOptions options_;
    bool shared_;
    int reader_;
    Clock::time_point begun_ = Clock::now();
    std::unique_ptr<FileRange> source_;  ///< on the reader
    Announcement told_;
    bool announced_ = false;  ///< by some reader, at least once
    bool again_ = false;      ///< a node lacks the bytes because its leader was lost
    std::ptrdiff_t hanging_before_ = 0;
    MappedMemory memory_;
};

Result<FileContents> with_team(Team& team, const std::string& path, const ReadOptions& options,
                               bool shared) {
    if (team.rank() < 0)
        return Error{Status::state, "the team is empty: it was moved from or freed"};
    return Reading(team.impl(), path, options, shared).run();
}

Result<FileContents> with_own_team(MPI_Comm comm, const std::string& path,
                                   const ReadOptions& options, Settings settings, bool shared) {
    auto team = Team::create(comm, settings);
    if (!team) return team.error();
    return with_team(*team, path, options, shared);
}

}  // namespace

Result<FileContents> read_file(Team& team, const std::string& path, const ReadOptions& options) {
    return with_team(team, path, options, false);
}

Result<FileContents> read_file_shared(Team& team, const std::string& path,
                                      const ReadOptions& options) {
    return with_team(team, path, options, true);
}

Result<FileContents> read_file(MPI_Comm comm, const std::string& path, const ReadOptions& options,
                               Settings settings) {
    return with_own_team(comm, path, options, settings, false);
}

Result<FileContents> read_file_shared(MPI_Comm comm, const std::string& path,
                                      const ReadOptions& options, Settings settings) {
    return with_own_team(comm, path, options, settings, true);
}

FileContents::FileContents(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileContents::FileContents(FileContents&&) noexcept = default;
FileContents& FileContents::operator=(FileContents&&) noexcept = default;
FileContents::~FileContents() = default;

std::span<const std::byte> FileContents::bytes() const {
    return {impl_->memory.data(), static_cast<std::size_t>(impl_->length)};
}
std::int64_t FileContents::offset() const { return impl_->offset; }
bool FileContents::shared() const { return impl_->shared; }
int FileContents::reader() const { return impl_->reader; }
double FileContents::seconds() const { return impl_->seconds; }

}  // namespace splitcast
