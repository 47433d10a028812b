#include "storage/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace splitcast::storage {

namespace {

// As it lies on disk, in the byte order of the node: nobody else reads it.
struct Header {
    std::array<char, 16> magic{"splitcast part1"};
    std::int64_t chunk = Journal::chunk;
    Origin origin;
};
static_assert(std::is_trivially_copyable_v<Header>);
static_assert(std::has_unique_object_representations_v<Header>);

constexpr std::int64_t record_bytes = sizeof(Digest);

std::int64_t place_of(std::int64_t record) {
    return static_cast<std::int64_t>(sizeof(Header)) + record * record_bytes;
}

bool filled(int file, std::span<std::byte> into, std::int64_t offset) {
    return read_whole(file, into, offset) == std::ssize(into);
}

}  // namespace

Journal::Journal(int folder, std::string name, const Origin& origin, std::string path)
    : folder_(folder), name_(std::move(name)), origin_(origin), path_(std::move(path)) {}

Error Journal::failure(std::string_view what, int code) const {
    return system_error(Status::destination, path_, what, code);
}

Result<std::unique_ptr<Journal>> Journal::open(int folder, const std::string& name,
                                               const Origin& origin, const std::string& path) {
    std::unique_ptr<Journal> journal(new Journal(folder, name, origin, path));
    // O_NOFOLLOW: where somebody has planted a symbolic link, nothing is written through it.
    constexpr int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    journal->file_ = Descriptor(retry([&] { return ::openat(folder, name.c_str(), flags, 0600); }));
    if (!journal->file_)
        return journal->failure("cannot make the journal of a partial copy", errno);
    struct stat facts{};
    if (::fstat(journal->file_.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
        facts.st_uid != ::geteuid() || facts.st_nlink != 1) {
        return journal->failure("the journal of a partial copy is not this user's own file", EPERM);
    }
    const Header expected{.origin = origin};
    Header found{.origin = {}};
    if (filled(journal->file_.get(), std::as_writable_bytes(std::span(&found, 1)), 0) &&
        std::memcmp(&found, &expected, sizeof found) == 0) {
        return journal;
    }
    if (auto done = journal->begin_anew(); !done) return done.error();
    return journal;
}

Result<void> Journal::begin_anew() {
    const Header header{.origin = origin_};
    if (retry([&] { return ::ftruncate(file_.get(), 0); }) != 0)
        return failure("cannot write the journal of a partial copy", errno);
    const int code = write_whole(file_.get(), std::as_bytes(std::span(&header, 1)), 0);
    if (code != 0) return failure("cannot write the journal of a partial copy", code);
    return {};
}

Result<std::int64_t> Journal::prove(const Read& read, const Proven& proven) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(chunk, origin_.length)));
    std::int64_t record = 0;
    while (known_ < origin_.length) {
        Digest said;
        if (!filled(file_.get(), std::as_writable_bytes(std::span(&said, 1)), place_of(record))) {
            break;
        }
        const auto count = std::min(chunk, origin_.length - known_);
        const auto piece = std::span(bytes).first(static_cast<std::size_t>(count));
        if (!read(piece) || digest_of(piece) != said) break;
        proven(piece);
        known_ += count;
        ++record;
    }
    next_ = known_;
    if (retry([&] { return ::ftruncate(file_.get(), place_of(record)); }) != 0)
        return failure("cannot write the journal of a partial copy", errno);
    return known_;
}

Result<std::int64_t> Journal::prove(int file) {
    return prove([&](std::span<std::byte> piece) { return filled(file, piece, known_); },
                 [](std::span<const std::byte>) {});
}

Result<void> Journal::add(std::int64_t offset, std::span<const std::byte> bytes) {
    if (offset < next_) {
        const auto known = std::min<std::int64_t>(next_ - offset, std::ssize(bytes));
        bytes = bytes.subspan(static_cast<std::size_t>(known));
    }
    while (!bytes.empty()) {
        if (!digester_) digester_ = std::make_unique<Digester>();
        const std::int64_t end = std::min(known_ + chunk, origin_.length);
        const auto count = std::min<std::int64_t>(end - next_, std::ssize(bytes));
        digester_->add(bytes.first(static_cast<std::size_t>(count)));
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        next_ += count;
        if (next_ < end) continue;
        if (auto done = append(digester_->digest()); !done) return done;
        digester_.reset();
        known_ = end;
    }
    return {};
}

Result<void> Journal::append(const Digest& digest) {
    const std::int64_t record = known_ / chunk;
    const int code =
        write_whole(file_.get(), std::as_bytes(std::span(&digest, 1)), place_of(record));
    if (code != 0) return failure("cannot write the journal of a partial copy", code);
    return {};
}

void Journal::remove() {
    if (!file_) return;
    file_ = Descriptor();  // first: a file that is open has a name on NFS until it is closed
    ::unlinkat(folder_, name_.c_str(), 0);
}

}  // namespace splitcast::storage
