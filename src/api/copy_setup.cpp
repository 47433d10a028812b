#include "api/copy_setup.hpp"

#include "api/agreement.hpp"
#include "api/team_gather.hpp"
#include "mpi/communicator.hpp"
#include "mpi/ulfm.hpp"
#include "storage/compression.hpp"
#include "storage/destination.hpp"
#include "storage/digest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

namespace splitcast::api {

namespace {

using Part = CopySetup::Part;

/// What ranks tell each other about the sources that they see.
struct Sight {
    bool opened = false;
    bool packed = false;
    storage::CatalogueTotals totals;
    std::int64_t seconds = 0;  ///< of the last change, of a plain file
    std::int64_t nanoseconds = 0;
    storage::Digest sample;     ///< of a plain file's beginning and end, or of the catalogue
    storage::Digest libraries;  ///< who stands in must also compress the same bytes to the same
    std::uint32_t mode = 0;

    [[nodiscard]] bool same_as(const Sight& other) const {
        return packed == other.packed && totals == other.totals && seconds == other.seconds &&
               nanoseconds == other.nanoseconds && sample == other.sample &&
               libraries == other.libraries;
    }
};
static_assert(std::is_trivially_copyable_v<Sight>);

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

/// One attempt, among the members of the team of all that are left when it begins. Every step ends
/// with something that all of them know alike, so that all take the same next one.
class Attempt {
public:
    Attempt(CopySetup& setup, const std::vector<std::string>& from, const std::string& to,
            const CopyOptions& options)
        : setup_(setup), team_(*setup.all), from_(from), to_(to), options_(options) {
        setup_.source.reset();
        setup_.sources.reset();
        setup_.target.reset();
        setup_.movers = nullptr;
        setup_.some.reset();
    }

    std::optional<Error> run() {
        using Step = std::optional<Error> (Attempt::*)();
        for (const Step step :
             {&Attempt::compare_arguments, &Attempt::open_source, &Attempt::tell_items,
              &Attempt::prepare_target, &Attempt::gather_movers}) {
            Team::Impl::pass(collectives::FaultPoint::setup);
            if (auto error = (this->*step)()) return error;
        }
        return std::nullopt;
    }

private:
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
        const auto all = gather<std::uint64_t>(team_, [mine] { return mine; });
        if (!all) return all.error();
        for (const int rank : team_.members()) {
            if ((*all)[static_cast<std::size_t>(rank)] == mine) continue;
            return Error{Status::mismatch,
                         "ranks were called with different sources, destinations or options"};
        }
        // The same on all ranks, because the arguments are.
        return locally([this]() -> Result<void> {
            if (auto known = storage::per_rank(to_); !known) return known.error();
            return check_names();
        });
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

    [[nodiscard]] bool survives() const { return team_.survives(team_.settings().settings); }

