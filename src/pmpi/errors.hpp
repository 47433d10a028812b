#pragma once

#include "collectives/control.hpp"
#include "splitcast/error.hpp"

#include <optional>

namespace splitcast::pmpi {

/// Makes MPI error codes of splitcast's own. Local; once, after MPI_Init.
void make_error_codes();

/// The MPI error code for a failed broadcast. Its class is what MPI programs expect for such a
/// failure, its string (MPI_Error_string) the text of the latest failure with this code.
int error_code(const Error& error, const std::optional<collectives::Mismatch>& mismatch);

}  // namespace splitcast::pmpi
