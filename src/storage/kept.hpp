#pragma once

#include "splitcast/error.hpp"
#include "storage/posix.hpp"

#include <string>
#include <string_view>

/// What stays when a copy that may be resumed is interrupted: a file, or a folder, of a name that
/// the next copy finds. It is locked as long as its process lives.
namespace splitcast::storage::kept {

/// ".NAME.splitcast-WHAT", cut so that it is no longer than a name may be.
[[nodiscard]] std::string name(const std::string& of, std::string_view what);

/// A folder that only this user may look into, made or found. `around`: descriptor of the folder
/// that it lies in. `path`: for messages.
struct Folder {
    Descriptor folder;
    bool found = false;
};
Result<Folder> open_folder(int around, const std::string& of, const std::string& path);

/// Removes what copies of the other kind have left under the same name, if it is this user's and
/// nobody holds it. False: it is there still.
bool remove_file(int around, const std::string& of);
bool remove_folder(int around, const std::string& of);

}  // namespace splitcast::storage::kept
