#include "cli/exit_codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace splitcast::cli {

namespace {

struct Row {
    ExitCode code;
    std::string_view name;
    std::string_view meaning;
};

// docs/exit-codes.md and the manual pages say the same.
constexpr std::array rows{
    Row{ExitCode::success, "success", "all of it was done"},
    Row{ExitCode::internal, "internal", "a fault in splitcast itself"},
    Row{ExitCode::usage, "usage", "a wrong option, argument or setting"},
    Row{ExitCode::source, "source", "the source cannot be read, or changed meanwhile"},
    Row{ExitCode::destination, "destination", "a copy cannot be written, or its name is taken"},
    Row{ExitCode::integrity, "integrity", "what arrived is not what was sent"},
    Row{ExitCode::mpi, "mpi", "MPI failed"},
    Row{ExitCode::survivors_only, "survivors_only", "ranks were lost; all others are complete"},
    Row{ExitCode::source_lost, "source_lost", "ranks were lost, and the only source with them"},
    Row{ExitCode::memory, "memory", "out of memory"},
    Row{ExitCode::evicted, "evicted",
        "this rank did not answer, and the others went on without it"},
    Row{ExitCode::outliers, "outliers",
        "check: nodes or links are worse than the others, or were lost"},
};

struct Meaning {
    Status status;
    ExitCode code;
};
constexpr std::array meanings{
    Meaning{Status::success, ExitCode::success},
    Meaning{Status::argument, ExitCode::usage},
    Meaning{Status::setting, ExitCode::usage},
    Meaning{Status::mismatch, ExitCode::usage},
    Meaning{Status::mpi, ExitCode::mpi},
    Meaning{Status::source, ExitCode::source},
    Meaning{Status::destination, ExitCode::destination},
    Meaning{Status::integrity, ExitCode::integrity},
    Meaning{Status::memory, ExitCode::memory},
    Meaning{Status::lost, ExitCode::source_lost},
    Meaning{Status::evicted, ExitCode::evicted},
};

}  // namespace

ExitCode exit_code(Status status) {
    const auto* found = std::ranges::find(meanings, status, &Meaning::status);
    return found == meanings.end() ? ExitCode::internal : found->code;
}

std::string_view name(ExitCode code) { return std::ranges::find(rows, code, &Row::code)->name; }

std::string exit_code_help() {
    std::string text = "Exit status, the same on every rank that is left:\n";
    for (const Row& row : rows)
        text += fmt::format("  {:2}  {}\n", static_cast<int>(row.code), row.meaning);
    return text;
}

}  // namespace splitcast::cli
