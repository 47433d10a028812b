// A table of an HDF5 file once into memory of every node, in C++: the ranks of a node share it.
//
//   mpirun -n 8 ./h5_shared data.h5 /table

#include <mpi.h>

#include <splitcast/h5.hpp>
#include <splitcast/splitcast.hpp>

#include <cstdio>
#include <string>

namespace h5 = splitcast::h5;

static int run(const std::string& file, const std::string& path) {
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    if (!team) return std::fprintf(stderr, "%s\n", team.error().text.c_str()), 1;

    // Once: who shares memory with whom. Rank 0 is going to read.
    auto nodes = h5::Nodes::create(*team, 0);
    if (!nodes) return std::fprintf(stderr, "%s\n", nodes.error().text.c_str()), 1;

    // For each table: it crosses the network once per node, and lies in memory once per node.
    auto table = h5::share(*nodes, file, path);
    if (!table) {
        if (team->rank() == 0) std::fprintf(stderr, "%s\n", table.error().text.c_str());
        return 1;
    }

    // All ranks of the node see the same bytes; a write to them ends the program, so there is none.
    const auto* bytes = static_cast<const unsigned char*>(table->data());
    unsigned long long sum = 0;
    for (std::int64_t i = 0; i < table->bytes(); ++i) sum = sum * 31 + bytes[i];
    std::printf("rank %d, number %d of its node: %lld bytes, once for all; checksum %016llx\n",
                team->rank(), nodes->rank_on_node(), static_cast<long long>(table->bytes()), sum);
    return 0;
}

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int status = 2;
    if (argc == 3) {
        status = run(argv[1], argv[2]);
    } else {
        std::fprintf(stderr, "usage: h5_shared FILE DATASET\n");
    }
    MPI_Finalize();
    return status;
}
