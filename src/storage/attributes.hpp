#pragma once

#include "storage/catalogue.hpp"

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

namespace splitcast::storage {

/// The extended attributes of what `name` in `folder` is, a symbolic link not followed. None where
/// the file system knows none, or does not tell.
[[nodiscard]] std::vector<Attribute> attributes_of(int folder, const std::string& name);

[[nodiscard]] Timestamp timestamp(const timespec& time);
[[nodiscard]] timespec to_timespec(const Timestamp& time);

/// What copies lack that was asked for: by kind, with one example and how many there are, so that a
/// million files do not make a million lines.
class Shortfalls {
public:
    void add(std::string_view what, const std::string& path, int code);
    [[nodiscard]] std::vector<std::string> texts() const;

private:
    struct Kind {
        std::string first;
        std::int64_t count = 0;
    };
    std::map<std::string, Kind, std::less<>> kinds_;
};

/// Gives the copy of `entry`, open as `file`, owner, attributes, permissions and times, as far as
/// this process may; what it may not goes to `shortfalls`. Only who has the owner has the special
/// bits. For files and folders.
void preserve(int file, const Entry& entry, const std::string& path, Shortfalls& shortfalls);

/// Permissions and times alone.
void preserve_mode_and_times(int file, const Entry& entry, const std::string& path,
                             Shortfalls& shortfalls);

/// The same for what cannot be opened: symbolic links and pipes.
void preserve_unopened(int folder, const Entry& entry, const std::string& path,
                       Shortfalls& shortfalls);

}  // namespace splitcast::storage
