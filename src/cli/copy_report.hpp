#pragma once

#include "cli/copy_options.hpp"
#include "cli/exit_codes.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace splitcast::cli {

/// Libraries that were copied beside a program.
struct SentLibraries {
    std::string folder;  ///< as a destination: with %h and %r
    std::vector<std::string> libraries;
    CopyReport report;
};

/// What the whole command came to.
struct CopyOutcome {
    CopyReport report;
    std::vector<SentLibraries> libraries;
};

[[nodiscard]] ExitCode exit_code(const CopyOutcome& outcome);

/// For people.
void tell(const Voice& voice, const CopyArguments& arguments, const CopyOutcome& outcome);

/// For programs.
[[nodiscard]] nlohmann::json to_json(const CopyArguments& arguments, const CopyOutcome& outcome);

}  // namespace splitcast::cli
