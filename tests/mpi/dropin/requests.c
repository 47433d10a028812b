/* Nonblocking and persistent broadcasts: every way in which a request can be waited for. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 700001 };

/* A rank that has started a broadcast and then waits for something else must go on relaying. In the
 * first round the rank that the others wait for is the root, in the next rounds another one. */
void test_progress(void) {
    MPI_Comm other;
    MPI_Comm_dup(MPI_COMM_WORLD, &other);
    for (int turn = 0; turn < 3 * world_size; ++turn) {
        const int root = turn / 3 % world_size;
        const int first = (turn + world_size - 1) % world_size;
        char* buffer = new_buffer(8 * BYTES, (unsigned)turn, world_rank == root);
        MPI_Request request;
        ibcast(buffer, 8 * BYTES, MPI_BYTE, root, MPI_COMM_WORLD, &request);
        int word = turn;
        if (world_rank == first) {
            MPI_Wait(&request, MPI_STATUS_IGNORE);
            for (int rank = 0; rank < world_size; ++rank) {
                if (rank != first && turn % 3 != 2) MPI_Send(&word, 1, MPI_INT, rank, 3, other);
            }
            if (turn % 3 == 2) MPI_Barrier(other);
        } else {
            MPI_Request received;
            switch (turn % 3) {
                case 0: MPI_Recv(&word, 1, MPI_INT, first, 3, other, MPI_STATUS_IGNORE); break;
                case 1:
                    MPI_Probe(first, 3, other, MPI_STATUS_IGNORE);
                    MPI_Irecv(&word, 1, MPI_INT, first, 3, other, &received);
                    MPI_Wait(&received, MPI_STATUS_IGNORE);
                    break;
                default: MPI_Barrier(other); break;
            }
            CHECK(word == turn);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        }
        CHECK(request == MPI_REQUEST_NULL);
        CHECK(filled(buffer, 8 * BYTES, (unsigned)turn));
        free(buffer);
    }
    MPI_Comm_free(&other);
}

enum { COMMS = 3, EACH = 4, FLIGHT = COMMS * EACH };

static void complete_all(MPI_Request* requests, int way) {
    int index = 0;
    int indices[FLIGHT];
    int flag = 0;
    int done = 0;
    MPI_Status statuses[FLIGHT];
    switch (way) {
        case 0: CHECK(MPI_Waitall(FLIGHT, requests, statuses) == MPI_SUCCESS); break;
        case 1:
            for (int i = FLIGHT; i-- > 0;)
                CHECK(MPI_Wait(&requests[i], &statuses[i]) == MPI_SUCCESS);
            break;
        case 2:
            for (int i = 0; i < FLIGHT; ++i) {
                CHECK(MPI_Waitany(FLIGHT, requests, &index, &statuses[i]) == MPI_SUCCESS);
                CHECK(index >= 0 && index < FLIGHT);
            }
            break;
        case 3:
            for (int all = 0; all < FLIGHT; all += done) {
                CHECK(MPI_Waitsome(FLIGHT, requests, &done, indices, statuses) == MPI_SUCCESS);
                CHECK(done > 0);
            }
            break;
        case 4:
            while (!flag)
                CHECK(MPI_Testall(FLIGHT, requests, &flag, MPI_STATUSES_IGNORE) == MPI_SUCCESS);
            break;
        case 5:
            for (int i = 0; i < FLIGHT; i += flag) {
                CHECK(MPI_Testany(FLIGHT, requests, &index, &flag, MPI_STATUS_IGNORE) ==
                      MPI_SUCCESS);
            }
            break;
        case 6:
            for (int all = 0; all < FLIGHT; all += done) {
                CHECK(MPI_Testsome(FLIGHT, requests, &done, indices, MPI_STATUSES_IGNORE) ==
                      MPI_SUCCESS);
            }
            break;
        default:
            for (int i = 0; i < FLIGHT; ++i) {
                for (flag = 0; !flag;) MPI_Request_get_status(requests[i], &flag, &statuses[i]);
                for (flag = 0; !flag;)
                    CHECK(MPI_Test(&requests[i], &flag, &statuses[i]) == MPI_SUCCESS);
            }
            break;
    }
    for (int i = 0; i < FLIGHT; ++i) CHECK(requests[i] == MPI_REQUEST_NULL);
}

/* Several on each of several communicators at once. The last one has had no blocking broadcast yet.
 */
void test_in_flight(void) {
    MPI_Comm comms[COMMS];
    MPI_Comm_dup(MPI_COMM_WORLD, &comms[0]);
    MPI_Comm_split(MPI_COMM_WORLD, 0, -world_rank, &comms[1]);
    MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, 0, &comms[2]);
    for (int i = 0; i < 2; ++i) {
        char* buffer = new_buffer(BYTES, 1, world_rank == (i == 0 ? 0 : world_size - 1));
        bcast(buffer, BYTES, MPI_BYTE, 0, comms[i]);
        CHECK(filled(buffer, BYTES, 1));
        free(buffer);
    }
    for (int turn = 0; turn < 16; ++turn) {
        char* buffers[FLIGHT];
        MPI_Request requests[FLIGHT];
        for (int i = 0; i < FLIGHT; ++i) {
            const MPI_Comm comm = comms[i % COMMS];
            int rank = 0;
            int size = 0;
            MPI_Comm_rank(comm, &rank);
            MPI_Comm_size(comm, &size);
            const int root = (i + turn) % size;
            buffers[i] = new_buffer(BYTES + i, (unsigned)i, rank == root);
            ibcast(buffers[i], BYTES + i, MPI_BYTE, root, comm, &requests[i]);
        }
        complete_all(requests, (turn + world_rank) % 8); /* each rank in its own way */
        for (int i = 0; i < FLIGHT; ++i) {
            CHECK(filled(buffers[i], BYTES + i, (unsigned)i));
            free(buffers[i]);
        }
    }
    for (int i = 0; i < COMMS; ++i) MPI_Comm_free(&comms[i]);
}

