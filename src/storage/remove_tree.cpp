#include "storage/remove_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace splitcast::storage {

namespace {

int open_folder(int parent, const char* name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int folder = ::openat(parent, name, flags);
    // A folder may be such that its own owner may not look into it.
    if (folder < 0 && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0)
        folder = ::openat(parent, name, flags);
    return folder;
}

/// As glibc's readdir may ask for memory, the kernel is asked. The layout is that of getdents64(2).
struct Record {
    static constexpr std::size_t length_at = 16;
    static constexpr std::size_t name_at = 19;
};

enum class Outcome : std::uint8_t { removed, descended, stuck };

/// Removes one thing in `folder`; a folder that is not empty is opened instead, and is `folder`
/// from then on.
Outcome remove_one(int& folder, const char* name) {
    if (::unlinkat(folder, name, 0) == 0 || errno == ENOENT) return Outcome::removed;
    if (::unlinkat(folder, name, AT_REMOVEDIR) == 0) return Outcome::removed;
    if (errno == EACCES && ::fchmod(folder, 0700) == 0) {
        if (::unlinkat(folder, name, 0) == 0) return Outcome::removed;
        if (::unlinkat(folder, name, AT_REMOVEDIR) == 0) return Outcome::removed;
    }
    const int inner = open_folder(folder, name);
    if (inner < 0) return Outcome::stuck;
    ::close(folder);
    folder = inner;
    return Outcome::descended;
}

/// Once through a folder: `seen` counts what was in it.
Outcome pass_through(int& folder, int& seen) {
    alignas(8) std::array<char, 4096> buffer{};
    if (::lseek(folder, 0, SEEK_SET) < 0) return Outcome::stuck;
    for (;;) {
        const long bytes = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
        if (bytes < 0) return Outcome::stuck;
        if (bytes == 0) return Outcome::removed;
        for (long at = 0; at < bytes;) {
            const char* record = buffer.data() + at;
            std::uint16_t length = 0;
            std::memcpy(&length, record + Record::length_at, sizeof length);
            at += length;
            const char* name = record + Record::name_at;
            if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
            ++seen;
            const Outcome outcome = remove_one(folder, name);
            if (outcome != Outcome::removed) return outcome;
        }
    }
}

/// Again and again: some file systems pass over names when others are removed on the way. Not for
/// ever: others show, for as long as somebody has it open, a new name for each that is removed.
Outcome empty(int& folder) {
    constexpr int passes = 30;
    for (int pass = 0; pass < passes; ++pass) {
        int seen = 0;
        const Outcome outcome = pass_through(folder, seen);
        if (outcome != Outcome::removed || seen == 0) return outcome;
    }
    return Outcome::stuck;
}

/// Empties a folder and closes it. Only one folder is open at a time, however deep they are nested:
/// when one is empty, the one around it is looked through again.
bool empty_tree(int folder) {
    struct stat emptied{};
    for (int depth = 0;;) {
        const Outcome outcome = empty(folder);
        struct stat here{};
        const bool seen = ::fstat(folder, &here) == 0;
        const bool again = seen && here.st_ino == emptied.st_ino && here.st_dev == emptied.st_dev;
        const bool stuck = outcome == Outcome::stuck || !seen || again;
        if (stuck || (outcome == Outcome::removed && depth == 0)) {
            ::close(folder);
            return !stuck;
        }
        if (outcome == Outcome::descended) {
            ++depth;
            continue;
        }
        emptied = here;
        const int outer = ::openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::close(folder);
        if (outer < 0) return false;
        folder = outer;
        --depth;
    }
}

bool remove(int parent, const char* name) {
    if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
    if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) return true;
    const int folder = open_folder(parent, name);
    if (folder < 0 || !empty_tree(folder)) return false;
    return ::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

}  // namespace

bool remove_tree(int parent, const char* name) noexcept {
    const int before = errno;
    const bool gone = remove(parent, name);
    errno = before;
    return gone;
}

}  // namespace splitcast::storage
