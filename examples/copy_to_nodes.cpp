// A file to storage of every node, in C++, as `splitcast copy` does it: all copies appear, complete
// and compared, or none does.
//
//   mpirun -n 8 ./copy_to_nodes mesh.bin /local/mesh.bin

#include <mpi.h>

#include <splitcast/copy.hpp>

#include <cstdio>

static int run(const char* source, const char* destination) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);

    splitcast::CopyOptions options;
    options.force = true;    // replace what is there
    options.parents = true;  // make the folders that it lies in
    auto report = splitcast::copy_file(MPI_COMM_WORLD, source, destination, options);
    if (!report) {
        if (rank == 0) std::fprintf(stderr, "%s\n", report.error().text.c_str());
        return 1;
    }

    // The records of all copies are on the lowest rank that is left.
    for (const splitcast::CopyRecord& copy : report->records) {
        std::printf("%s on %s in %.3f s\n", copy.path.c_str(), copy.host.c_str(), copy.seconds);
    }
    // Where ranks may die (docs/launching.md): who has no copy.
    for (const splitcast::LostRank& lost : report->lost) {
        if (!report->records.empty()) std::printf("rank %d is lost\n", lost.rank);
    }
    return 0;
}

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int status = 2;
    if (argc == 3) {
        status = run(argv[1], argv[2]);
    } else {
        std::fprintf(stderr, "usage: copy_to_nodes FILE DESTINATION\n");
    }
    MPI_Finalize();
    return status;
}
