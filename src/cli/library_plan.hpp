#pragma once

#include "cli/copy_options.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <string>
#include <vector>

namespace splitcast::cli {

/// Which libraries go where (--send-libs).
struct LibraryPlan {
    struct Item {
        std::string folder;  ///< as a destination: NAME_libs beside the copy of the program NAME
        std::vector<std::string> libraries;
    };
    std::vector<Item> items;  ///< one for each source that needs some
};

/// As this process sees the sources and the destination.
[[nodiscard]] Result<LibraryPlan> plan_libraries(const CopyArguments& arguments);

/// What rank 0 has planned, or why it could not. Collective, with the same outcome on all ranks
/// that are left.
[[nodiscard]] Result<LibraryPlan> tell_all(MPI_Comm comm, const Result<LibraryPlan>& plan);

}  // namespace splitcast::cli
