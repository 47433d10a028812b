// Makes a file for the tests of the command: make_sample sample|field FILE SEED

#include "h5/samples.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: make_sample sample|field FILE SEED\n");
        return 2;
    }
    const std::uint64_t seed = std::strtoull(argv[3], nullptr, 10);
    const bool made = std::string_view(argv[1]) == "field"
                          ? samples::make_field(argv[2], 16384, seed)
                          : samples::make(argv[2], seed);
    return made ? 0 : 1;
}
