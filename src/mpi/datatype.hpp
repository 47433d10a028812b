#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>

namespace splitcast::mpi {

/// What has to be known of `count` elements of a datatype to send them as bytes.
struct Layout {
    MPI_Datatype type = MPI_BYTE;
    MPI_Count count = 0;
    std::int64_t element_bytes = 0;  ///< of data in one element: its size, not its extent
    MPI_Aint extent = 0;
    /// The bytes lie in memory one after the other in the order of the type signature, from the
    /// buffer's address on: they can be sent from and received into their place.
    bool contiguous = true;

    [[nodiscard]] std::int64_t bytes() const { return count * element_bytes; }
};

/// Looks at a datatype. An error for a null or not committed one, or a negative count.
Result<Layout> layout_of(MPI_Count count, MPI_Datatype type);

}  // namespace splitcast::mpi
