#include "api/copy_setup.hpp"

#include "api/agreement.hpp"
#include "api/effective_settings.hpp"
#include "mpi/ulfm.hpp"
#include "storage/compression.hpp"
#include "storage/destination.hpp"
#include "storage/digest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <new>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

namespace splitcast::api {

namespace {

using Part = CopySetup::Part;

std::optional<Error> to_error(const Result<void>& result) {
    if (result) return std::nullopt;
    return result.error();
}

/// What ranks tell each other about the sources that they see.
struct Sight {
    bool opened = false;
    bool packed = false;
    storage::CatalogueTotals totals;
    std::int64_t seconds = 0;  ///< of the last change, of a plain file
    std::int64_t nanoseconds = 0;
    storage::Digest sample;  ///< of a plain file's beginning and end, or of the catalogue
    std::uint32_t mode = 0;

    [[nodiscard]] bool same_as(const Sight& other) const {
        return packed == other.packed && totals == other.totals && seconds == other.seconds &&
               nanoseconds == other.nanoseconds && sample == other.sample;
    }
};
static_assert(std::is_trivially_copyable_v<Sight>);

template <class Value>
Result<std::vector<Value>> gather_all(MPI_Comm comm, const Value& mine) {
    static_assert(std::is_trivially_copyable_v<Value>);
    int ranks = 0;
    MPI_Comm_size(comm, &ranks);
    std::vector<Value> all(static_cast<std::size_t>(ranks));
    const int code =
        MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, comm);
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Allgather", code);
    return all;
}

/// The ranks of `comm` as those of `caller`.
std::vector<int> names_of(MPI_Comm comm, MPI_Comm caller) {
    MPI_Group here = MPI_GROUP_NULL;
    MPI_Group there = MPI_GROUP_NULL;
    MPI_Comm_group(comm, &here);
    MPI_Comm_group(caller, &there);
    int size = 0;
    MPI_Group_size(here, &size);
    std::vector<int> ranks(static_cast<std::size_t>(size));
    std::iota(ranks.begin(), ranks.end(), 0);
    std::vector<int> names(ranks.size());
    MPI_Group_translate_ranks(here, size, ranks.data(), there, names.data());
    MPI_Group_free(&here);
    MPI_Group_free(&there);
    return names;
}

/// One attempt, with plain collectives, among those who are alive when it begins. Every step ends
/// with an agreement, so that all ranks take the same next one; unless one dies in it.
class Attempt {
public:
    Attempt(MPI_Comm comm, MPI_Comm caller, const std::vector<std::string>& from,
            const std::string& to, const CopyOptions& options)
        : comm_(comm), from_(from), to_(to), options_(options) {
        setup_.names = names_of(comm, caller);
        MPI_Comm_rank(comm, &rank_);
        MPI_Comm_size(caller, &called_);
    }

    std::optional<Error> run() {
        using Step = std::optional<Error> (Attempt::*)();
        for (const Step step :
             {&Attempt::compare_arguments, &Attempt::gather_team, &Attempt::open_source,
              &Attempt::tell_items, &Attempt::prepare_target, &Attempt::gather_movers}) {
            Team::Impl::pass_setup();
            if (auto error = (this->*step)()) return error;
        }
        return std::nullopt;
    }

    CopySetup& setup() { return setup_; }

private:
    [[nodiscard]] int name() const { return setup_.names[static_cast<std::size_t>(rank_)]; }

    std::optional<Error> agree(const std::optional<Error>& mine) const {
        return api::agree(comm_, mine, name());
    }

