#include "storage/tree_writer.hpp"

#include "storage/unfinished.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace splitcast::storage {

namespace {

/// Of smaller files the blocks are found when they are written.
constexpr std::int64_t worth_reserving = 1 << 20;

}  // namespace

Error TreeWriter::failure(std::string_view what, int code) const {
    return system_error(Status::destination, cursor_.shown(at_), what, code);
}

Result<void> TreeWriter::take(std::span<const std::byte> bytes) {
    digester_.add(bytes);
    while (!bytes.empty()) {
        if (auto found = next_data(); !found) return found;
        const Extent& extent = entry().extents[extent_];
        const auto most = static_cast<std::size_t>(extent.length - inside_);
        const auto piece = bytes.first(std::min(bytes.size(), most));
        if (file_) {
            if (auto written = write(piece, extent.offset + inside_); !written) return written;
        }
        bytes = bytes.subspan(piece.size());
        advance(std::ssize(piece));
    }
    return {};
}

/// Within an extent.
void TreeWriter::advance(std::int64_t bytes) {
    inside_ += bytes;
    if (inside_ < entry().extents[extent_].length) return;
    ++extent_;
    inside_ = 0;
}

Result<void> TreeWriter::take_over(std::int64_t held, const std::vector<Place>& left) {
    left_.emplace(catalogue_, left);
    while (held > 0) {
        if (auto found = next_data(); !found) return found;
        const std::int64_t piece = std::min(held, entry().extents[extent_].length - inside_);
        advance(piece);
        held -= piece;
    }
    left_.reset();
    return {};
}

/// Goes to where the next byte belongs, making things on the way.
Result<void> TreeWriter::next_data() {
    for (;;) {
        if (at_ == static_cast<std::int32_t>(catalogue_.entries.size()))
            return Error{Status::internal, "more has arrived than the catalogue has"};
        if (!made_) {
            if (auto made = make(); !made) return made;
        }
        if (entry().kind == Kind::file && extent_ < entry().extents.size()) return {};
        if (auto left = leave(); !left) return left;
    }
}

Result<void> TreeWriter::make() {
    if (unfinished::ending()) return plain_error(Status::destination, cursor_.shown(at_), "ended");
    made_ = true;
    if (skipped_[static_cast<std::size_t>(catalogue_.item(at_))]) return {};
    const auto where = cursor_.where(at_);
    if (!cursor_.good(where)) return failure("cannot open the folder that it lies in", errno);
    switch (entry().kind) {
        case Kind::folder: return make_folder(where);
        case Kind::file: return make_file(where);
        case Kind::twin: return make_twin(where);
        case Kind::link:
            if (::symlinkat(entry().target.c_str(), where.folder, where.name) != 0)
                return failure("cannot make the symbolic link", errno);
            break;
        case Kind::pipe:
            if (::mkfifoat(where.folder, where.name, entry().mode & 0777U) != 0)
                return failure("cannot make the named pipe", errno);
            break;
    }
    if (options_.preserve)
        preserve_unopened(where.folder, entry(), cursor_.shown(at_), shortfalls_);
    return {};
}

