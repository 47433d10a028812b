/* Times broadcasts as OSU's osu_bcast does: per size a number of calls with a barrier between them.
 * A call's time is that of the slowest rank; printed are the mean, the median and the best. Run it
 * as it is and with the drop-in, and compare:
 *
 *     loop [SMALLEST [LARGEST [CALLS]]]
 */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1000 };

static int ascending(const void* a, const void* b) {
    const double left = *(const double*)a;
    const double right = *(const double*)b;
    return (left > right) - (left < right);
}

int main(int argc, char** argv) {
    const long smallest = argc > 1 ? atol(argv[1]) : 16 << 10;
    const long largest = argc > 2 ? atol(argv[2]) : 16 << 20;
    const int given = argc > 3 ? atoi(argv[3]) : 0;
    MPI_Init(&argc, &argv);
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    char* buffer = malloc((size_t)largest);
    if (buffer == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    memset(buffer, rank, (size_t)largest);
    if (rank == 0)
        printf("# %d ranks, microseconds\n%12s %12s %12s %12s\n", size, "bytes", "mean", "median",
               "best");
    for (long bytes = smallest; bytes <= largest; bytes *= 4) {
        double own[MOST];
        double slowest[MOST];
        int times = given > 0 ? given : bytes <= 1 << 20 ? 100 : 20;
        if (times > MOST) times = MOST;
        for (int i = -times / 10 - 1; i < times; ++i) {
            MPI_Barrier(MPI_COMM_WORLD);
            const double begin = MPI_Wtime();
            MPI_Bcast(buffer, (int)bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
            if (i >= 0) own[i] = MPI_Wtime() - begin;
        }
        MPI_Reduce(own, slowest, times, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
        if (rank == 0) {
            double sum = 0;
            for (int i = 0; i < times; ++i) sum += slowest[i];
            qsort(slowest, (size_t)times, sizeof(double), ascending);
            printf("%12ld %12.1f %12.1f %12.1f\n", bytes, sum / times * 1e6,
                   slowest[times / 2] * 1e6, slowest[0] * 1e6);
        }
        if (buffer[0] != 0 || buffer[bytes - 1] != 0) {
            fprintf(stderr, "rank %d has wrong bytes\n", rank);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
    free(buffer);
    MPI_Finalize();
    return 0;
}
