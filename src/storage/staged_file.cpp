#include "storage/staged_file.hpp"

#include "storage/kept.hpp"
#include "storage/unfinished.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>

namespace splitcast::storage {

namespace {

/// The name under which the kernel knows an open file without a name.
std::string open_file_name(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

/// "this is not possible here", as against "this went wrong".
bool unsupported(int code) { return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP; }

}  // namespace

Result<StagedFile> StagedFile::create(const std::string& path, std::int64_t length,
                                      const Options& options) {
    StagedFile file(path, length, options);
    for (const auto step : {&StagedFile::open_folder, &StagedFile::open_file}) {
        if (auto done = (file.*step)(); !done) return done.error();
    }
    if (auto done = file.reserve(); !done) return done.error();
    return file;
}

StagedFile::StagedFile(std::string path, std::int64_t length, const Options& options)
    : path_(std::move(path)), name_(base_name(path_)), length_(length), options_(options) {}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : path_(std::move(other.path_)),
      name_(std::move(other.name_)),
      temporary_(std::move(other.temporary_)),
      length_(other.length_),
      options_(other.options_),
      folder_(std::move(other.folder_)),
      file_(std::move(other.file_)),
      identity_(other.identity_),
      state_(std::exchange(other.state_, State::done)) {}

StagedFile::~StagedFile() { withdraw(); }

Error StagedFile::failure(std::string_view what, int code) const {
    return system_error(Status::destination, path_, what, code);
}

// From here on everything happens relative to this descriptor, so that the folder may be renamed,
// or a symbolic link on the way to it changed, and the file still goes to the folder that was
// checked.
Result<void> StagedFile::open_folder() {
    const std::string folder = folder_of(path_);
    folder_ =
        Descriptor(retry([&] { return ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (!folder_)
        return system_error(Status::destination, folder, "cannot open the destination's folder",
                            errno);
    return check_name();
}

Result<void> StagedFile::check_name() const {
    if (name_.empty() || name_ == "." || name_ == ".." || path_.ends_with('/')) {
        return plain_error(Status::destination, path_, "the destination is a folder");
    }
    struct stat facts{};
    if (::fstatat(folder_.get(), name_.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return failure("cannot examine the destination", errno);
    }
    if (S_ISDIR(facts.st_mode))
        return plain_error(Status::destination, path_, "the destination is a folder");
    // Replacing a device or a socket is never what was meant. A symbolic link is replaced, not
    // followed.
    if (!S_ISREG(facts.st_mode) && !S_ISLNK(facts.st_mode)) {
        return plain_error(Status::destination, path_,
                           "the destination exists and is not a regular file");
    }
    if (!options_.replace) return plain_error(Status::destination, path_, "the destination exists");
    return {};
}

Result<void> StagedFile::open_file() {
    if (options_.keep) return open_kept();
    const mode_t mode = options_.mode & 0777;
    if (!options_.named) {
        // Without a name, if both the file system and /proc play along. If not, whatever the
        // reason, the attempt with a name finds out what is wrong.
        file_ = Descriptor(retry(
            [&] { return ::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode); }));
        if (file_ && ::access(open_file_name(file_.get()).c_str(), F_OK) == 0) {
            state_ = State::anonymous;
            return {};
        }
    }
    for (int attempt = 0; attempt < 100; ++attempt) {
        temporary_ = fresh_name();
        // O_EXCL also says no to a symbolic link that somebody has planted under this name.
        constexpr int flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC;
        unfinished::add_file(folder_.get(), temporary_);
        file_ = Descriptor(
            retry([&] { return ::openat(folder_.get(), temporary_.c_str(), flags, mode); }));
        if (file_) {
            state_ = State::named;
            return {};
        }
        const int code = errno;
        unfinished::drop_file(folder_.get(), temporary_);
        if (code != EEXIST) return failure("cannot make a file in the destination's folder", code);
    }
    return failure("cannot make a file in the destination's folder", EEXIST);
}

/// The file that an earlier copy has left, or a new one of that name.
Result<void> StagedFile::open_kept() {
    const mode_t mode = options_.mode & 0777;
    temporary_ = kept_name("partial");
    // O_NOFOLLOW: where somebody has planted a symbolic link, nothing is written through it.
    constexpr int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const auto open = [&] { return ::openat(folder_.get(), temporary_.c_str(), flags, mode); };
    file_ = Descriptor(retry(open));
    if (!file_ && errno == EISDIR) {
        const auto removed = kept::remove_folder(folder_.get(), name_);
        if (removed == kept::Removal::held) return kept::under_way(path_);
        file_ = Descriptor(retry(open));
    }
    if (!file_) return failure("cannot make the partial file " + temporary_, errno);
    struct stat facts{};
    if (::fstat(file_.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
        facts.st_uid != ::geteuid() || facts.st_nlink != 1) {
        return failure(temporary_ + " is not a partial file of this user", EPERM);
    }
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return kept::under_way(path_);
    // Permissions may have been others then, and never become wider than they are to be.
    if ((facts.st_mode & 07777 & ~mode) != 0 && ::fchmod(file_.get(), facts.st_mode & mode) != 0)
        return failure("cannot set the permissions of " + temporary_, errno);
    if (facts.st_size > length_ && retry([&] { return ::ftruncate(file_.get(), length_); }) != 0)
        return failure("cannot shorten " + temporary_, errno);
    state_ = State::named;
    return {};
}

std::string StagedFile::kept_name(std::string_view what) const { return kept::name(name_, what); }

std::string StagedFile::fresh_name() const {
    std::uint64_t chance = 0;
    if (::getrandom(&chance, sizeof chance, 0) != static_cast<ssize_t>(sizeof chance)) {
        chance = static_cast<std::uint64_t>(::getpid());
    }
    const std::string ending = fmt::format(".{:016x}.splitcast", chance);
    // The name must not be longer than a name may be. It need not be valid UTF-8 if it is cut.
    return "." + name_.substr(0, NAME_MAX - 1 - ending.size()) + ending;
}

Result<void> StagedFile::reserve() const {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        static_cast<rlim_t>(length_) > limit.rlim_cur) {
        return failure(fmt::format("no room for {} (see ulimit -f)", size_text(length_)), EFBIG);
    }
    if (length_ == 0) return {};
    // Not posix_fallocate: where the file system cannot reserve, that writes to every block.
    if (retry([&] { return ::fallocate(file_.get(), 0, 0, length_); }) == 0) return {};
    if (!unsupported(errno))
        return failure(fmt::format("no room for {}", size_text(length_)), errno);

    // The best that can be said in advance.
    struct statvfs space{};
    if (::fstatvfs(file_.get(), &space) == 0 &&
        static_cast<std::uint64_t>(length_) / std::max<std::uint64_t>(space.f_frsize, 1) >
            space.f_bavail) {
        return failure(fmt::format("no room for {}", size_text(length_)), ENOSPC);
    }
    if (retry([&] { return ::ftruncate(file_.get(), length_); }) != 0)
        return failure(fmt::format("cannot make the file {} long", size_text(length_)), errno);
    return {};
}

Result<void> StagedFile::seal() {
    struct stat facts{};
    if (::fstat(file_.get(), &facts) != 0) return failure("cannot examine the file", errno);
    if (facts.st_size != length_) {
        return plain_error(
            Status::destination, path_,
            fmt::format("the file has {} bytes instead of {}", facts.st_size, length_));
    }
    if (options_.sync && retry([&] { return ::fsync(file_.get()); }) != 0) {
        return failure("cannot bring the file to the disk", errno);
    }
    // Network file systems tell of a failed write when the file is closed, be it by a second
    // descriptor.
    const int second = ::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0);
    if (second >= 0 && ::close(second) != 0 && errno != EINTR)
        return failure("cannot write", errno);
    return {};
}

Result<void> StagedFile::publish() {
    struct stat facts{};
    if (::fstat(file_.get(), &facts) != 0) return failure("cannot examine the file", errno);
    identity_ = identity(facts);
    const bool exists = ::fstatat(folder_.get(), name_.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
    // Until it is settled a signal handler takes the name back, as withdraw does: it may be that
    // other ranks have not come so far.
    auto done = exists && options_.replace ? publish_over() : publish_new();
    if (!done) unfinished::drop_published(folder_.get(), name_);
    return done;
}

/// Gives an anonymous file a temporary name, from where it can be moved over another one.
Result<void> StagedFile::give_temporary_name() {
    if (state_ == State::named) return {};
    temporary_ = fresh_name();
    unfinished::add_file(folder_.get(), temporary_);
    if (::linkat(AT_FDCWD, open_file_name(file_.get()).c_str(), folder_.get(), temporary_.c_str(),
                 AT_SYMLINK_FOLLOW) != 0) {
        const int code = errno;
        unfinished::drop_file(folder_.get(), temporary_);
        return failure("cannot name the file", code);
    }
    state_ = State::named;
    return {};
}

Result<void> StagedFile::publish_new() {
    unfinished::add_published(folder_.get(), name_, identity_);
    if (state_ == State::anonymous) {
        if (::linkat(AT_FDCWD, open_file_name(file_.get()).c_str(), folder_.get(), name_.c_str(),
                     AT_SYMLINK_FOLLOW) != 0) {
            return failure("cannot name the file", errno);
        }
        state_ = State::published;
        return {};
    }
    int result = ::renameat2(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str(),
                             RENAME_NOREPLACE);
    if (result != 0 && unsupported(errno)) {
        // A link does not replace either. The old name goes below.
        result = ::linkat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str(), 0);
        if (result == 0) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
    }
    if (result != 0) return failure("cannot name the file", errno);
    unfinished::drop_file(folder_.get(), temporary_);
    state_ = State::published;
    return {};
}

Result<void> StagedFile::publish_over() {
    if (auto done = give_temporary_name(); !done) return done;
    const auto rename = [this](unsigned flags) {
        return ::renameat2(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str(), flags);
    };
    // The old file takes the temporary name until it is certain that nobody wants it back.
    unfinished::add_published(folder_.get(), name_, identity_, temporary_);
    if (rename(RENAME_EXCHANGE) == 0) {
        state_ = State::exchanged;
        return {};
    }
    if (!unsupported(errno) && errno != ENOENT) return failure("cannot replace the file", errno);
    // Here the old file is lost at once.
    unfinished::drop_published(folder_.get(), name_);
    unfinished::add_published(folder_.get(), name_, identity_);
    if (rename(0) != 0) return failure("cannot replace the file", errno);
    unfinished::drop_file(folder_.get(), temporary_);
    state_ = State::published;
    return {};
}

void StagedFile::drop_temporary_name() {
    ::unlinkat(folder_.get(), temporary_.c_str(), 0);
    unfinished::drop_file(folder_.get(), temporary_);
}

void StagedFile::settle() {
    unfinished::drop_published(folder_.get(), name_);  // first: from here on it stays
    if (state_ == State::exchanged) drop_temporary_name();
    state_ = State::done;
    if (!options_.sync) return;
    const Descriptor folder(
        retry([&] { return ::openat(folder_.get(), ".", O_RDONLY | O_CLOEXEC); }));
    if (folder) ::fsync(folder.get());
}

/// Somebody may have put something else under the final name.
bool StagedFile::name_is_ours() const {
    struct stat there{};
    return ::fstatat(folder_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           identity(there) == identity_;
}

void StagedFile::withdraw() {
    switch (std::exchange(state_, State::done)) {
        case State::anonymous:
        case State::done: break;
        case State::named:
            if (!options_.keep) drop_temporary_name();
            break;
        case State::exchanged:
            if (name_is_ours() && ::renameat2(folder_.get(), temporary_.c_str(), folder_.get(),
                                              name_.c_str(), RENAME_EXCHANGE) != 0) {
                // What was replaced is lost to its name, but not lost.
                unfinished::drop_file(folder_.get(), temporary_);
            } else if (!options_.keep) {
                drop_temporary_name();
            }
            unfinished::drop_published(folder_.get(), name_);
            break;
        case State::published:
            if (name_is_ours() &&
                (!options_.keep || ::renameat(folder_.get(), name_.c_str(), folder_.get(),
                                              temporary_.c_str()) != 0)) {
                ::unlinkat(folder_.get(), name_.c_str(), 0);
            }
            unfinished::drop_published(folder_.get(), name_);
            break;
    }
    file_ = Descriptor();
}

void StagedFile::discard() {
    options_.keep = false;
    withdraw();
}

}  // namespace splitcast::storage
