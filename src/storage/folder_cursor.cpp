#include "storage/folder_cursor.hpp"

#include <fcntl.h>

#include <ranges>

namespace splitcast::storage {

FolderCursor::Where FolderCursor::where(std::int32_t index) {
    const Entry& entry = catalogue_->entries[static_cast<std::size_t>(index)];
    if (entry.parent < 0) {
        const Place& item = (*items_)[static_cast<std::size_t>(catalogue_->item(index))];
        return {item.folder, item.name.c_str(), item.follow};
    }
    return {folder(entry.parent), entry.name.c_str(), false};
}

bool FolderCursor::good(const Where& where) const {
    return where.folder >= 0 || where.folder == AT_FDCWD;
}

int FolderCursor::folder(std::int32_t index) {
    if (index == here_) return folder_.get();
    // Most often it lies in the one where we are. If not: from its item on, part by part.
    std::vector<std::int32_t> way;
    for (std::int32_t at = index; at >= 0 && at != here_;) {
        way.push_back(at);
        at = catalogue_->entries[static_cast<std::size_t>(at)].parent;
        if (at < 0) here_ = -1;
    }
    for (const std::int32_t part : std::views::reverse(way)) {
        const Entry& entry = catalogue_->entries[static_cast<std::size_t>(part)];
        const Where there =
            entry.parent < 0 ? where(part) : Where{folder_.get(), entry.name.c_str(), false};
        const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (there.follow ? 0 : O_NOFOLLOW);
        Descriptor next(retry([&] { return ::openat(there.folder, there.name, flags); }));
        if (!next) {
            here_ = -1;
            return -1;
        }
        folder_ = std::move(next);
        here_ = part;
    }
    return folder_.get();
}

std::string FolderCursor::shown(std::int32_t index) const {
    const std::string& item = (*items_)[static_cast<std::size_t>(catalogue_->item(index))].shown;
    const std::string below = catalogue_->path(index);
    if (below.empty()) return item;
    return item.ends_with('/') ? item + below : item + "/" + below;
}

}  // namespace splitcast::storage
