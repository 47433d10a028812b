// A file into memory of every rank, in C++. One rank reads it; the others never open it.
//
//   mpirun -n 8 ./file_to_memory mesh.bin

#include <mpi.h>

#include <splitcast/file.hpp>

#include <cstdio>
#include <numeric>

static int run(const char* path) {
    // A team is made once, and used for as many files and broadcasts as you like.
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    if (!team) return std::fprintf(stderr, "%s\n", team.error().text.c_str()), 1;

    // Rank 0 reads while the network carries what it has read. Every rank gets the same outcome:
    // if the file is not there, or a node has no memory for it, all of them are told.
    auto file = splitcast::read_file(*team, path);
    if (!file) {
        if (team->rank() == 0) std::fprintf(stderr, "%s\n", file.error().text.c_str());
        return 1;
    }

    // The bytes begin at the start of a page, so numbers in them can be used where they are.
    const auto bytes = file->bytes();
    const auto sum = std::accumulate(bytes.begin(), bytes.end(), 0ULL,
                                     [](unsigned long long so_far, std::byte byte) {
                                         return so_far * 31 + std::to_integer<unsigned>(byte);
                                     });
    std::printf("rank %d: %zu bytes in %.3f s; checksum %016llx\n", team->rank(), bytes.size(),
                file->seconds(), sum);

    // A part of it is had in the same way: here the second half.
    auto half =
        splitcast::read_file(*team, path, {.offset = static_cast<std::int64_t>(bytes.size() / 2)});
    return half ? 0 : 1;
}

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int status = 2;
    if (argc == 2) {
        status = run(argv[1]);
    } else {
        std::fprintf(stderr, "usage: file_to_memory FILE\n");
    }
    MPI_Finalize();
    return status;
}
