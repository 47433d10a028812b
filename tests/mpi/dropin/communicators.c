/* Communicators and what hangs on them: lifetimes, attributes, error handlers, those that are left
 * to MPI. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 100000 };

static void broadcast_once(MPI_Comm comm, int root, unsigned seed) {
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    char* buffer = new_buffer(BYTES, seed, rank == root);
    CHECK(bcast(buffer, BYTES, MPI_BYTE, root, comm) == MPI_SUCCESS);
    CHECK(filled(buffer, BYTES, seed));
    free(buffer);
}

/* The number of a new communicator among those of this process: it grows when some are not given
 * back. */
static int next_number(void) {
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    const int number = (int)MPI_Comm_c2f(comm);
    MPI_Comm_free(&comm);
    return number;
}

void test_communicators(void) {
    const int before = next_number();
    for (int turn = 0; turn < 1000; ++turn) {
        MPI_Comm comm;
        switch (turn % 4) {
            case 0: MPI_Comm_dup(MPI_COMM_WORLD, &comm); break;
            case 1: MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, -world_rank, &comm); break;
            case 2: {
                const int none = 0;
                const int dims = world_size;
                MPI_Cart_create(MPI_COMM_WORLD, 1, &dims, &none, 1, &comm);
                break;
            }
            default: { /* all but the last rank */
                MPI_Group all, some;
                const int last = world_size - 1;
                MPI_Comm_group(MPI_COMM_WORLD, &all);
                MPI_Group_excl(all, 1, &last, &some);
                MPI_Comm_create(MPI_COMM_WORLD, some, &comm);
                MPI_Group_free(&all);
                MPI_Group_free(&some);
                break;
            }
        }
        if (comm == MPI_COMM_NULL) continue;
        broadcast_once(comm, 0, (unsigned)turn);
        MPI_Comm_free(&comm);
    }
    CHECK(next_number() <= before + 8);

    /* Many at once, some never freed: MPI_Finalize has to cope. */
    enum { MANY = 50 };
    MPI_Comm comms[MANY];
    for (int i = 0; i < MANY; ++i) {
        MPI_Comm_dup(i == 0 ? MPI_COMM_WORLD : comms[i - 1], &comms[i]);
        broadcast_once(comms[i], i % world_size, (unsigned)i);
    }
    for (int i = 0; i < MANY; ++i) broadcast_once(comms[i], i % world_size, (unsigned)(i + 1));
    for (int i = 2; i < MANY; ++i) MPI_Comm_free(&comms[i]);
}

static int copies, deletions;

