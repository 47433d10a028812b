#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace splitcast::sim {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

inline std::uint64_t fresh_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 16U) ^ device();
}

}  // namespace splitcast::sim
