#pragma once

#include "splitcast/error.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::cli {

/// Shared libraries that the program `file` loads when it is started here and now, with the names
/// that it asks for them by, as the dynamic loader's `ldd` finds them; those below an `excluded`
/// folder left out. None if `file` is no dynamically linked program. An error if one that it needs
/// is not there.
[[nodiscard]] Result<std::vector<std::string>> needed_libraries(
    const std::string& file, std::span<const std::string> excluded);

/// The same of what ldd has said about `file`.
[[nodiscard]] Result<std::vector<std::string>> libraries_in(std::string_view said,
                                                            const std::string& file,
                                                            std::span<const std::string> excluded);

}  // namespace splitcast::cli
