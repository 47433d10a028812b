#include "storage/posix.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <system_error>

namespace splitcast::storage {

namespace {

std::string_view without_trailing_slashes(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    return path;
}

}  // namespace

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Descriptor open_inner(int parent, const std::string& name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    return Descriptor(retry([&] { return ::openat(parent, name.c_str(), flags); }));
}

std::vector<std::string> names_in(int folder) {
    std::vector<std::string> found;
    Descriptor again = open_inner(folder, ".");  // read from its beginning
    DIR* const names = again ? ::fdopendir(again.get()) : nullptr;
    if (names == nullptr) return found;
    static_cast<void>(again.release());
    while (const dirent* entry = ::readdir(names)) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") found.emplace_back(name);
    }
    ::closedir(names);
    return found;
}

FileIdentity identity(const struct stat& facts) { return {facts.st_dev, facts.st_ino}; }

std::int64_t read_whole(int file, std::span<std::byte> into, std::int64_t offset) {
    std::int64_t done = 0;
    while (done < std::ssize(into)) {
        const auto rest = into.subspan(static_cast<std::size_t>(done));
        const ssize_t count =
            retry([&] { return ::pread(file, rest.data(), rest.size(), offset + done); });
        if (count < 0) return -1;
        if (count == 0) break;
        done += count;
    }
    return done;
}

int write_whole(int file, std::span<const std::byte> bytes, std::int64_t offset) {
    while (!bytes.empty()) {
        const ssize_t count =
            retry([&] { return ::pwrite(file, bytes.data(), bytes.size(), offset); });
        if (count <= 0) return count < 0 ? errno : EIO;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += count;
    }
    return 0;
}

Error system_error(Status status, std::string_view path, std::string_view what, int code) {
    // Not strerror, which may not be called by two threads at once.
    return {status, fmt::format("{}: {}: {}", path, what, std::generic_category().message(code))};
}

Error plain_error(Status status, std::string_view path, std::string_view what) {
    return {status, fmt::format("{}: {}", path, what)};
}

std::string size_text(std::int64_t bytes) {
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024) return fmt::format("{} bytes", bytes);
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, units[unit]);
}

std::string base_name(std::string_view path) {
    path = without_trailing_slashes(path);
    if (path.empty() || path == "/") return {};
    return std::string(path.substr(path.find_last_of('/') + 1));
}

std::string folder_of(std::string_view path) {
    path = without_trailing_slashes(path);
    const auto slash = path.find_last_of('/');
    if (slash == std::string_view::npos) return ".";
    return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace splitcast::storage
