#include "mpi/datatype.hpp"

#include "mpi/communicator.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace splitcast::mpi {

namespace {

// Elements up to this size are looked at by packing one; larger ones that are not plain count as
// scattered, which is always right and only slower.
constexpr MPI_Count largest_tried = 1 << 20;

// Size and extent cannot tell whether the order of the bytes in memory is that of the signature, so
// ask MPI: pack one element whose bytes are all different from their neighbours at any plausible
// shift.
bool packs_to_itself(MPI_Datatype type, MPI_Count size) {
    std::vector<unsigned char> element(static_cast<std::size_t>(size));
    std::uint32_t state = 1;
    for (unsigned char& byte : element) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<unsigned char>(state >> 24U);
    }
    std::vector<unsigned char> packed(element.size());
    int position = 0;
    const int code = MPI_Pack(element.data(), 1, type, packed.data(),
                              static_cast<int>(packed.size()), &position, MPI_COMM_SELF);
    return code == MPI_SUCCESS && position == static_cast<int>(size) && packed == element;
}

bool is_named(MPI_Datatype type) {
    int integers = 0;
    int addresses = 0;
    int types = 0;
    int combiner = MPI_COMBINER_NAMED;
    MPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner);
    return combiner == MPI_COMBINER_NAMED;
}

}  // namespace

Result<Layout> layout_of(MPI_Count count, MPI_Datatype type) {
    if (count < 0)
        return Error{Status::argument, "the count is negative (" + std::to_string(count) + ")"};
    if (type == MPI_DATATYPE_NULL)
        return Error{Status::argument, "the datatype is MPI_DATATYPE_NULL"};
    MPI_Count size = 0;
    int code = MPI_Type_size_x(type, &size);
    if (code != MPI_SUCCESS) return failure("MPI_Type_size_x", code);
    MPI_Aint lower = 0;
    MPI_Aint extent = 0;
    MPI_Aint true_lower = 0;
    MPI_Aint true_extent = 0;
    code = MPI_Type_get_extent(type, &lower, &extent);
    if (code == MPI_SUCCESS) code = MPI_Type_get_true_extent(type, &true_lower, &true_extent);
    if (code != MPI_SUCCESS) return failure("MPI_Type_get_extent", code);
    if (size > 0 && count > std::numeric_limits<std::int64_t>::max() / size) {
        return Error{Status::argument, "count times size of the datatype is more than 2^63 bytes"};
    }
    Layout layout{.type = type, .count = count, .element_bytes = size, .extent = extent};
    if (layout.bytes() == 0) return layout;
    const bool dense = true_lower == 0 && true_extent == size && (count == 1 || extent == size);
    layout.contiguous =
        dense && (is_named(type) || (size <= largest_tried && packs_to_itself(type, size)));
    if (!layout.contiguous && size > std::numeric_limits<int>::max()) {
        return Error{Status::argument,
                     "one element of the datatype has " + std::to_string(size) +
                         " bytes that are not contiguous; MPI_Pack takes less than 2^31: use "
                         "more and smaller elements"};
    }
    return layout;
}

}  // namespace splitcast::mpi