/// While things are made in it a folder's owner needs all permissions. It gets no others, and none
/// that it has too many is of use to anybody, as nobody else can come here.
Result<void> TreeWriter::make_folder(const FolderCursor::Where& where) {
    constexpr mode_t needed = 0700;
    const mode_t wanted = entry().mode & 0777U;
    if (::mkdirat(where.folder, where.name, options_.preserve ? needed : wanted | needed) != 0)
        return failure("cannot make the folder", errno);
    struct stat facts{};
    if (::fstatat(where.folder, where.name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return failure("cannot examine the folder", errno);
    // What the umask, or a default ACL, has left. A set-group-id bit is inherited.
    const mode_t left = facts.st_mode & 07777U;
    if ((left & needed) != needed && ::fchmodat(where.folder, where.name, left | needed, 0) != 0)
        return failure("cannot change the folder's permissions", errno);
    const mode_t last = left & (wanted | 07000U);
    if (!options_.preserve && last != (left | needed)) narrow_.emplace_back(at_, last);
    return {};
}

Result<void> TreeWriter::make_file(const FolderCursor::Where& where) {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const mode_t mode = options_.preserve ? 0600 : entry().mode & 0777U;
    file_ = Descriptor(retry([&] { return ::openat(where.folder, where.name, flags, mode); }));
    if (!file_) return failure("cannot make the file", errno);
    if (left_ && !entry().extents.empty()) {
        if (auto taken = take_file(where); !taken) return taken;
    }
    return reserve();
}

/// In the place of the new file, and with its permissions: those at that time may have been others.
Result<void> TreeWriter::take_file(const FolderCursor::Where& where) {
    struct stat made{};
    if (::fstat(file_.get(), &made) != 0) return failure("cannot examine the file", errno);
    const auto from = left_->where(at_);
    if (!left_->good(from)) return failure("cannot open the folder of what is there of it", errno);
    // It may not be open to writing now. If that cannot be changed, opening it tells.
    ::fchmodat(from.folder, from.name, 0600, AT_SYMLINK_NOFOLLOW);
    constexpr int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    Descriptor there(retry([&] { return ::openat(from.folder, from.name, flags); }));
    if (!there || ::fchmod(there.get(), made.st_mode & 07777U) != 0 ||
        ::renameat(from.folder, from.name, where.folder, where.name) != 0)
        return failure("cannot take over what is there of it", errno);
    file_ = std::move(there);
    return {};
}

Result<void> TreeWriter::reserve() const {
    const std::int64_t size = entry().size;
    if (entry().sparse()) {
        if (retry([&] { return ::ftruncate(file_.get(), size); }) != 0)
            return failure(fmt::format("cannot make the file {} long", size_text(size)), errno);
    } else if (size >= worth_reserving) {
        const bool full = retry([&] { return ::fallocate(file_.get(), 0, 0, size); }) != 0 &&
                          errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS;
        if (full) return failure(fmt::format("no room for {}", size_text(size)), errno);
    }
    return {};
}

Result<void> TreeWriter::make_twin(const FolderCursor::Where& where) {
    const auto original = originals_.where(entry().twin_of);
    if (!originals_.good(original))
        return failure("cannot open the folder of its first name", errno);
    if (::linkat(original.folder, original.name, where.folder, where.name, 0) != 0)
        return failure("cannot make the hard link", errno);
    return {};
}

Result<void> TreeWriter::write(std::span<const std::byte> bytes, std::int64_t offset) const {
    const int code = write_whole(file_.get(), bytes, offset);
    if (code != 0) return failure("cannot write", code);
    return {};
}

Result<void> TreeWriter::leave() {
    if (file_) {
        if (options_.preserve) preserve(file_.get(), entry(), cursor_.shown(at_), shortfalls_);
        // Network file systems tell of a failed write when the file is closed.
        if (::close(file_.release()) != 0 && errno != EINTR) return failure("cannot write", errno);
    }
    ++at_;
    made_ = false;
    extent_ = 0;
    inside_ = 0;
    return {};
}

Result<Digest> TreeWriter::finish() {
    while (at_ < static_cast<std::int32_t>(catalogue_.entries.size())) {
        if (!made_) {
            if (auto done = make(); !done) return done.error();
        }
        if (entry().kind == Kind::file && extent_ < entry().extents.size())
            return Error{Status::internal, "less has arrived than the catalogue has"};
        if (auto done = leave(); !done) return done.error();
    }
    // From the back: what is in a folder comes behind it.
    for (auto index = static_cast<std::int32_t>(catalogue_.entries.size()) - 1; index >= 0;
         --index) {
        const Entry& entry = catalogue_.entries[static_cast<std::size_t>(index)];
        if (entry.kind != Kind::folder || entry.parent < 0) continue;
        if (auto done = finish_folder(index); !done) return done.error();
    }
    return digester_.digest();
}

const mode_t* TreeWriter::narrow_mode(std::int32_t index) const {
    const auto found =
        std::ranges::lower_bound(narrow_, index, {}, [](auto& one) { return one.first; });
    return found != narrow_.end() && found->first == index ? &found->second : nullptr;
}

Result<void> TreeWriter::finish_folder(std::int32_t index) {
    if (narrow_mode(index) == nullptr && !options_.preserve) return {};
    if (skipped_[static_cast<std::size_t>(catalogue_.item(index))]) return {};
    const int folder = cursor_.folder(index);
    if (folder < 0) {
        return system_error(Status::destination, cursor_.shown(index), "cannot open the folder",
                            errno);
    }
    return finish_item(folder, index);
}

Result<void> TreeWriter::finish_item(int folder, std::int32_t index) {
    if (options_.preserve) {
        preserve(folder, catalogue_.entries[static_cast<std::size_t>(index)], cursor_.shown(index),
                 shortfalls_);
    }
    const mode_t* mode = narrow_mode(index);
    if (mode == nullptr || ::fchmod(folder, *mode) == 0) return {};
    return system_error(Status::destination, cursor_.shown(index),
                        "cannot change the folder's permissions", errno);
}

}  // namespace splitcast::storage
