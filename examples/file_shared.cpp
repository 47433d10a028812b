// A file once into memory of every node, in C++: its ranks share it, and none of them can write to
// it. With 64 ranks on a node it crosses the network once and takes its size once, not 64 times.
//
//   mpirun -n 8 ./file_shared mesh.bin

#include <mpi.h>

#include <splitcast/file.hpp>

#include <cstdio>

static int run(const char* path) {
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    if (!team) return std::fprintf(stderr, "%s\n", team.error().text.c_str()), 1;

    auto file = splitcast::read_file_shared(*team, path);
    if (!file) {
        if (team->rank() == 0) std::fprintf(stderr, "%s\n", file.error().text.c_str());
        return 1;
    }

    // Every rank looks at its part of the same memory.
    const auto bytes = file->bytes();
    const auto ranks = static_cast<std::size_t>(team->size());
    const auto rank = static_cast<std::size_t>(team->rank());
    const std::size_t begin = bytes.size() * rank / ranks;
    const std::size_t end = bytes.size() * (rank + 1) / ranks;
    unsigned long long sum = 0;
    for (const std::byte byte : bytes.subspan(begin, end - begin)) {
        sum += std::to_integer<unsigned>(byte);
    }
    std::printf("rank %d: bytes %zu to %zu of %zu add up to %llu\n", team->rank(), begin, end,
                bytes.size(), sum);
    // Freed by each rank when it likes; the memory goes with the last one's.
    return 0;
}

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int status = 2;
    if (argc == 2) {
        status = run(argv[1]);
    } else {
        std::fprintf(stderr, "usage: file_shared FILE\n");
    }
    MPI_Finalize();
    return status;
}
