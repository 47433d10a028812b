#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <optional>
#include <string>
#include <vector>

namespace splitcast::api {

/// What all ranks of `comm` make of their own failures: nothing if no rank failed, else the same
/// error on every rank, with the rank and host it happened on, unless all ranks have it. Of several
/// the most telling is chosen: a source that cannot be read is the reason why copies are wrong, not
/// the other way round. Collective.
std::optional<Error> agree(MPI_Comm comm, const std::optional<Error>& mine);

/// Waits for all ranks of `comm` without taking the processor from those that work. Collective.
std::optional<Error> wait_for_all(MPI_Comm comm);

/// `text` of every rank, in order, on rank 0; nothing elsewhere. Collective.
Result<std::vector<std::string>> gather_texts(MPI_Comm comm, const std::string& text);

}  // namespace splitcast::api
