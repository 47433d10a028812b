#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Files for the tests: a dataset of every kind that there is.
namespace samples {

/// Paths of the datasets whose elements have a fixed size, in the file that make() makes.
const std::vector<std::string>& fixed();

/// And of those whose elements have parts of variable length.
const std::vector<std::string>& variable();

/// Makes the file; the same seed gives the same data. Prints HDF5's complaints and returns false if
/// it cannot.
bool make(const std::string& path, std::uint64_t seed);

/// A chunked and compressed dataset /field of `rows` x 256 doubles.
bool make_field(const std::string& path, std::uint64_t rows, std::uint64_t seed);

/// A dataset /huge of more than 2 GiB that takes little room in the file.
bool make_huge(const std::string& path);

}  // namespace samples
