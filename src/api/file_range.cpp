#include "api/file_range.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace splitcast::api {

using storage::plain_error;
using storage::system_error;

namespace {

FileRange::Facts facts_of(const struct stat& status) {
    return {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

}  // namespace

Result<std::unique_ptr<FileRange>> FileRange::open(const std::string& path, std::int64_t offset,
                                                   std::int64_t length) {
    // O_NONBLOCK: a named pipe is refused below instead of waited for.
    storage::Descriptor file(storage::retry(
        [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!file) return system_error(Status::source, path, "cannot open the file", errno);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0)
        return system_error(Status::source, path, "cannot examine the file", errno);
    if (!S_ISREG(status.st_mode)) {
        return plain_error(Status::source, path,
                           S_ISDIR(status.st_mode) ? "is a folder" : "is not a regular file");
    }
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // only advice
    std::unique_ptr<FileRange> range(new FileRange(path, std::move(file), facts_of(status)));
    if (auto chosen = range->choose(offset, length); !chosen) return chosen.error();
    if (auto started = range->lane_.start(); !started) return started.error();
    return range;
}

FileRange::FileRange(std::string path, storage::Descriptor file, const Facts& facts)
    : path_(std::move(path)),
      file_(std::move(file)),
      facts_(facts),
      lane_([this](const storage::Lane::Piece& piece) { return read(piece); }) {}

Result<void> FileRange::choose(std::int64_t offset, std::int64_t length) {
    const std::int64_t there = facts_.length - offset;
    if (there < 0 || length > there) {
        return plain_error(
            Status::source, path_,
            fmt::format("has {} bytes; {} from byte {} on cannot be read", facts_.length,
                        length < 0 ? "those" : fmt::format("{}", length), offset));
    }
    offset_ = offset;
    length_ = length < 0 ? there : length;
    return {};
}

void FileRange::request(std::int64_t offset, std::span<std::byte> into) {
    lane_.give({offset_ + offset, into});
}

Result<void> FileRange::read(const storage::Lane::Piece& piece) const {
    const std::int64_t count = storage::read_whole(file_.get(), piece.bytes, piece.offset);
    if (count < 0) return system_error(Status::source, path_, "cannot read the file", errno);
    if (count == std::ssize(piece.bytes)) return {};
    return plain_error(Status::source, path_,
                       fmt::format("became shorter while it was read: it ends at byte {} of {}",
                                   piece.offset + count, facts_.length));
}

Result<void> FileRange::finish() {
    lane_.drain();
    if (auto error = lane_.error()) return *error;
    struct stat now{};
    if (::fstat(file_.get(), &now) != 0)
        return system_error(Status::source, path_, "cannot examine the file", errno);
    if (facts_of(now) != facts_)
        return plain_error(Status::source, path_, "was changed while it was read");
    return {};
}

}  // namespace splitcast::api
