/* The smallest program in C: rank 0 has a text, afterwards every rank has it.
 *
 *   mpicc hello.c -lsplitcast -o hello && mpirun -n 4 ./hello
 */
#include <mpi.h>

#include <splitcast/splitcast.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);

    char text[64] = "";
    if (rank == 0) strcpy(text, "hello from rank 0");

    /* A team is made once, by all ranks together, and used for as many broadcasts as you like. */
    splitcast_team* team = NULL;
    int status = splitcast_team_create(MPI_COMM_WORLD, NULL, &team);

    /* Like MPI_Bcast, with two more arguments: settings, and a report of what was done. */
    if (status == SPLITCAST_SUCCESS) {
        status = splitcast_broadcast(text, sizeof text, MPI_CHAR, 0, team, NULL, NULL);
    }

    /* Every rank gets the same status: if it is success here, it is success everywhere. */
    if (status == SPLITCAST_SUCCESS) {
        printf("rank %d: %s\n", rank, text);
    } else if (rank == 0) {
        fprintf(stderr, "%s\n", splitcast_last_error());
    }

    if (team != NULL) splitcast_team_free(&team);
    MPI_Finalize();
    return status;
}
