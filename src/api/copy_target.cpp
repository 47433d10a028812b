#include "api/copy_target.hpp"

#include "api/agreement.hpp"
#include "api/team_gather.hpp"
#include "storage/destination.hpp"
#include "storage/digest.hpp"
#include "storage/marker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <span>
#include <tuple>
#include <vector>

namespace splitcast::api {

/// What ranks tell each other about the files they are to write.
struct Target::Entry {
    bool writes = false;
    bool failed = false;    ///< it does not know
    std::int32_t node = 0;  ///< its first rank
    storage::FileIdentity folder;
    storage::Digest path;
    storage::Digest name;
    std::uint64_t chance = 0;  ///< makes the marker's name
    std::array<char, 64> host{};

    /// Equal on one node means the same file.
    [[nodiscard]] auto file() const { return std::tuple(node, folder.device, folder.inode, name); }
    [[nodiscard]] std::string marker() const {
        return fmt::format(".{:016x}.splitcast-marker", chance);
    }
};

namespace {

storage::Digest digest_of(const std::string& text) {
    return storage::digest_of(std::as_bytes(std::span(text)));
}

Error same_file(const std::string& path, const std::string& others) {
    return {Status::destination,
            fmt::format("{}: {}; put %r or %h into the destination's name", path, others)};
}

}  // namespace

NodePosition node_position(const Team::Impl& team, int reader) {
    NodePosition position{.rank = team.rank(), .name = team.name(team.rank())};
    for (const auto& node : team.placement().nodes(team.members())) {
        const auto has = [&](int rank) { return std::ranges::find(node, rank) != node.end(); };
        if (!has(position.rank)) continue;
        position.first = std::ranges::min(node);
        position.with_reader = has(reader);
    }
    return position;
}

Target::Target(NodePosition position) : position_(position), host_(storage::short_host_name()) {}

Result<void> Target::locate(const std::vector<std::string>& sources, const std::string& destination,
                            bool parents) {
    const auto each = storage::per_rank(destination);
    if (!each) return each.error();
    if (!*each && position_.rank != position_.first) return {};

    auto path = storage::expand(destination,
                                {.host = host_, .rank = position_.name, .job = storage::job_id()});
    if (!path) return path.error();
    in_folder_ = storage::names_folder(*path);
    if (sources.size() > 1) {
        if (!in_folder_ && !parents) {
            return Error{Status::destination,
                         fmt::format("{}: several sources need a folder as their destination, and "
                                     "there is none",
                                     *path)};
        }
        in_folder_ = true;
        for (const std::string& source : sources) names_.push_back(storage::base_name(source));
        folder_ = *path;
        path_ = std::move(*path);
        return {};
    }
    path_ = std::move(*path);
    if (in_folder_) path_ += (path_.ends_with('/') ? "" : "/") + storage::base_name(sources[0]);
    folder_ = storage::folder_of(path_);
    names_ = {storage::base_name(path_)};
    return {};
}

std::optional<Error> Target::check_same_kind(Team::Impl& team,
                                             const std::string& destination) const {
    const auto folder = any(team, [this] { return has_copy() && in_folder_; });
    if (!folder) return folder.error();
    const auto file = any(team, [this] { return has_copy() && !in_folder_; });
    if (!file) return file.error();
    if (!*folder || !*file) return std::nullopt;
    std::optional<Error> error;
    if (has_copy() && !in_folder_) {
        error = Error{
            Status::destination,
            fmt::format("{}: the destination is a folder for other ranks, but not for this one",
                        destination)};
    }
    return agree(team, {.error = error});
}

Result<void> Target::create(const CopyOptions& options, const SourceFacts& facts,
                            const std::vector<storage::FileIdentity>& own, bool mapped) {
    if (!has_copy()) return {};
    if (options.parents && !options.dry_run) {
        auto made = storage::MadeFolders::make(folder_);
        if (!made) return made.error();
        folders_ = std::move(*made);
    }
    const std::vector<bool> there = items_already_there(facts, own);
    already_there_ = std::ranges::find(there, false) == there.end();
    if (already_there_) return {};
    writes_ = true;
    if (facts.packed || options.dry_run) return create_tree(options, facts, own);
    return create_file(options, facts, mapped);
}

std::vector<bool> Target::items_already_there(const SourceFacts& facts,
                                              const std::vector<storage::FileIdentity>& own) const {
    std::vector<bool> there;
    for (std::size_t i = 0; i < names_.size(); ++i) {
        const std::string path = names_.size() == 1 ? path_ : folder_ + "/" + names_[i];
        struct stat found{};
        bool same = false;
        if (::stat(path.c_str(), &found) == 0) {
            const auto identity = storage::identity(found);
            same = (position_.with_reader && identity == facts.items[i].identity) ||
                   (!own.empty() && identity == own[i]);
        }
        there.push_back(same);
    }
    return there;
}

Result<void> Target::create_file(const CopyOptions& options, const SourceFacts& facts,
                                 bool mapped) {
    auto sink = storage::FileSink::create(path_, facts.totals.bytes,
                                          {.replace = options.force,
                                           .sync = options.sync,
                                           .keep = options.resume,
                                           .mode = static_cast<mode_t>(facts.mode)});
    if (!sink) return sink.error();
    if (options.resume) {
        auto held = (*sink)->resume(facts.origin);
        if (!held) return held.error();
        held_ = *held;
    }
    if (mapped || options.resume) {
        if (auto done = (*sink)->map(); !done) return done.error();
    }
    sink_ = std::move(*sink);
    return {};
}

Result<void> Target::create_tree(const CopyOptions& options, const SourceFacts& facts,
                                 const std::vector<storage::FileIdentity>& own) {
    const std::vector<bool> there = items_already_there(facts, own);
    storage::StagedTree::Options how{.replace = options.force,
                                     .sync = options.sync,
                                     .preserve = options.preserve,
                                     .keep = options.resume,
                                     .outside_of = {}};
    std::vector<storage::StagedTree::Item> items;
    for (std::size_t i = 0; i < names_.size(); ++i) {
        items.push_back({names_[i], facts.items[i].folder, there[i]});
        if (!facts.items[i].folder) continue;
        if (position_.with_reader) how.outside_of.push_back(facts.items[i].identity);
        if (!own.empty()) how.outside_of.push_back(own[i]);
    }
    const storage::StagedTree::Need need{.bytes = facts.totals.data,
                                         .entries = facts.totals.entries,
                                         .largest = facts.totals.largest};
    if (options.dry_run) {
        const std::string folder = options.parents ? storage::existing_folder(folder_) : folder_;
        // In a folder that is still to be made no name is taken.
        if (folder != folder_) items.clear();
        return storage::StagedTree::check(folder, items, need, how);
    }
    auto tree = storage::StagedTree::create(folder_, std::move(items), need, how);
    if (!tree) return tree.error();
    tree_ = std::move(*tree);
    return {};
}

std::optional<Error> Target::check_conflicts(Team::Impl& team) const {
    Entry mine;
    std::optional<Error> error;
    const auto all = gather<Entry>(team, [&] {
        error = beside([&]() -> Result<void> {
            mine = entry();
            return {};
        });
        mine.failed = error.has_value();
        return mine;
    });
    if (!all) return all.error();

    // On one node the number of the folder tells. The first rank of a file is the one that the
    // others name.
    std::map<decltype(mine.file()), int> writers;
    // Between nodes only folders of the same name are suspected, and a look tells.
    std::map<storage::Digest, int> paths;
    bool suspicion = false;
    bool conflict = false;
    for (const int rank : team.members()) {
        const Entry& entry = (*all)[static_cast<std::size_t>(rank)];
        conflict = conflict || entry.failed;
        if (!entry.writes) continue;
        if (!writers.try_emplace(entry.file(), rank).second) conflict = true;
        const int first = paths.try_emplace(entry.path, rank).first->second;
        suspicion = suspicion || (*all)[static_cast<std::size_t>(first)].node != entry.node;
    }
    if (!error && mine.writes && writers.at(mine.file()) != position_.rank) {
        error = same_file(path_, fmt::format("rank {} would write the same file",
                                             team.name(writers.at(mine.file()))));
    }
    if (!suspicion && !conflict) return std::nullopt;
    if (!suspicion) return agree(team, {.error = error});

    const int first = mine.writes ? paths.at(mine.path) : position_.rank;
    std::optional<storage::Marker> marker;
    // All have put down their markers when this is over, and all have looked when the next is.
    if (auto failed = agree_on(team, [&]() -> Result<void> {
            if (mine.writes && first == position_.rank) marker.emplace(folder_, mine.marker());
            return {};
        }))
        return failed;
    return agree_on(team, [&]() -> Result<void> {
        const Entry& other = (*all)[static_cast<std::size_t>(first)];
        if (error) return *error;
        if (mine.writes && other.node != mine.node &&
            storage::Marker::seen(folder_, other.marker())) {
            return same_file(
                path_, fmt::format("host {} would write the same file, in a folder that both share",
                                   other.host.data()));
        }
        return {};
    });
}

Target::Entry Target::entry() const {
    Entry mine;
    mine.node = position_.first;
    mine.writes = has_copy();
    if (!has_copy()) return mine;
    struct stat facts{};
    const bool there = ::stat(folder_.c_str(), &facts) == 0;
    if (there) mine.folder = storage::identity(facts);
    mine.path = digest_of(path_);
    // A dry run makes no folders: then their names must do.
    mine.name = digest_of(fmt::format("{}{}", there ? "" : folder_ + "/", fmt::join(names_, "/")));
    std::random_device random;
    mine.chance = (std::uint64_t{random()} << 32) | random();
    std::copy_n(host_.begin(), std::min(host_.size(), mine.host.size() - 1), mine.host.begin());
    return mine;
}

void Target::abandon() {
    sink_.reset();
    tree_.reset();
    folders_.remove();
}

void Target::abandon(std::optional<Target>& target, Team::Impl& team) {
    // A folder can go when those who made folders in it have removed theirs. The first question is
    // whether all have dropped their files.
    auto more = any(team, [&] {
        if (target) target->sink_.reset();
        if (target) target->tree_.reset();
        return true;
    });
    while (more && *more) more = any(team, [&] { return target && target->folders_.remove(); });
    // Whoever was left alone meanwhile.
    if (target) target->abandon();
}

Result<storage::Digest> Target::read_back() {
    if (tree_) return tree_->read_back();
    return sink_->read_back();
}

Result<void> Target::publish() {
    if (sink_) return sink_->file().publish();
    if (tree_) return tree_->publish();
    return {};
}

void Target::discard() {
    if (sink_) sink_->discard();
    if (tree_) tree_->discard();
}

void Target::settle() {
    if (sink_) sink_->settle();
    if (tree_) tree_->settle();
    folders_.keep();
}

}  // namespace splitcast::api