void test_persistent(void) {
    enum { REQUESTS = 5, TURNS = 20 };
    const int next = (world_rank + 1) % world_size;
    const int previous = (world_rank + world_size - 1) % world_size;
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    char* buffers[REQUESTS];
    MPI_Request requests[REQUESTS + 3];
    for (int i = 0; i < REQUESTS; ++i) {
        buffers[i] = new_buffer(BYTES, 0, 0);
        /* The first one makes the team; the fourth is too short for the drop-in. */
        bcast_init(buffers[i], i == 3 ? 1000 : BYTES - i, MPI_BYTE, i % world_size, comm,
                   &requests[i]);
    }
    /* Among others: of point-to-point kind, and one that is never started. */
    int out = 0;
    int in = 0;
    MPI_Send_init(&out, 1, MPI_INT, next, 4, comm, &requests[REQUESTS]);
    MPI_Recv_init(&in, 1, MPI_INT, previous, 4, comm, &requests[REQUESTS + 1]);
    bcast_init(buffers[0], BYTES, MPI_BYTE, 0, comm, &requests[REQUESTS + 2]);

    for (int turn = 0; turn < TURNS; ++turn) {
        for (int i = 0; i < REQUESTS; ++i) {
            const long bytes = i == 3 ? 1000 : BYTES - i;
            if (world_rank == i % world_size) {
                fill(buffers[i], bytes, (unsigned)(10 * turn + i));
            } else {
                memset(buffers[i], 0x5a, (size_t)bytes);
            }
        }
        out = 100 * turn + world_rank;
        if (turn % 2 == 0) {
            MPI_Startall(REQUESTS + 2, requests);
        } else {
            /* In another order on every rank: that is allowed for started ones. */
            for (int i = 0; i < REQUESTS + 2; ++i)
                MPI_Start(&requests[(i + world_rank + turn) % (REQUESTS + 2)]);
        }
        note_starts(REQUESTS - 1);
        /* An ordinary one in between takes nothing from them. */
        char* buffer = new_buffer(BYTES, 77, world_rank == 0);
        bcast(buffer, BYTES, MPI_BYTE, 0, comm);
        CHECK(filled(buffer, BYTES, 77));
        free(buffer);
        if (turn % 3 == 0) {
            for (int i = REQUESTS + 2; i-- > 0;) MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
        } else {
            MPI_Waitall(REQUESTS + 2, requests, MPI_STATUSES_IGNORE);
        }
        CHECK(in == 100 * turn + previous);
        for (int i = 0; i < REQUESTS; ++i) {
            CHECK(requests[i] != MPI_REQUEST_NULL);
            CHECK(filled(buffers[i], i == 3 ? 1000 : BYTES - i, (unsigned)(10 * turn + i)));
        }
    }
    for (int i = 0; i < REQUESTS + 3; ++i) {
        MPI_Request_free(&requests[i]);
        CHECK(requests[i] == MPI_REQUEST_NULL);
    }
    for (int i = 0; i < REQUESTS; ++i) free(buffers[i]);
    MPI_Comm_free(&comm);

    /* Made and freed many times: handles come back. */
    char* buffer = new_buffer(BYTES, 0, 0);
    for (int turn = 0; turn < 100; ++turn) {
        MPI_Request request;
        const int root = turn % world_size;
        bcast_init(buffer, MINIMUM, MPI_BYTE, root, MPI_COMM_WORLD, &request);
        if (world_rank == root) fill(buffer, MINIMUM, (unsigned)turn);
        MPI_Start(&request);
        note_starts(1);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(filled(buffer, MINIMUM, (unsigned)turn));
        MPI_Request_free(&request);
    }
    free(buffer);
}

/* A communicator may be freed while broadcasts on it are under way: they end as if it had not been.
 * That is MPI's rule, but libnbc of Open MPI 5.0.7 uses the communicator after it is gone: with the
 * drop-in only. */
void test_freed_early(void) {
    for (int turn = 0; turn < 20; ++turn) {
        MPI_Comm comm;
        MPI_Request requests[2];
        char* buffers[2];
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        char* buffer = new_buffer(BYTES, 3, world_rank == 0);
        bcast(buffer, BYTES, MPI_BYTE, 0, comm);
        for (int i = 0; i < 2; ++i) {
            const int root = (turn + i) % world_size;
            buffers[i] = new_buffer(BYTES, (unsigned)(turn + i), world_rank == root);
            ibcast(buffers[i], BYTES, MPI_BYTE, root, comm, &requests[i]);
        }
        MPI_Comm_free(&comm);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < 2; ++i) {
            CHECK(filled(buffers[i], BYTES, (unsigned)(turn + i)));
            free(buffers[i]);
        }
        free(buffer);
    }
}
