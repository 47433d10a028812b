#include "storage/file_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

namespace splitcast::storage {

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path) {
    // O_NONBLOCK: a named pipe is refused below instead of waited for. It means nothing to a
    // regular file.
    Descriptor file(
        retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!file) return system_error(Status::source, path, "cannot open the source", errno);
    struct stat facts{};
    if (::fstat(file.get(), &facts) != 0) {
        return system_error(Status::source, path, "cannot examine the source", errno);
    }
    if (S_ISDIR(facts.st_mode)) {
        return plain_error(Status::source, path,
                           "the source is a folder; a single file can be copied");
    }
    if (!S_ISREG(facts.st_mode))
        return plain_error(Status::source, path, "the source is not a regular file");
    ::posix_fadvise(file.get(), 0, 0,
                    POSIX_FADV_SEQUENTIAL);  // only advice: a refusal changes nothing

    std::unique_ptr<FileSource> source(new FileSource(path, std::move(file), facts));
    if (auto started = source->lane_.start(); !started) return started.error();
    return source;
}

FileSource::FileSource(std::string path, Descriptor file, const struct stat& facts)
    : path_(std::move(path)),
      file_(std::move(file)),
      facts_(facts),
      lane_([this](const Lane::Piece& piece) { return read(piece); }) {}

void FileSource::request(std::int64_t offset, std::span<std::byte> into) {
    lane_.give({offset, into});
}

Result<void> FileSource::fill(std::int64_t offset, std::span<std::byte> into) const {
    const std::int64_t count = read_whole(file_.get(), into, offset);
    if (count < 0) return system_error(Status::source, path_, "cannot read the source", errno);
    if (count == std::ssize(into)) return {};
    return plain_error(
        Status::source, path_,
        fmt::format("the source became shorter while it was copied: it ends at byte {} of {}",
                    offset + count, length()));
}

// Some bytes may be read twice, others not at all; the digest takes each once, in order.
Result<void> FileSource::read(const Lane::Piece& piece) {
    if (auto done = fill(piece.offset, piece.bytes); !done) return done;
    const std::int64_t end = piece.offset + static_cast<std::int64_t>(piece.bytes.size());
    if (piece.offset > digested_ || end <= digested_) return {};
    digester_.add(piece.bytes.subspan(static_cast<std::size_t>(digested_ - piece.offset)));
    digested_ = end;
    return {};
}

Result<void> FileSource::read_the_rest() {
    constexpr std::int64_t at_a_time = 1 << 20;
    if (digested_ >= length()) return {};
    std::vector<std::byte> bytes(static_cast<std::size_t>(at_a_time));
    while (digested_ < length()) {
        const auto count = std::min(at_a_time, length() - digested_);
        const auto piece = std::span(bytes).first(static_cast<std::size_t>(count));
        if (auto done = read({digested_, piece}); !done) return done;
    }
    return {};
}

Result<Digest> FileSource::sample() const {
    constexpr std::int64_t some = 64 << 10;
    Digester digester;
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(some, length())));
    for (const std::int64_t offset :
         {std::int64_t{0}, std::max<std::int64_t>(length() - some, 0)}) {
        if (auto done = fill(offset, bytes); !done) return done.error();
        digester.add(bytes);
    }
    return digester.digest();
}

Result<Digest> FileSource::finish() {
    lane_.drain();
    if (auto error = lane_.error()) return *error;
    if (auto done = read_the_rest(); !done) return done.error();
    struct stat now{};
    if (::fstat(file_.get(), &now) != 0) {
        return system_error(Status::source, path_, "cannot examine the source", errno);
    }
    const auto same_time = [](const timespec& a, const timespec& b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    // What was read may be a mix of old and new. The times alone can miss a change within one tick
    // of the clock that the file system uses, which no reader can find out.
    if (now.st_size != facts_.st_size || !same_time(now.st_mtim, facts_.st_mtim)) {
        return plain_error(Status::source, path_, "the source was changed while it was copied");
    }
    return digester_.digest();
}

}  // namespace splitcast::storage
