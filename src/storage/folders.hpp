#pragma once

#include "splitcast/error.hpp"

#include <string>
#include <utility>
#include <vector>

namespace splitcast::storage {

/// `path`, or as much of its front as exists.
[[nodiscard]] std::string existing_folder(const std::string& path);

/// The folders that had to be made for a file; they can be taken away again if the file does not
/// come.
class MadeFolders {
public:
    MadeFolders() = default;
    MadeFolders(MadeFolders&& other) noexcept : made_(std::exchange(other.made_, {})) {}
    MadeFolders& operator=(MadeFolders&& other) noexcept {
        std::swap(made_, other.made_);
        return *this;
    }
    MadeFolders(const MadeFolders&) = delete;
    MadeFolders& operator=(const MadeFolders&) = delete;
    ~MadeFolders() { remove(); }

    /// Makes `folder` and those that it lies in, as far as they do not exist. If that fails, what
    /// was made so far is removed again.
    static Result<MadeFolders> make(const std::string& folder);

    [[nodiscard]] bool empty() const { return made_.empty(); }

    /// Removes the made folders that are empty, from the inside out. True if one was removed.
    /// Folders that others have put something into stay; when those have removed theirs, a second
    /// call gets further.
    bool remove();

    /// They stay.
    void keep();

private:
    std::vector<std::string> made_;  ///< outermost first
};

}  // namespace splitcast::storage
