#pragma once

#include "splitcast/error.hpp"
#include "storage/catalogue.hpp"
#include "storage/folder_cursor.hpp"
#include "storage/posix.hpp"

#include <string>
#include <vector>

namespace splitcast::storage {

/// What is to be copied, as it was found.
struct Sources {
    Catalogue catalogue;
    std::vector<Place> places;
    std::vector<FileIdentity> identities;  ///< of the items
};

/// Walks through `paths`: each a regular file or a folder, or a symbolic link to one. Below them
/// symbolic links are what they are. Everything that cannot be copied is an error that names it; a
/// file that may not be read, too.
Result<Sources> walk(const std::vector<std::string>& paths, bool with_attributes);

/// One regular file without holes: it can go as it is, with no catalogue.
[[nodiscard]] bool is_plain_file(const std::string& path);

}  // namespace splitcast::storage
