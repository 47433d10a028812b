/* A table of an HDF5 file into an array of the program's own, on every rank, in C.
 *
 *   mpicc h5_to_memory.c $(pkg-config --cflags --libs splitcast_h5) -o h5_to_memory
 *   mpirun -n 4 ./h5_to_memory data.h5 /table ROWS COLUMNS
 *
 * The program knows how large the table is. Where it does not, splitcast_h5_read() allocates.
 */
#include <mpi.h>

#include <splitcast/h5.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc != 5) {
        if (rank == 0) fprintf(stderr, "usage: h5_to_memory FILE DATASET ROWS COLUMNS\n");
        MPI_Finalize();
        return 2;
    }
    const size_t rows = strtoul(argv[3], NULL, 10);
    const size_t columns = strtoul(argv[4], NULL, 10);
    double* table = malloc(rows * columns * sizeof(double));

    splitcast_team* team = NULL;
    splitcast_h5_traffic traffic = {0, 0, 0, 0, 0};
    const char* why = "";
    int status = splitcast_team_create(MPI_COMM_WORLD, NULL, &team);
    if (status != SPLITCAST_SUCCESS) {
        why = splitcast_last_error();
    } else {
        /* As H5Dread, but by one rank for all; whatever number type is in the file becomes double.
         */
        status =
            splitcast_h5_read_into(team, argv[1], argv[2], H5T_NATIVE_DOUBLE, table,
                                   (long long)(rows * columns * sizeof(double)), NULL, &traffic);
        if (status != SPLITCAST_SUCCESS) why = splitcast_h5_last_error();
    }
    if (status == SPLITCAST_SUCCESS) {
        printf("rank %d: first %g, last %g; %lld bytes stored, %lld on the wire\n", rank, table[0],
               table[rows * columns - 1], traffic.stored_bytes, traffic.wire_bytes);
    } else if (rank == 0) {
        fprintf(stderr, "%s\n", why);
    }

    free(table);
    if (team != NULL) splitcast_team_free(&team);
    MPI_Finalize();
    return status;
}
