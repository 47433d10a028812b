#pragma once

#include "splitcast/error.hpp"
#include "storage/posix.hpp"

#include <cstdint>
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

/// What one says of a copy whose partial file or folder is locked.
Error under_way(const std::string& path);

/// Removes what copies of the other kind have left under the same name, if it is this user's and
/// nobody holds it.
enum class Removal : std::uint8_t { gone, held, failed };
Removal remove_file(int around, const std::string& of);
Removal remove_folder(int around, const std::string& of);

}  // namespace splitcast::storage::kept
