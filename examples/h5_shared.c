/* A table of an HDF5 file once into memory of every node, in C: the ranks of a node share it.
 *
 *   mpicc h5_shared.c $(pkg-config --cflags --libs splitcast_h5) -o h5_shared
 *   mpirun -n 8 ./h5_shared data.h5 /table
 */
#include <mpi.h>

#include <splitcast/h5.h>
#include <stdio.h>

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc != 3) {
        if (rank == 0) fprintf(stderr, "usage: h5_shared FILE DATASET\n");
        MPI_Finalize();
        return 2;
    }

    splitcast_team* team = NULL;
    splitcast_h5_nodes* nodes = NULL;
    splitcast_h5_dataset* table = NULL;
    const char* why = "";
    int status = splitcast_team_create(MPI_COMM_WORLD, NULL, &team);
    if (status != SPLITCAST_SUCCESS) why = splitcast_last_error();

    /* Once: who shares memory with whom; rank 0 is going to read. Then each table. */
    if (status == SPLITCAST_SUCCESS) {
        status = splitcast_h5_nodes_create(team, 0, &nodes);
        if (status == SPLITCAST_SUCCESS)
            status = splitcast_h5_share(nodes, argv[1], argv[2], NULL, &table);
        if (status != SPLITCAST_SUCCESS) why = splitcast_h5_last_error();
    }

    if (status == SPLITCAST_SUCCESS) {
        const hsize_t* dims = splitcast_h5_dims(table);
        printf("rank %d: %d dimensions, %llu rows, %lld bytes that nobody can write to at %s\n",
               rank, splitcast_h5_rank(table),
               splitcast_h5_rank(table) > 0 ? (unsigned long long)dims[0] : 1ULL,
               splitcast_h5_bytes(table), splitcast_h5_data(table) != NULL ? "hand" : "no place");
    } else if (rank == 0) {
        fprintf(stderr, "%s\n", why);
    }

    if (table != NULL) splitcast_h5_dataset_free(&table);
    if (nodes != NULL) splitcast_h5_nodes_free(&nodes);
    if (team != NULL) splitcast_team_free(&team);
    MPI_Finalize();
    return status;
}
