#pragma once

#include "splitcast/error.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct stat;

namespace splitcast::storage {

/// An open file descriptor, closed by the destructor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int owned) : fd_(owned) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();

    [[nodiscard]] int get() const { return fd_; }
    /// The caller closes it.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// A folder in the folder `parent`, which is not reached through a symbolic link.
[[nodiscard]] Descriptor open_inner(int parent, const std::string& name);

/// What is in the folder, without "." and ".."; nothing if it cannot be read.
[[nodiscard]] std::vector<std::string> names_in(int folder);

/// Which file it is, on this host: two names of one file have the same identity.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
[[nodiscard]] FileIdentity identity(const struct stat& facts);

/// Calls a system call again as long as it is interrupted by signals.
template <class Call>
auto retry(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) result = call();
    return result;
}

/// Reads until `into` is full or the file is at its end. How many bytes that were; negative if the
/// system says no, and errno tells why.
[[nodiscard]] std::int64_t read_whole(int file, std::span<std::byte> into, std::int64_t offset);

/// Writes all of it. Zero, or the errno of what went wrong.
[[nodiscard]] int write_whole(int file, std::span<const std::byte> bytes, std::int64_t offset);

/// "PATH: WHAT: <what the system says>" for the errno given.
[[nodiscard]] Error system_error(Status status, std::string_view path, std::string_view what,
                                 int code);

/// "PATH: WHAT".
[[nodiscard]] Error plain_error(Status status, std::string_view path, std::string_view what);

/// "1.5 GiB", for messages.
[[nodiscard]] std::string size_text(std::int64_t bytes);

/// The part after the last '/' (of "a/b/" it is "b"); "/" and "" have none.
[[nodiscard]] std::string base_name(std::string_view path);

/// The folder that a name lies in: "." for a name without '/'.
[[nodiscard]] std::string folder_of(std::string_view path);

}  // namespace splitcast::storage
