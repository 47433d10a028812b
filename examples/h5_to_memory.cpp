// A dataset of an HDF5 file into memory of every rank, from one reader, in C++.
//
//   mpicxx -std=c++20 h5_to_memory.cpp $(pkg-config --cflags --libs splitcast_h5) -o h5_to_memory
//   mpirun -n 4 ./h5_to_memory data.h5 /state/temperature

#include <mpi.h>

#include <splitcast/h5.hpp>
#include <splitcast/splitcast.hpp>

#include <cstdio>
#include <string>

namespace h5 = splitcast::h5;

static int run(const std::string& file, const std::string& path) {
    // A team is made once, and used for as many datasets as you like.
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    if (!team) return std::fprintf(stderr, "%s\n", team.error().text.c_str()), 1;

    // Rank 0 reads, nobody else touches the file. Options choose another reader, a hyperslab, or
    // another type in memory than the native one that corresponds to the dataset's.
    auto dataset = h5::read(*team, file, path);

    // The outcome is the same on every rank, and so is the text, with the error stack of HDF5.
    if (!dataset) {
        if (team->rank() == 0) std::fprintf(stderr, "%s\n", dataset.error().text.c_str());
        return 1;
    }

    // The elements belong to the dataset, which knows shape, type and attributes too.
    auto values = dataset->values<double>();
    if (!values) return std::fprintf(stderr, "%s\n", values.error().text.c_str()), 1;
    double sum = 0;
    for (const double value : *values) sum += value;

    const h5::Traffic& traffic = dataset->traffic();
    const auto units = dataset->text_attribute("units");
    std::printf("rank %d: %lld values, sum %.6g%s%s; %lld bytes in memory, %lld on the wire\n",
                team->rank(), static_cast<long long>(dataset->elements()), sum, units ? " " : "",
                units ? units->c_str() : "", static_cast<long long>(dataset->bytes()),
                static_cast<long long>(traffic.wire_bytes));
    return 0;
}

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int status = 2;
    if (argc == 3) {
        status = run(argv[1], argv[2]);
    } else {
        std::fprintf(stderr, "usage: h5_to_memory FILE DATASET\n");
    }
    MPI_Finalize();
    return status;
}