    std::optional<Error> compare_arguments() {
        storage::Digester digester;
        const std::string options =
            fmt::format("{}{}{}{}{}{}{}{}{}{}", options_.force, options_.parents, options_.sync,
                        options_.mirror, options_.preserve, options_.dry_run, options_.verify,
                        options_.resume, static_cast<int>(options_.compression), options_.settings);
        std::vector<std::string> texts = from_;
        texts.push_back(to_);
        texts.push_back(options);
        for (const std::string& text : texts) {
            digester.add(std::as_bytes(std::span(text.c_str(), text.size() + 1)));
        }
        const std::uint64_t mine = digester.digest().low;
        // The least and the greatest in one reduction: the greatest is the least of the
        // complements.
        const std::array<std::uint64_t, 2> both{mine, ~mine};
        std::array<std::uint64_t, 2> least{};
        const int code = MPI_Allreduce(both.data(), least.data(), 2, MPI_UINT64_T, MPI_MIN, comm_);
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Allreduce", code);
        if (least[0] != ~least[1]) {
            return Error{Status::mismatch,
                         "ranks were called with different sources, destinations or options"};
        }
        return agree(locally([this]() -> Result<void> {
            if (auto known = storage::per_rank(to_); !known) return known.error();
            if (auto names = check_names(); !names) return names;
            if (auto known = effective_settings(options_.settings, MPI_INFO_NULL); !known)
                return known.error();
            return {};
        }));
    }

    Result<void> check_names() const {
        if (from_.empty()) return Error{Status::argument, "there is no source"};
        if (from_.size() == 1) return {};
        std::map<std::string, const std::string*> names;
        for (const std::string& source : from_) {
            const std::string name = storage::base_name(source);
            if (name.empty() || name == "." || name == "..") {
                return Error{Status::argument,
                             fmt::format("{}: this source has no name of its own, which its copy "
                                         "could get",
                                         source)};
            }
            const auto [first, is_first] = names.try_emplace(name, &source);
            if (!is_first) {
                return Error{Status::argument,
                             fmt::format("{} and {}: their copies would have the same name",
                                         *first->second, source)};
            }
        }
        return {};
    }

    std::optional<Error> gather_team() {
        // It carries no data, so it needs to know nothing of the links.
        const std::string settings =
            options_.settings + (options_.settings.empty() ? "" : ",") + "probe=no";
        auto team = Team::Impl::create(comm_, settings, MPI_INFO_NULL);
        if (!team) return team.error();
        setup_.all = std::move(*team);
        setup_.all->rename(setup_.names, nullptr);
        return std::nullopt;
    }

    [[nodiscard]] bool survives() const {
        return setup_.all->survives(setup_.all->settings().settings);
    }

    std::optional<Error> open_source() {
        Sight mine;
        auto error = locally([&]() -> Result<void> {
            if (name() != 0 && !options_.mirror) return {};
            const bool plain = from_.size() == 1 && options_.compression == Compression::none &&
                               !options_.preserve && storage::is_plain_file(from_.front());
            if (options_.resume && !plain) {
                return Error{Status::argument,
                             "only the copy of a single regular file can be resumed, without "
                             "preserving attributes and without compression"};
            }
            auto looked = plain ? look_at_file(mine) : look_at_tree(mine);
            mine.opened = looked.ok();
            return looked;
        });
        const auto all = gather_all(comm_, mine);
        if (!all) return all.error();
        const auto reader = std::ranges::find(*all, true, &Sight::opened);
        if (reader == all->end()) return no_reader(error);
        setup_.reader = static_cast<int>(reader - all->begin());
        setup_.facts.packed = reader->packed;
        setup_.facts.mode = reader->mode;
        setup_.facts.totals = reader->totals;
        setup_.facts.origin = {.length = reader->totals.bytes,
                               .seconds = reader->seconds,
                               .nanoseconds = reader->nanoseconds,
                               .sample = reader->sample};
        setup_.parts.assign(all->size(), Part::waits);
        for (std::size_t rank = 0; rank < all->size(); ++rank) {
            const Sight& sight = (*all)[rank];
            const bool reads =
                std::cmp_equal(rank, setup_.reader) ||
                // Where nobody may fail nobody needs to stand in.
                (sight.opened && sight.same_as(*reader) && (!reader->packed || survives()));
            if (reads) setup_.parts[rank] = Part::reads;
        }
        if (!setup_.reads(rank_)) {
            setup_.source.reset();
            setup_.sources.reset();
        }
        return std::nullopt;
    }

