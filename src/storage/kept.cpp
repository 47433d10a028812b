#include "storage/kept.hpp"

#include "storage/remove_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <optional>

namespace splitcast::storage::kept {

namespace {

/// O_NOFOLLOW: where somebody has planted a symbolic link, nothing is done to what it leads to.
Descriptor open(int around, const std::string& name, int more) {
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | more;
    return Descriptor(retry([&] { return ::openat(around, name.c_str(), flags); }));
}

std::optional<struct stat> facts_of_own(int file) {
    struct stat facts{};
    if (::fstat(file, &facts) != 0 || facts.st_uid != ::geteuid()) return std::nullopt;
    return facts;
}

/// Where there are no locks nobody holds anything.
bool held_by_another(int file) {
    return ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

std::string name(const std::string& of, std::string_view what) {
    const std::string ending = fmt::format(".splitcast-{}", what);
    return "." + of.substr(0, NAME_MAX - 1 - ending.size()) + ending;
}

Result<Folder> open_folder(int around, const std::string& of, const std::string& path) {
    const std::string wanted = name(of, "partial");
    const auto failure = [&](std::string_view what, int code) {
        return system_error(Status::destination, path, fmt::format("{} {}", what, wanted), code);
    };
    // Who had it may be done with it, and remove it, between any two of these steps.
    constexpr int attempts = 100;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const bool made = ::mkdirat(around, wanted.c_str(), 0700) == 0;
        if (!made && errno != EEXIST) return failure("cannot make the partial copy", errno);
        Folder there{.folder = open(around, wanted, O_DIRECTORY), .found = !made};
        if (!there.folder) {
            const int code = errno;
            if (code == ENOENT) continue;
            const Removal removed = code == ENOTDIR ? remove_file(around, of) : Removal::failed;
            if (removed == Removal::gone) continue;
            if (removed == Removal::held) return under_way(path);
            return failure("cannot open the partial copy", code);
        }
        const auto facts = facts_of_own(there.folder.get());
        if (!facts) return failure("another user has made", EPERM);
        if ((facts->st_mode & 0777U) != 0700 && ::fchmod(there.folder.get(), 0700) != 0)
            return failure("cannot set the permissions of", errno);
        if (held_by_another(there.folder.get())) return under_way(path);
        struct stat still{};
        if (::fstat(there.folder.get(), &still) == 0 && still.st_nlink > 0) return there;
    }
    return failure("cannot make the partial copy", EEXIST);
}

Error under_way(const std::string& path) {
    return plain_error(Status::destination, path, "another copy to it is under way");
}

Removal remove_file(int around, const std::string& of) {
    const std::string wanted = name(of, "partial");
    const Descriptor file = open(around, wanted, 0);
    const auto facts = file ? facts_of_own(file.get()) : std::nullopt;
    if (!facts || !S_ISREG(facts->st_mode) || facts->st_nlink != 1) return Removal::failed;
    if (held_by_another(file.get())) return Removal::held;
    ::unlinkat(around, name(of, "journal").c_str(), 0);
    return ::unlinkat(around, wanted.c_str(), 0) == 0 ? Removal::gone : Removal::failed;
}

Removal remove_folder(int around, const std::string& of) {
    const std::string wanted = name(of, "partial");
    const Descriptor folder = open(around, wanted, O_DIRECTORY);
    if (!folder || !facts_of_own(folder.get())) return Removal::failed;
    if (held_by_another(folder.get())) return Removal::held;
    return remove_tree(around, wanted.c_str()) ? Removal::gone : Removal::failed;
}

}  // namespace splitcast::storage::kept
