#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

/// Bytes that tell their place and the broadcast that they belong to, so that a segment which ends
/// up in the wrong place, or comes from the broadcast before, is seen.
inline unsigned char payload_byte(std::size_t i, std::uint64_t salt) {
    std::uint64_t x = (i + 1) * 0x9E3779B97F4A7C15ULL ^ salt * 0xBF58476D1CE4E5B9ULL;
    x ^= x >> 31U;
    return static_cast<unsigned char>(x >> 7U);
}

inline std::vector<unsigned char> payload(std::size_t size, std::uint64_t salt) {
    std::vector<unsigned char> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = payload_byte(i, salt);
    return bytes;
}

inline int world_rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

inline int world_size() {
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
}

/// The whole payload on the root, something else elsewhere.
inline std::vector<unsigned char> before(std::size_t size, std::uint64_t salt, int root, int rank) {
    return rank == root ? payload(size, salt) : std::vector<unsigned char>(size, 0xA5);
}