    Result<void> look_at_file(Sight& mine) {
        auto opened = storage::FileSource::open(from_.front());
        if (!opened) return opened.error();
        auto& source = *opened;
        if (options_.mirror || options_.resume) {
            const auto sample = source->sample();
            if (!sample) return sample.error();
            mine.sample = *sample;
        }
        const std::int64_t length = source->length();
        mine.totals = {
            .files = 1, .entries = 1, .bytes = length, .data = length, .largest = length};
        mine.seconds = source->modified().tv_sec;
        mine.nanoseconds = source->modified().tv_nsec;
        mine.mode = source->mode();
        items_ = {{.identity = source->identity()}};
        setup_.source = std::move(source);
        return {};
    }

    Result<void> look_at_tree(Sight& mine) {
        auto found = storage::walk(from_, options_.preserve);
        if (!found) return found.error();
        mine.packed = true;
        mine.totals = storage::totals(found->catalogue);
        storage::Digester digester;
        digester.add(storage::encode(found->catalogue, storage::Encoding::comparable));
        // Who stands in must also compress the same bytes to the same bytes.
        for (const auto codec : {storage::Codec::lz4, storage::Codec::zstd}) {
            const std::string version = storage::version(codec);
            digester.add(std::as_bytes(std::span(version)));
        }
        mine.sample = digester.digest();
        for (const storage::Entry& entry : found->catalogue.entries) {
            if (entry.parent >= 0) continue;
            items_.push_back({.identity = found->identities[items_.size()],
                              .folder = entry.kind == storage::Kind::folder});
        }
        setup_.sources = std::move(*found);
        return {};
    }

    /// All learn what each source is.
    std::optional<Error> tell_items() {
        static_assert(std::is_trivially_copyable_v<ItemFacts>);
        setup_.facts.items = items_;
        setup_.facts.items.resize(from_.size());
        const int code =
            MPI_Bcast(setup_.facts.items.data(), static_cast<int>(from_.size() * sizeof(ItemFacts)),
                      MPI_BYTE, setup_.reader, comm_);
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Bcast", code);
        return std::nullopt;
    }

    std::optional<Error> no_reader(const std::optional<Error>& mine) const {
        if (auto agreed = agree(mine)) return agreed;
        return Error{Status::lost, fmt::format("rank 0 died before it could read {}; another rank "
                                               "that can may do so with --mirror",
                                               fmt::join(from_, ", "))};
    }

    std::optional<Error> prepare_target() {
        auto position = node_position(comm_, name(), setup_.reader);
        if (auto agreed = agree(position ? std::nullopt : std::optional(position.error())))
            return agreed;
        std::optional<Target>& target = setup_.target;
        target.emplace(*position);
        if (auto agreed =
                agree(locally([&] { return target->locate(from_, to_, options_.parents); })))
            return agreed;
        if (auto agreed = agree(to_error(target->check_same_kind(comm_, to_)))) return agreed;
        std::vector<storage::FileIdentity> own;
        if (setup_.reads(rank_)) {
            for (const ItemFacts& item : items_) own.push_back(item.identity);
        }
        if (auto agreed = agree(
                locally([&] { return target->create(options_, setup_.facts, own, survives()); })))
            return agreed;
        return agree(to_error(target->check_conflicts(comm_, setup_.names)));
    }

    /// A team of those who read or write. The others are not part of it and wait.
    std::optional<Error> gather_movers() {
        const auto writing = gather_all<char>(comm_, setup_.target->writes() ? 1 : 0);
        if (!writing) return writing.error();
        for (std::size_t rank = 0; rank < writing->size(); ++rank) {
            if ((*writing)[rank] == 0) continue;
            Part& part = setup_.parts[rank];
            part = part == Part::reads ? Part::both : Part::writes;
        }
        if (options_.dry_run || std::ranges::find(*writing, 1) == writing->end())
            return std::nullopt;

        const bool moves = setup_.parts[static_cast<std::size_t>(rank_)] != Part::waits;
        MPI_Comm split = MPI_COMM_NULL;
        const int code = MPI_Comm_split(comm_, moves ? 0 : MPI_UNDEFINED, rank_, &split);
        if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_split", code);
        std::optional<Error> error;
        if (moves) {
            MPI_Comm_set_errhandler(split, MPI_ERRORS_RETURN);
            const mpi::Communicator part(split);
            auto team = Team::Impl::create(part.get(), options_.settings, MPI_INFO_NULL);
            if (team) {
                setup_.movers = std::move(*team);
            } else {
                error = team.error();
                // Ranks of this team may wait for each other, and those outside know nothing.
                if (error->status == Status::mpi) {
                    mpi::ulfm::revoke(part.get());
                    return error;
                }
            }
        }
        if (auto agreed = agree(error)) return agreed;
        if (setup_.movers) {
            std::vector<int> names;
            for (const int rank : setup_.mover_ranks()) {
                names.push_back(setup_.names[static_cast<std::size_t>(rank)]);
            }
            setup_.movers->rename(std::move(names), setup_.all.get());
        }
        return std::nullopt;
    }

