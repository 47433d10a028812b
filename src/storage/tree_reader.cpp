#include "storage/tree_reader.hpp"

#include "storage/attributes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace splitcast::storage {

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
    file_ = Descriptor(retry([&] { return ::openat(where.folder, where.name, flags); }));
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
    return check(facts);
}

Result<void> TreeReader::check(const struct stat& facts) const {
    const bool same = S_ISREG(facts.st_mode) && facts.st_size == entry().size &&
                      (of_ == Of::copy || timestamp(facts.st_mtim) == entry().modified);
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
