// The smallest program in C++: rank 0 has some numbers, afterwards every rank has them.
//
//   mpicxx -std=c++20 hello.cpp -lsplitcast -o hello && mpirun -n 4 ./hello

#include <mpi.h>

#include <splitcast/splitcast.hpp>

#include <iostream>
#include <numeric>
#include <vector>

namespace {

int hello() {
    // A team is made once, by all ranks together, and used for as many broadcasts as you like.
    auto team = splitcast::Team::create(MPI_COMM_WORLD);
    if (!team) {
        std::cerr << team.error().text << '\n';
        return 1;
    }

    // As with MPI_Bcast, every rank brings a buffer of the same length.
    std::vector<double> numbers(1'000'000);
    if (team->rank() == 0) std::iota(numbers.begin(), numbers.end(), 1.0);

    // Nothing is thrown. Every rank gets the same outcome: either a report or an error.
    const auto report = team->broadcast(numbers, 0);
    if (!report) {
        std::cerr << report.error().text << '\n';
        return 1;
    }

    const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
    std::cout << "rank " << team->rank() << ": the sum is " << sum << ", " << report->bytes
              << " bytes came in " << report->seconds << " s\n";
    if (team->rank() == 0) std::cout << report->choice << '\n';  // what was chosen, and why
    return 0;
}  // the team is freed here, before MPI_Finalize

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    const int status = hello();
    MPI_Finalize();
    return status;
}
