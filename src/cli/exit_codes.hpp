#pragma once

#include "splitcast/error.hpp"

#include <string>
#include <string_view>

namespace splitcast::cli {

/// How the command ends; the same on every rank that is left. Part of its interface: numbers never
/// change their meaning.
enum class ExitCode : int {
    success = 0,
    internal = 1,
    usage = 2,
    source = 3,
    destination = 4,
    integrity = 5,
    mpi = 6,
    survivors_only = 7,  ///< ranks were lost, the others have everything
    source_lost = 8,     ///< ranks were lost, and with them the only source of some bytes
    memory = 9,
    evicted = 10,   ///< on this rank only: it did not answer, and the others went on without it
    outliers = 11,  ///< check: nodes or links are worse than the others, or were lost
};

[[nodiscard]] ExitCode exit_code(Status status);

/// One word for --json: "destination".
[[nodiscard]] std::string_view name(ExitCode code);

/// The list of codes for --help.
[[nodiscard]] std::string exit_code_help();

}  // namespace splitcast::cli