    std::optional<Error> open_source() {
        Sight mine;
        std::optional<Error> error;
        // Whoever cannot open it may do without.
        const auto look = [&]() -> Result<void> {
            if (team_.name(team_.rank()) != 0 && !options_.mirror) return {};
            const bool plain = from_.size() == 1 && options_.compression == Compression::none &&
                               !options_.preserve && storage::is_plain_file(from_.front());
            auto looked = plain ? look_at_file(mine) : look_at_tree(mine);
            mine.opened = looked.ok();
            return looked;
        };
        const auto all = gather<Sight>(team_, [&] {
            error = beside(look);
            return mine;
        });
        if (!all) return all.error();
        const auto reader = std::ranges::find(*all, true, &Sight::opened);
        if (reader == all->end()) return no_reader(error);
        setup_.reader = static_cast<int>(reader - all->begin());
        setup_.facts.packed = reader->packed;
        setup_.facts.mode = reader->mode;
        setup_.facts.totals = reader->totals;
        setup_.facts.origin = {.length = reader->totals.data,
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
        if (!setup_.reads(team_.rank())) {
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
        // What a copy with other attributes has left is not what is wanted.
        digester.add(std::as_bytes(std::span(&options_.preserve, 1)));
        mine.sample = digester.digest();
        mine.libraries = storage::libraries();
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
        const auto told =
            team_.tell(setup_.facts.items.data(),
                       static_cast<std::int64_t>(from_.size() * sizeof(ItemFacts)), setup_.reader);
        if (told) return std::nullopt;
        return told.error();
    }

    std::optional<Error> no_reader(const std::optional<Error>& mine) const {
        if (auto agreed = agree(team_, {.error = mine})) return agreed;
        return Error{Status::lost,
                     fmt::format("rank 0 was lost before it could read {}; another rank "
                                 "that can may do so with --mirror",
                                 fmt::join(from_, ", "))};
    }

    std::optional<Error> prepare_target() {
        std::optional<Target>& target = setup_.target;
        target.emplace(node_position(team_, setup_.reader));
        if (auto agreed =
                agree_on(team_, [&] { return target->locate(from_, to_, options_.parents); }))
            return agreed;
        if (auto agreed = target->check_same_kind(team_, to_)) return agreed;
        std::vector<storage::FileIdentity> own;
        if (setup_.reads(team_.rank())) {
            for (const ItemFacts& item : items_) own.push_back(item.identity);
        }
        if (auto agreed = agree_on(
                team_, [&] { return target->create(options_, setup_.facts, own, survives()); }))
            return agreed;
        return target->check_conflicts(team_);
    }

    /// A team of those who read or write, if that is not everybody: the others wait.
    std::optional<Error> gather_movers() {
        const auto writing =
            gather<char>(team_, [this] { return static_cast<char>(setup_.target->writes()); });
        if (!writing) return writing.error();
        for (std::size_t rank = 0; rank < writing->size(); ++rank) {
            if ((*writing)[rank] == 0) continue;
            Part& part = setup_.parts[rank];
            part = part == Part::reads ? Part::both : Part::writes;
        }
        if (options_.dry_run || std::ranges::find(*writing, 1) == writing->end())
            return std::nullopt;

        std::vector<int> moving;
        std::ranges::copy_if(team_.members(), std::back_inserter(moving), [this](int rank) {
            return setup_.parts[static_cast<std::size_t>(rank)] != Part::waits;
        });
        if (moving == team_.members()) {
            setup_.movers = &team_;
            return std::nullopt;
        }
        auto some = team_.part_of(moving);
        if (auto agreed =
                agree(team_, {.error = some ? std::nullopt : std::optional(some.error())}))
            return agreed;
        setup_.some = std::move(*some);
        setup_.movers = setup_.some.get();
        if (setup_.some) setup_.some->count_on_all();
        return std::nullopt;
    }

    CopySetup& setup_;
    Team::Impl& team_;
    const std::vector<std::string>& from_;
    const std::string& to_;
    const CopyOptions& options_;
    std::vector<ItemFacts> items_;  ///< as this rank sees them
};

/// As ranks of the caller's communicator.
std::vector<int> missing_from(const Team::Impl& team, MPI_Comm caller) {
    int size = 0;
    MPI_Comm_size(caller, &size);
    std::vector<int> missing(static_cast<std::size_t>(size));
    std::iota(missing.begin(), missing.end(), 0);
    for (const int rank : team.members()) std::erase(missing, team.name(rank));
    return missing;
}

/// Something that comes of the loss of a rank, and that those who are left need not run into again.
bool comes_of_a_loss(const Error& error) {
    return error.status == Status::lost || error.status == Status::mpi;
}

/// The team of all who are alive. Until there is one, a rank that is alive and silent is waited
/// for.
Result<std::unique_ptr<Team::Impl>> gather_all(MPI_Comm caller, const std::string& settings) {
    const bool mortal = mpi::ulfm::enabled();
    // A duplicate cannot be made where a rank is dead already.
    auto comm = mortal ? mpi::ulfm::shrink(caller) : mpi::Communicator::duplicate(caller);
    for (;;) {
        if (!comm) return comm.error();
        Team::Impl::pass(collectives::FaultPoint::setup);
        auto team = Team::Impl::create(comm->get(), settings, MPI_INFO_NULL);
        const bool torn = !team && team.error().status == Status::mpi;
        // Somebody may have died when others had their team already.
        const auto all_have = mortal ? mpi::ulfm::agree(comm->get(), torn ? 0 : 1) : Result<int>(1);
        if (!all_have) return all_have.error();
        if (*all_have != 0 && !torn) {
            if (team) (*team)->rename(names_of(comm->get(), caller));
            return team;
        }
        if (!mortal) return team;
        auto left = mpi::ulfm::shrink(comm->get());
        if (left && left->size() == comm->size()) {
            if (!team) return team;
            return Error{Status::mpi, "an MPI function failed on another rank"};
        }
        comm = std::move(left);
    }
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
        if (movers == all.get() || parts[rank] != Part::waits)
            ranks.push_back(static_cast<int>(rank));
    }
    return ranks;
}

Result<CopySetup> set_up_copy(MPI_Comm caller, const std::vector<std::string>& from,
                              const std::string& to, const CopyOptions& options) {
    auto team = gather_all(caller, options.settings);
    if (!team) return team.error();
    CopySetup setup;
    setup.all = std::move(*team);
    Team::Impl& all = *setup.all;
    for (int rank = 0; rank < all.size(); ++rank) setup.names.push_back(all.name(rank));
    all.count_on_all();
    for (;;) {
        const std::size_t lost_before = all.losses().size();
        auto error = Attempt(setup, from, to, options).run();
        const bool lost = all.losses().size() > lost_before;
        if (!error && !lost) break;
        if (all.unusable()) {
            if (setup.target) setup.target->abandon();
            return *all.unusable();
        }
        Target::abandon(setup.target, all);
        // Those who are left begin again, unless something is wrong that no loss explains.
        if (error && !(lost && comes_of_a_loss(*error))) {
            error->failed = missing_from(all, caller);
            return *error;
        }
    }
    all.count_broadcasts();
    return setup;
}

}  // namespace splitcast::api
