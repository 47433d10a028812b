#include "storage/attributes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace splitcast::storage {

namespace {

/// Calls twice: for the size, and for the content. Nothing if that fails, or it grew meanwhile.
template <class Call>
std::string sized(Call call) {
    const ssize_t size = call(nullptr, 0);
    if (size <= 0) return {};
    std::string content(static_cast<std::size_t>(size), '\0');
    const ssize_t count = call(content.data(), content.size());
    if (count < 0) return {};
    content.resize(static_cast<std::size_t>(count));
    return content;
}

/// Has the copy the owner and the group of the source, or got them?
bool give_owner(int file, const Entry& entry, const std::string& path, Shortfalls& shortfalls) {
    struct stat facts{};
    if (::fstat(file, &facts) != 0) return false;
    if (facts.st_uid == entry.owner && facts.st_gid == entry.group) return true;
    if (::fchown(file, entry.owner, entry.group) == 0) return true;
    const int code = errno;
    // The group may be one of this process's own.
    if (facts.st_gid != entry.group) static_cast<void>(::fchown(file, UINT32_MAX, entry.group));
    shortfalls.add("owner", path, code);
    return false;
}

std::array<timespec, 2> times(const Entry& entry) {
    return {to_timespec(entry.accessed), to_timespec(entry.modified)};
}

}  // namespace

std::vector<Attribute> attributes_of(int folder, const std::string& name) {
    // There is no such call relative to a folder.
    const std::string path =
        folder == AT_FDCWD ? name : fmt::format("/proc/self/fd/{}/{}", folder, name);
    const std::string names =
        sized([&](char* to, std::size_t size) { return ::llistxattr(path.c_str(), to, size); });
    std::vector<Attribute> attributes;
    for (std::size_t at = 0; at < names.size();) {
        const char* attribute = names.c_str() + at;
        at += std::strlen(attribute) + 1;
        std::string value = sized([&](char* to, std::size_t size) {
            return ::lgetxattr(path.c_str(), attribute, to, size);
        });
        attributes.push_back({attribute, std::move(value)});
    }
    std::ranges::sort(attributes, {}, &Attribute::name);
    return attributes;
}

Timestamp timestamp(const timespec& time) {
    return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
}

timespec to_timespec(const Timestamp& time) {
    return {.tv_sec = time.seconds, .tv_nsec = static_cast<long>(time.nanoseconds)};
}

void Shortfalls::add(std::string_view what, const std::string& path, int code) {
    Kind& kind = kinds_[std::string(what)];
    if (kind.count++ > 0) return;
    kind.first = fmt::format("{}: {} was not preserved: {}", path, what,
                             std::generic_category().message(code));
}

std::vector<std::string> Shortfalls::texts() const {
    std::vector<std::string> texts;
    texts.reserve(kinds_.size());
    for (const auto& [what, kind] : kinds_) {
        texts.push_back(kind.count == 1
                            ? kind.first
                            : fmt::format("{}; and {} more", kind.first, kind.count - 1));
    }
    return texts;
}

void preserve(int file, const Entry& entry, const std::string& path, Shortfalls& shortfalls) {
    Entry granted = entry;
    if (!give_owner(file, entry, path, shortfalls)) granted.mode &= 0777U;
    // Behind the owner, a change of whom takes capabilities away; in front of the permissions,
    // which may forbid to write.
    for (const Attribute& attribute : entry.attributes) {
        if (::fsetxattr(file, attribute.name.c_str(), attribute.value.data(),
                        attribute.value.size(), 0) != 0)
            shortfalls.add("the attribute " + attribute.name, path, errno);
    }
    preserve_mode_and_times(file, granted, path, shortfalls);
}

void preserve_mode_and_times(int file, const Entry& entry, const std::string& path,
                             Shortfalls& shortfalls) {
    if (::fchmod(file, entry.mode) != 0) shortfalls.add("permissions", path, errno);
    if (::futimens(file, times(entry).data()) != 0) shortfalls.add("times", path, errno);
}

void preserve_unopened(int folder, const Entry& entry, const std::string& path,
                       Shortfalls& shortfalls) {
    const char* name = entry.name.c_str();
    struct stat facts{};
    if (::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return;
    bool owned = facts.st_uid == entry.owner && facts.st_gid == entry.group;
    if (!owned) {
        owned = ::fchownat(folder, name, entry.owner, entry.group, AT_SYMLINK_NOFOLLOW) == 0;
        if (!owned) shortfalls.add("owner", path, errno);
    }
    // The permissions of a symbolic link mean nothing.
    const mode_t mode = owned ? entry.mode : entry.mode & 0777U;
    if (entry.kind == Kind::pipe && ::fchmodat(folder, name, mode, 0) != 0)
        shortfalls.add("permissions", path, errno);
    if (::utimensat(folder, name, times(entry).data(), AT_SYMLINK_NOFOLLOW) != 0)
        shortfalls.add("times", path, errno);
}

}  // namespace splitcast::storage
