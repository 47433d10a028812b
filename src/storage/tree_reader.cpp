#include "storage/tree_reader.hpp"

#include "storage/attributes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace splitcast::storage {

TreeReader::TreeReader(const Catalogue& catalogue, const std::vector<Place>& items, Of of,
                       bool preserved)
    : catalogue_(catalogue), cursor_(catalogue, items), of_(of), preserved_(preserved) {
    if (of_ != Of::partial) return;
    for (const Entry& entry : catalogue_.entries) {
        if (entry.kind == Kind::twin) ++twins_[entry.twin_of];
    }
}

Status TreeReader::status() const {
    return of_ == Of::source ? Status::source : Status::destination;
}

Error TreeReader::failure(std::string_view what, int code) const {
    return system_error(status(), cursor_.shown(at_), what, code);
}

Result<void> TreeReader::fill(std::span<std::byte> into) {
    const std::span<std::byte> all = into;
    while (!into.empty()) {
        if (auto found = next_data(); !found) return found;
        const Extent& extent = entry().extents[extent_];
        const auto most = static_cast<std::size_t>(extent.length - inside_);
        const auto piece = into.first(std::min(into.size(), most));
        const ssize_t count = retry([&] {
            return ::pread(file_.get(), piece.data(), piece.size(), extent.offset + inside_);
        });
        if (count < 0) return failure("cannot read", errno);
        if (count == 0) {
            return plain_error(
                status(), cursor_.shown(at_),
                fmt::format(
                    "the file became shorter while it was copied: it ends before byte {} of {}",
                    extent.offset + inside_ + 1, entry().size));
        }
        into = into.subspan(static_cast<std::size_t>(count));
        inside_ += count;
        if (inside_ == extent.length) {
            ++extent_;
            inside_ = 0;
        }
    }
    digester_.add(all);
    return {};
}

void TreeReader::skip(std::int64_t bytes) {
    while (bytes > 0 && at_ < static_cast<std::int32_t>(catalogue_.entries.size())) {
        if (entry().kind != Kind::file || extent_ == entry().extents.size()) {
            file_ = Descriptor();
            ++at_;
            extent_ = 0;
            continue;
        }
        const std::int64_t left = entry().extents[extent_].length - inside_;
        inside_ += std::min(bytes, left);
        if (bytes >= left) {
            ++extent_;
            inside_ = 0;
        }
        bytes -= std::min(bytes, left);
    }
}

/// Goes to where the next byte is.
Result<void> TreeReader::next_data() {
    for (;;) {
        if (at_ == static_cast<std::int32_t>(catalogue_.entries.size()))
            return Error{Status::internal, "more was asked for than the catalogue has"};
        if (entry().kind == Kind::file) {
            if (!file_) {
                if (auto opened = open(); !opened) return opened;
            }
            if (extent_ < entry().extents.size()) return {};
        }
        if (auto left = leave(); !left) return left;
    }
}

Result<void> TreeReader::open() {
    const auto where = cursor_.where(at_);
    if (!cursor_.good(where)) return failure("cannot open the folder that it lies in", errno);
    // O_NONBLOCK: what has become a named pipe is refused below instead of waited for.
    const int flags =
        O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (where.follow ? 0 : O_NOFOLLOW);
    const auto open = [&](int more) {
        return Descriptor(retry([&] { return ::openat(where.folder, where.name, flags | more); }));
    };
    // To read a copy is no access that anybody wants to know of. Only a file's owner may hide it.
    file_ = open(of_ == Of::source ? 0 : O_NOATIME);
    if (!file_ && errno == EPERM) file_ = open(0);
    if (!file_) return failure("cannot open the file", errno);
    struct stat facts{};
    if (::fstat(file_.get(), &facts) != 0) return failure("cannot examine the file", errno);
    if (of_ == Of::copy) {
        // Only what the disk has can be dropped from memory.
        ::fdatasync(file_.get());
        ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
    } else if (entry().size > 1 << 20) {
        ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return of_ == Of::partial && !where.follow ? check_partial(facts) : check(facts);
}

/// Of what others could have put there nothing is taken: a file of another name or owner, or one
/// that is longer, or has data in its holes. Nor a file that its owner may not read once it is
/// complete, since who has it must be able to give it to others.
Result<void> TreeReader::check_partial(const struct stat& facts) const {
    const auto found = twins_.find(at_);
    const nlink_t names = 1 + (found == twins_.end() ? 0 : found->second);
    const bool own = facts.st_uid == ::geteuid() || (preserved_ && facts.st_uid == entry().owner);
    const bool fit = S_ISREG(facts.st_mode) && own && facts.st_size <= entry().size &&
                     facts.st_nlink <= names && (entry().mode & S_IRUSR) != 0 &&
                     (!entry().sparse() || holes_are_empty());
    if (fit) return {};
    return plain_error(status(), cursor_.shown(at_), "the file is not part of an earlier copy");
}

bool TreeReader::holes_are_empty() const {
    std::vector<std::byte> bytes(std::size_t{1} << 16U);
    const auto is_empty = [&](std::int64_t at, std::int64_t end) {
        // Where the file system knows no holes all of it is data.
        while (at < end && (at = ::lseek(file_.get(), at, SEEK_DATA)) >= 0 && at < end) {
            const auto most = std::min(end - at, static_cast<std::int64_t>(bytes.size()));
            const auto piece = std::span(bytes).first(static_cast<std::size_t>(most));
            const std::int64_t count = read_whole(file_.get(), piece, at);
            if (count <= 0) return count == 0;
            const auto found = piece.first(static_cast<std::size_t>(count));
            if (!std::ranges::all_of(found, [](std::byte b) { return b == std::byte{}; }))
                return false;
            at += count;
        }
        return true;
    };
    std::int64_t end = 0;
    for (const Extent& extent : entry().extents) {
        if (!is_empty(end, extent.offset)) return false;
        end = extent.offset + extent.length;
    }
    return is_empty(end, entry().size);
}

Result<void> TreeReader::check(const struct stat& facts) const {
    const bool same = S_ISREG(facts.st_mode) && facts.st_size == entry().size &&
                      (of_ != Of::source || timestamp(facts.st_mtim) == entry().modified);
    if (same) return {};
    const char* const what = of_ == Of::source ? "the file was changed while it was copied"
                                               : "the file is not as it was written";
    return plain_error(status(), cursor_.shown(at_), what);
}

/// Done with this entry. What was read may be a mix of old and new: the times tell. They can miss a
/// change within one tick of the clock that the file system uses, which no reader can find out.
Result<void> TreeReader::leave() {
    if (file_) {
        struct stat facts{};
        if (::fstat(file_.get(), &facts) != 0) return failure("cannot examine the file", errno);
        if (auto same = check(facts); !same) return same;
    }
    file_ = Descriptor();
    ++at_;
    extent_ = 0;
    inside_ = 0;
    return {};
}

Result<Digest> TreeReader::finish() {
    while (at_ < static_cast<std::int32_t>(catalogue_.entries.size())) {
        if (entry().kind == Kind::file && !file_) {
            if (auto opened = open(); !opened) return opened.error();
        }
        if (file_ && extent_ < entry().extents.size())
            return Error{Status::internal, "less was asked for than the catalogue has"};
        if (auto left = leave(); !left) return left.error();
    }
    return digester_.digest();
}

}  // namespace splitcast::storage