    MPI_Comm comm_;
    const std::vector<std::string>& from_;
    const std::string& to_;
    const CopyOptions& options_;
    std::vector<ItemFacts> items_;  ///< as this rank sees them
    int rank_ = 0;
    int called_ = 0;  ///< ranks of the caller's communicator
    CopySetup setup_;
};

// What each rank makes of an attempt, as bits of an agreement.
constexpr int succeeded = 1;
constexpr int refused = 2;  ///< an error that all ranks have agreed on

Target::Any among(MPI_Comm comm) {
    return [comm](bool mine) { return any(comm, mine); };
}

std::vector<int> missing_from(const std::vector<int>& names, MPI_Comm caller) {
    int size = 0;
    MPI_Comm_size(caller, &size);
    std::vector<int> missing;
    for (int rank = 0; rank < size; ++rank) {
        if (!std::ranges::binary_search(names, rank)) missing.push_back(rank);
    }
    return missing;
}

}  // namespace

bool CopySetup::reads(int rank) const {
    const Part part = parts[static_cast<std::size_t>(rank)];
    return part == Part::reads || part == Part::both;
}

bool CopySetup::writes(int rank) const {
    const Part part = parts[static_cast<std::size_t>(rank)];
    return part == Part::writes || part == Part::both;
}

std::vector<int> CopySetup::mover_ranks() const {
    std::vector<int> ranks;
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
        if (parts[rank] != Part::waits) ranks.push_back(static_cast<int>(rank));
    }
    return ranks;
}

std::optional<Error> locally(const std::function<Result<void>()>& local) {
    try {
        return to_error(local());
    } catch (const std::bad_alloc&) {
        return Error{Status::memory, "out of memory"};
    } catch (const std::exception& error) {
        return Error{Status::internal, error.what()};
    }
}

Result<CopySetup> set_up_copy(MPI_Comm caller, const std::vector<std::string>& from,
                              const std::string& to, const CopyOptions& options) {
    const bool mortal = mpi::ulfm::enabled();
    // A duplicate cannot be made where a rank is dead already.
    auto comm = mortal ? mpi::ulfm::shrink(caller) : mpi::Communicator::duplicate(caller);
    if (!comm) return comm.error();
    for (;;) {
        Attempt attempt(comm->get(), caller, from, to, options);
        auto error = attempt.run();
        std::optional<Target>& target = attempt.setup().target;
        const bool torn = error && error->status == Status::mpi;
        if (torn && !mortal) {
            if (target) target->abandon();
            return *error;
        }
        if (torn) mpi::ulfm::revoke(comm->get());
        const auto outcome = mpi::ulfm::agree(comm->get(), torn ? 0 : error ? refused : succeeded);
        if (!outcome) return outcome.error();
        if ((*outcome & succeeded) != 0) return std::move(attempt.setup());
        if ((*outcome & refused) != 0) {
            if (target) target->abandon(among(comm->get()));
            error->failed = missing_from(attempt.setup().names, caller);
            return *error;
        }
        if (!mortal) return Error{Status::mpi, "ranks came to different ends"};
        // Somebody has died. Those who are left tidy up and begin again.
        auto left = mpi::ulfm::shrink(comm->get());
        if (!left) return left.error();
        if (target) target->abandon(among(left->get()));
        if (left->size() == comm->size()) {
            if (error) return *error;
            return Error{Status::mpi, "an MPI function failed on another rank"};
        }
        comm = std::move(left);
    }
}

}  // namespace splitcast::api
