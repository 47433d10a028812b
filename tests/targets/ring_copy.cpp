// A rival for target D1: a file along a ring, as tools like LLNL's dbcast move it. One rank reads;
// a step reads or receives one chunk, sends the one before on to the right and writes it, and ends
// when all of that is done. dbcast itself has every node read a share of the file from a file
// system that all see; here, as for `splitcast copy`, one host has it.
//
// usage: ring_copy SOURCE DESTINATION [CHUNK]     (bytes, default 1 MiB as dbcast's)
//
// Rank 0 prints one JSON object: "seconds" from a barrier before the first file is opened until all
// files are closed under their final names.

#include <mpi.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

void must(bool good, const char* what) {
    if (good) return;
    std::perror(what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/// read or pwrite of all of it.
template <class Move>
void all_of(std::int64_t length, Move move, const char* what) {
    for (std::int64_t done = 0; done < length;) {
        const ssize_t some = move(done, static_cast<std::size_t>(length - done));
        must(some > 0, what);
        done += some;
    }
}

struct Ring {
    int rank = 0;
    int size = 1;
    std::int64_t length = 0;
    std::int64_t chunk = 1 << 20;

    [[nodiscard]] std::int64_t chunks() const { return (length + chunk - 1) / chunk; }
    [[nodiscard]] std::int64_t bytes_of(std::int64_t i) const {
        return std::min(chunk, length - i * chunk);
    }
};

/// Every chunk comes in one step and goes on in the next.
void move_along(const Ring& ring, int source, int destination) {
    std::vector<char> here(static_cast<std::size_t>(ring.chunk));  // to be sent and written
    std::vector<char> next(here.size());                           // being read or received
    const bool sends = ring.rank + 1 < ring.size;
    for (std::int64_t step = 0; step <= ring.chunks(); ++step) {
        MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
        const std::int64_t last = step - 1;
        if (step < ring.chunks() && ring.rank > 0) {
            MPI_Irecv(next.data(), static_cast<int>(ring.bytes_of(step)), MPI_BYTE, ring.rank - 1,
                      0, MPI_COMM_WORLD, &requests[0]);
        }
        if (last >= 0 && sends) {
            MPI_Isend(here.data(), static_cast<int>(ring.bytes_of(last)), MPI_BYTE, ring.rank + 1,
                      0, MPI_COMM_WORLD, &requests[1]);
        }
        if (step < ring.chunks() && ring.rank == 0) {
            all_of(
                ring.bytes_of(step),
                [&](std::int64_t done, std::size_t rest) {
                    return read(source, next.data() + done, rest);
                },
                "read");
        }
        if (last >= 0) {
            all_of(
                ring.bytes_of(last),
                [&](std::int64_t done, std::size_t rest) {
                    return pwrite(destination, here.data() + done, rest, last * ring.chunk + done);
                },
                "write");
        }
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        std::swap(here, next);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string name = argv[2];
    const std::string unfinished = name + ".unfinished";
    MPI_Init(nullptr, nullptr);
    Ring ring;
    MPI_Comm_rank(MPI_COMM_WORLD, &ring.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ring.size);
    if (argc > 3) ring.chunk = std::atoll(argv[3]);
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = MPI_Wtime();
    int source = -1;
    if (ring.rank == 0) {
        source = open(argv[1], O_RDONLY | O_CLOEXEC);
        struct stat facts{};
        must(source >= 0 && fstat(source, &facts) == 0, argv[1]);
        ring.length = facts.st_size;
    }
    MPI_Bcast(&ring.length, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
    const int destination =
        open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(destination >= 0, unfinished.c_str());
    move_along(ring, source, destination);
    must(close(destination) == 0 && rename(unfinished.c_str(), name.c_str()) == 0, name.c_str());
    const double mine = MPI_Wtime() - begin;
    double seconds = 0;
    MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (ring.rank == 0)
        std::printf("{\"seconds\": %.6f, \"bytes\": %lld}\n", seconds,
                    static_cast<long long>(ring.length));
    MPI_Finalize();
    return 0;
}
