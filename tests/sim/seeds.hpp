#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

namespace splitcast::sim {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

inline std::uint64_t fresh_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 16U) ^ device();
}

/// Fresh seeds that have failed, kept in a file of the folder in which the tests run: they are
/// tried first from then on, so that no second try passes because it was given other seeds.
inline void remember(const char* file, std::uint64_t seed) {
    std::ofstream(file, std::ios::app) << seed << "\n";
}

inline std::vector<std::uint64_t> remembered(const char* file) {
    std::vector<std::uint64_t> seeds;
    std::ifstream in(file);
    for (std::uint64_t seed = 0; in >> seed;) seeds.push_back(seed);
    return seeds;
}

}  // namespace splitcast::sim
