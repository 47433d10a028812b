// A tree that stays when its copy is interrupted, and how the next copy goes on with it.

#include "storage/kept.hpp"
#include "storage/remove_tree.hpp"
#include "storage/staged_tree.hpp"
#include "storage/tree_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace splitcast::storage {

namespace {

// Items are called by their numbers: these names are free.
constexpr const char* journal_name = "journal";
constexpr const char* left_name = "left";  ///< what is taken over, while it is

}  // namespace

Result<void> StagedTree::open_kept() {
    auto there = kept::open_folder(around_.get(), items_.front().name, final_path(items_.front()));
    if (!there) return there.error();
    inside_ = std::move(there->folder);
    found_ = there->found;
    staging_.around = around_.get();
    staging_.folder = inside_.get();
    staging_.name = kept::name(items_.front().name, "partial");
    staging_.lasting = true;
    unfinished::add_staging(staging_);
    there_ = true;
    return {};
}

Result<std::int64_t> StagedTree::resume(const Origin& origin) {
    auto journal = Journal::open(inside_.get(), journal_name, origin, staging_.name);
    if (!journal) return journal.error();
    open_up_folders();
    if (auto proven = prove(**journal); !proven) return proven.error();
    if (auto taken = take_over(); !taken) return taken.error();
    journal_ = std::move(*journal);
    next_ = held_;
    if (!found_) return held_;
    // What is there already has its room, and so has the rest of a file that has been begun.
    Need need{.entries = need_.entries - writer_->made(), .largest = need_.largest};
    for (auto i = static_cast<std::size_t>(writer_->made()); i < catalogue_.entries.size(); ++i) {
        for (const Extent& extent : catalogue_.entries[i].extents) need.bytes += extent.length;
    }
    if (auto enough = check_room(need); !enough) return enough.error();
    return held_;
}

/// No file is open any more when it returns: on NFS one that is keeps a name when it is removed.
Result<void> StagedTree::prove(Journal& journal) {
    const auto found = reader();
    const auto held =
        journal.prove([&](std::span<std::byte> bytes) { return found->fill(bytes).ok(); },
                      [&](std::span<const std::byte> bytes) { writer_->know(bytes); });
    if (!held) return held.error();
    held_ = *held;
    return {};
}

/// A copy that was all but named may have folders that their owner has not all permissions for.
void StagedTree::open_up_folders() {
    FolderCursor cursor(catalogue_, places_);
    for (std::size_t i = 0; i < catalogue_.entries.size(); ++i) {
        const auto index = static_cast<std::int32_t>(i);
        if (catalogue_.entries[i].kind != Kind::folder) continue;
        if (skipped_[static_cast<std::size_t>(catalogue_.item(index))]) continue;
        const auto where = cursor.where(index);
        if (cursor.good(where)) ::fchmodat(where.folder, where.name, 0700, AT_SYMLINK_NOFOLLOW);
    }
}

/// Everything is made anew but the files with data that are proven: what else is there, whoever put
/// it there, is not part of the copy. Who is killed in the middle of this loses some of what was
/// there, and no more.
Result<void> StagedTree::take_over() {
    const auto failure = [&](int code) {
        return system_error(Status::destination, folder_, "cannot go on with the partial copy",
                            code);
    };
    const auto remove = [&](const std::string& name) -> Result<void> {
        if (remove_tree(inside_.get(), name.c_str())) return {};
        return plain_error(
            Status::destination, folder_,
            fmt::format("cannot remove {}/{}; remove it by hand", staging_.name, name));
    };
    const auto items = static_cast<std::size_t>(catalogue_.items());
    std::vector<Place> left;
    std::vector<std::string> old(items);
    for (std::size_t i = 0; i < items; ++i) old[i] = std::to_string(i);
    for (const std::string& name : names_in(inside_.get())) {
        const bool item = held_ > 0 && std::ranges::find(old, name) != old.end();
        if (name == journal_name || item) continue;
        if (auto removed = remove(name); !removed) return removed;
    }
    if (held_ == 0) return {};
    if (::mkdirat(inside_.get(), left_name, 0700) != 0) return failure(errno);
    const Descriptor folder = open_inner(inside_.get(), left_name);
    if (!folder) return failure(errno);
    for (const std::string& name : old) {
        if (::renameat(inside_.get(), name.c_str(), folder.get(), name.c_str()) != 0 &&
            errno != ENOENT)
            return failure(errno);
        left.push_back({places_[left.size()].shown, folder.get(), name, false});
    }
    if (auto taken = writer_->take_over(held_, left); !taken) return taken;
    return remove(left_name);
}

Result<void> StagedTree::take(std::span<const std::byte> bytes) {
    if (auto taken = writer_->take(bytes); !taken || !journal_) return taken;
    next_ += std::ssize(bytes);
    return journal_->add(next_ - std::ssize(bytes), bytes);
}

std::unique_ptr<TreeReader> StagedTree::reader() const {
    return std::make_unique<TreeReader>(catalogue_, places_, TreeReader::Of::partial,
                                        options_.preserve);
}

void StagedTree::discard() {
    if (journal_) journal_->remove();
    staging_.lasting = false;
    withdraw();
}

}  // namespace splitcast::storage
