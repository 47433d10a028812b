#include "support/random.hpp"

#include <cstdlib>

namespace splitcast::tests {

std::uint64_t seed_of_case(std::uint64_t index) {
    const char* text = std::getenv("SPLITCAST_SEED");
    const std::uint64_t base = text == nullptr ? 20250101U : std::strtoull(text, nullptr, 0);
    return base + index;
}

std::string replay(std::uint64_t seed) {
    return "seed " + std::to_string(seed) + ": replay with SPLITCAST_SEED=" + std::to_string(seed);
}

}  // namespace splitcast::tests