static int count_copy(MPI_Comm comm, int key, void* extra, void* in, void* out, int* flag) {
    (void)comm, (void)key, (void)extra;
    ++copies;
    *(void**)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int count_deletion(MPI_Comm comm, int key, void* value, void* extra) {
    (void)comm, (void)key, (void)value, (void)extra;
    ++deletions;
    return MPI_SUCCESS;
}

/* The program's own attributes are copied when the program duplicates, and at no other time. */
void test_attributes(void) {
    int key = MPI_KEYVAL_INVALID;
    int value = 42;
    MPI_Comm comm, copy;
    MPI_Comm_create_keyval(count_copy, count_deletion, &key, NULL);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_attr(comm, key, &value);
    broadcast_once(comm, 0, 1);
    CHECK(copies == 0 && deletions == 0);
    MPI_Comm_dup(comm, &copy);
    CHECK(copies == 1);
    broadcast_once(copy, 0, 2);
    MPI_Comm_free(&comm);
    CHECK(copies == 1 && deletions == 1);
    broadcast_once(copy, world_size - 1, 3);
    MPI_Comm_free(&copy);
    CHECK(copies == 1 && deletions == 2);
    MPI_Comm_free_keyval(&key);
}

/* What is no business of the drop-in works as ever. */
void test_passed_on(void) {
    broadcast_once(MPI_COMM_SELF, 0, 1);
    MPI_Request request;
    char* buffer = new_buffer(BYTES, 2, 1);
    ibcast(buffer, BYTES, MPI_BYTE, 0, MPI_COMM_SELF, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    free(buffer);

    /* A communicator whose first broadcast is a nonblocking one. */
    MPI_Comm fresh;
    MPI_Comm_dup(MPI_COMM_WORLD, &fresh);
    for (int turn = 0; turn < 3; ++turn) {
        buffer = new_buffer(BYTES, 4, world_rank == 0);
        ibcast(buffer, BYTES, MPI_BYTE, 0, fresh, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(filled(buffer, BYTES, 4));
        free(buffer);
        if (turn == 1) broadcast_once(fresh, 0, 5); /* from here on there is a team */
    }
    MPI_Comm_free(&fresh);

    if (world_size < 2) return;
    MPI_Comm half, inter;
    const int side = world_rank % 2;
    MPI_Comm_split(MPI_COMM_WORLD, side, 0, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - side, 9, &inter);
    for (int turn = 0; turn < 4; ++turn) {
        const int sending = turn % 2; /* the side of the root */
        const int is_root = side == sending && world_rank == sending;
        const int root = side != sending ? 0 : is_root ? MPI_ROOT : MPI_PROC_NULL;
        buffer = new_buffer(BYTES, 7, is_root);
        if (turn < 2) {
            bcast(buffer, BYTES, MPI_BYTE, root, inter);
        } else {
            ibcast(buffer, BYTES, MPI_BYTE, root, inter, &request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        }
        CHECK(side == sending || filled(buffer, BYTES, 7));
        free(buffer);
    }
    MPI_Comm_free(&inter);
    MPI_Comm_free(&half);
}

static int handled;
static int handled_class;
static MPI_Comm handled_comm;

static void handler(MPI_Comm* comm, int* code, ...) {
    ++handled;
    handled_comm = *comm;
    MPI_Error_class(*code, &handled_class);
}

static int class_of(int code) {
    int class = MPI_SUCCESS;
    MPI_Error_class(code, &class);
    return class;
}

/* Wrong arguments are the MPI library's to report, by the handler of the communicator. */
void test_errors(void) {
    MPI_Comm comm;
    MPI_Errhandler errhandler;
    char* buffer = new_buffer(BYTES, 1, 1);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_create_errhandler(handler, &errhandler);
    MPI_Comm_set_errhandler(comm, errhandler);
    for (int turn = 0; turn < 2; ++turn) {
        handled = 0;
        CHECK(class_of(MPI_Bcast(buffer, BYTES, MPI_BYTE, world_size, comm)) == MPI_ERR_ROOT);
        CHECK(handled == 1 && handled_class == MPI_ERR_ROOT && handled_comm == comm);
        CHECK(class_of(MPI_Bcast(buffer, -1, MPI_BYTE, 0, comm)) == MPI_ERR_COUNT);
        CHECK(handled == 2 && handled_class == MPI_ERR_COUNT);
        CHECK(class_of(MPI_Bcast(buffer, BYTES, MPI_DATATYPE_NULL, 0, comm)) == MPI_ERR_TYPE);
        CHECK(handled == 3 && handled_class == MPI_ERR_TYPE);
        MPI_Request request;
        CHECK(class_of(MPI_Ibcast(buffer, BYTES, MPI_BYTE, -5, comm, &request)) == MPI_ERR_ROOT);
        CHECK(class_of(MPI_Bcast_init(buffer, BYTES, MPI_BYTE, -5, comm, MPI_INFO_NULL,
                                      &request)) == MPI_ERR_ROOT);
        CHECK(handled == 5);
        broadcast_once(comm, 0, 6); /* in the second turn there is a team */
        MPI_Errhandler current;
        MPI_Comm_get_errhandler(comm, &current);
        CHECK(current == errhandler);
        MPI_Errhandler_free(&current);
        CHECK(handled == 5);
    }
    MPI_Errhandler_free(&errhandler);
    MPI_Comm_free(&comm);
    free(buffer);
}

static void expect_failure(int code, int class, int times, MPI_Comm comm) {
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    CHECK(code != MPI_SUCCESS);
    CHECK(handled == times && handled_class == class && handled_comm == comm);
    MPI_Error_string(code, text, &length);
    if (world_rank == 0) printf("   class %d: %s\n", class_of(code), text);
}

/* Ranks that do not agree are told so, all of them, and the communicator goes on working. */
void test_mismatch(void) {
    MPI_Comm comm;
    MPI_Errhandler errhandler;
    char* buffer = new_buffer(2 * BYTES, 1, 1);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_create_errhandler(handler, &errhandler);
    MPI_Comm_set_errhandler(comm, errhandler);
    handled = 0;
    const int odd = world_rank == 1;
    int code = bcast(buffer, odd ? 2 * BYTES : BYTES, MPI_BYTE, 0, comm);
    expect_failure(code, MPI_ERR_TRUNCATE, 1, comm);
    CHECK(class_of(code) == MPI_ERR_TRUNCATE);
    code = bcast(buffer, BYTES, MPI_BYTE, odd ? 1 : 0, comm);
    expect_failure(code, MPI_ERR_ROOT, 2, comm);
    CHECK(class_of(code) == MPI_ERR_ROOT);
    broadcast_once(comm, 0, 8);

    MPI_Request request;
    CHECK(ibcast(buffer, BYTES, MPI_BYTE, odd ? 1 : 0, comm, &request) == MPI_SUCCESS);
    CHECK(handled == 2);
    expect_failure(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_ROOT, 3, comm);
    CHECK(request == MPI_REQUEST_NULL);

    /* One of several that are waited for together. */
    MPI_Request two[2];
    MPI_Status statuses[2];
    char* other = new_buffer(BYTES, 4, world_rank == 0);
    ibcast(buffer, BYTES, MPI_BYTE, odd ? 1 : 0, comm, &two[0]);
    ibcast(other, BYTES, MPI_BYTE, 0, comm, &two[1]);
    CHECK(MPI_Waitall(2, two, statuses) == MPI_ERR_IN_STATUS);
    CHECK(handled == 4 && handled_class == MPI_ERR_ROOT && handled_comm == comm);
    CHECK(class_of(statuses[0].MPI_ERROR) == MPI_ERR_TRUNCATE);
    if (statuses[1].MPI_ERROR == MPI_ERR_PENDING) MPI_Wait(&two[1], &statuses[1]);
    CHECK(two[1] == MPI_REQUEST_NULL && filled(other, BYTES, 4));
    free(other);

    bcast_init(buffer, odd ? BYTES + 1 : BYTES, MPI_BYTE, 0, comm, &request);
    for (int turn = 0; turn < 3; ++turn) {
        MPI_Start(&request);
        note_starts(1);
        int flag = 0;
        code = MPI_SUCCESS;
        while (!flag && code == MPI_SUCCESS) code = MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
        expect_failure(code, MPI_ERR_TRUNCATE, 5 + turn, comm);
        if (request == MPI_REQUEST_NULL)
            break; /* Open MPI frees a persistent request that failed */
    }
    if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    broadcast_once(comm, 1, 9);
    MPI_Errhandler_free(&errhandler);
    MPI_Comm_free(&comm);
    free(buffer);
}

enum { THREADS = 4, TURNS = 60 };

struct thread {
    int number;
    MPI_Comm comm;
};

/* Each thread with a communicator of its own; the first broadcasts make their teams at the same
 * time. */
static void* work(void* argument) {
    const int number = ((struct thread*)argument)->number;
    const MPI_Comm comm = ((struct thread*)argument)->comm;
    for (int turn = 0; turn < TURNS; ++turn) {
        const int root = (turn + number) % world_size;
        const int bytes = MINIMUM + 5000 * turn + number;
        char* first = new_buffer(bytes, (unsigned)turn, world_rank == root);
        char* second = new_buffer(bytes, (unsigned)(turn + 1), world_rank == root);
        MPI_Request requests[2];
        bcast(first, bytes, MPI_BYTE, root, comm);
        CHECK(filled(first, bytes, (unsigned)turn));
        ibcast(second, bytes, MPI_BYTE, root, comm, &requests[0]);
        if (world_rank != root) memset(first, 0x5a, (size_t)bytes);
        bcast_init(first, bytes, MPI_BYTE, root, comm, &requests[1]);
        MPI_Start(&requests[1]);
        note_starts(1);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        CHECK(filled(second, bytes, (unsigned)(turn + 1)));
        CHECK(filled(first, bytes, (unsigned)turn));
        MPI_Request_free(&requests[1]);
        MPI_Barrier(comm);
        free(first);
        free(second);
    }
    return NULL;
}

void test_threads(void) {
    struct thread arguments[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        arguments[i].number = i;
        MPI_Comm_dup(MPI_COMM_WORLD, &arguments[i].comm);
    }
    for (int i = 0; i < THREADS; ++i)
        CHECK(pthread_create(&threads[i], NULL, work, &arguments[i]) == 0);
    for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; ++i) MPI_Comm_free(&arguments[i].comm);
}
