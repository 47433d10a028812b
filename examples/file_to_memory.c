/* A file into memory of every rank, or with "shared" once on every node, in C.
 *
 *   mpicc file_to_memory.c -lsplitcast -o file_to_memory
 *   mpirun -n 8 ./file_to_memory mesh.bin
 *   mpirun -n 8 ./file_to_memory mesh.bin shared
 */
#include <mpi.h>

#include <splitcast/file.h>
#include <stdio.h>

static int run(const char* path, int shared, splitcast_team* team, int rank) {
    splitcast_file* file = NULL;
    /* From byte 0 to the end (-1), read by rank 0. The status is the same on every rank. */
    const int status = shared ? splitcast_read_file_shared(path, 0, -1, 0, team, &file)
                              : splitcast_read_file(path, 0, -1, 0, team, &file);
    if (status != SPLITCAST_SUCCESS) {
        if (rank == 0) fprintf(stderr, "%s\n", splitcast_last_error());
        return status;
    }
    const unsigned char* bytes = splitcast_file_data(file);
    const MPI_Count size = splitcast_file_size(file);
    unsigned long long sum = 0;
    for (MPI_Count i = 0; i < size; ++i) sum = sum * 31 + bytes[i];
    printf("rank %d: %lld bytes%s; checksum %016llx\n", rank, (long long)size,
           shared ? ", once for all ranks of this node" : "", sum);
    return splitcast_file_free(&file);
}

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    splitcast_team* team = NULL;
    int status = SPLITCAST_ERR_ARGUMENT;
    if (argc == 2 || argc == 3) {
        status = splitcast_team_create(MPI_COMM_WORLD, NULL, &team);
        if (status == SPLITCAST_SUCCESS) status = run(argv[1], argc == 3, team, rank);
    } else if (rank == 0) {
        fprintf(stderr, "usage: file_to_memory FILE [shared]\n");
    }
    if (team != NULL) splitcast_team_free(&team);
    MPI_Finalize();
    return status;
}
