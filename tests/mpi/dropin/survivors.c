/* A program that knows ULFM and nothing of splitcast: broadcasts in which a rank dies. Each rank
 * writes what it saw into a file of its own in FOLDER, a word a step, in this order:
 *
 *     survivors blocking|nonblocking FOLDER
 *
 *     first   the broadcast in which somebody dies: "right", "wrong", or the class of its error
 *     next    the one after it, and the one after that
 *     shrunk  the number of ranks that are left
 *     last    a broadcast among those
 *     end     when MPI_Finalize has returned
 */
#include <mpi.h>
#include <mpi-ext.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 6 << 20 };

static FILE* record;

static void say(const char* word) {
    fprintf(record, "%s\n", word);
    fflush(record);
}

static unsigned char expected(long at, unsigned seed) {
    return (unsigned char)((unsigned long)at * 2654435761U >> 13 ^ seed);
}

static int broadcast(void* buffer, MPI_Comm comm, int nonblocking) {
    if (!nonblocking) return MPI_Bcast(buffer, BYTES, MPI_BYTE, 0, comm);
    MPI_Request request;
    const int code = MPI_Ibcast(buffer, BYTES, MPI_BYTE, 0, comm, &request);
    return code == MPI_SUCCESS ? MPI_Wait(&request, MPI_STATUS_IGNORE) : code;
}

/* From rank 0 of `comm`, and what came of it. */
static void step(unsigned char* buffer, MPI_Comm comm, unsigned seed, int nonblocking) {
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    for (long at = 0; at < BYTES; ++at) {
        buffer[at] = (unsigned char)(expected(at, seed) ^ (rank == 0 ? 0 : 0xff));
    }
    const int code = broadcast(buffer, comm, nonblocking);
    int class = MPI_SUCCESS;
    MPI_Error_class(code, &class);
    if (class == MPIX_ERR_PROC_FAILED) {
        say("process failed");
    } else if (class == MPIX_ERR_REVOKED) {
        say("revoked");
    } else if (class != MPI_SUCCESS) {
        char text[MPI_MAX_ERROR_STRING];
        int length = 0;
        MPI_Error_string(code, text, &length);
        say(text);
    } else {
        long at = 0;
        while (at < BYTES && buffer[at] == expected(at, seed)) ++at;
        say(at == BYTES ? "right" : "wrong");
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    char name[4096];
    snprintf(name, sizeof name, "%s/%d", argv[2], rank);
    record = fopen(name, "w");
    unsigned char* buffer = malloc(BYTES);
    if (record == NULL || buffer == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    const int nonblocking = strcmp(argv[1], "nonblocking") == 0;

    step(buffer, MPI_COMM_WORLD, 1, nonblocking);
    step(buffer, MPI_COMM_WORLD, 2, nonblocking);
    step(buffer, MPI_COMM_WORLD, 3, 0);
    MPI_Comm left = MPI_COMM_NULL;
    if (MPIX_Comm_shrink(MPI_COMM_WORLD, &left) != MPI_SUCCESS) MPI_Abort(MPI_COMM_WORLD, 1);
    int size = 0;
    MPI_Comm_size(left, &size);
    snprintf(name, sizeof name, "%d left", size);
    say(name);
    step(buffer, left, 4, 0);
    MPI_Comm_free(&left);
    MPI_Finalize();
    say("end");
    free(buffer);
    fclose(record);
    return 0;
}
