#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int world_rank;
int world_size;

/* Calls that the drop-in ought to take, and those that it ought to leave although they are long
 * enough. With threads, several count at once. */
static _Atomic long blocking_calls, nonblocking_calls, persistent_starts, left_calls;

/* Set on a communicator from the call on by which the drop-in has made a team for it. */
static int team_key = MPI_KEYVAL_INVALID;

void check(int holds, const char* condition, const char* file, int line) {
    if (holds) return;
    fprintf(stderr, "rank %d: %s:%d: %s does not hold\n", world_rank, file, line, condition);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static unsigned char byte_at(long offset, unsigned seed) {
    const unsigned long value = ((unsigned long)offset + 1) * 2654435761UL + seed * 40503UL;
    return (unsigned char)(value >> 11);
}

void fill(void* buffer, long bytes, unsigned seed) {
    for (long i = 0; i < bytes; ++i) ((unsigned char*)buffer)[i] = byte_at(i, seed);
}

int filled(const void* buffer, long bytes, unsigned seed) {
    for (long i = 0; i < bytes; ++i) {
        if (((const unsigned char*)buffer)[i] != byte_at(i, seed)) return 0;
    }
    return 1;
}

char* new_buffer(long bytes, unsigned seed, int is_root) {
    char* buffer = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (buffer != NULL && is_root) fill(buffer, bytes, seed);
    if (buffer != NULL && !is_root) memset(buffer, 0x5a, (size_t)bytes);
    CHECK(buffer != NULL);
    return buffer;
}

static int long_enough(int count, MPI_Datatype type) {
    MPI_Count size = 0;
    MPI_Type_size_x(type, &size);
    return count * size >= MINIMUM;
}

static int may_have_team(MPI_Comm comm) {
    int inter = 0;
    int size = 0;
    MPI_Comm_test_inter(comm, &inter);
    MPI_Comm_size(comm, &size);
    return !inter && size > 1;
}

static int has_team(MPI_Comm comm) {
    void* value = NULL;
    int found = 0;
    if (comm == MPI_COMM_WORLD) return 1;
    MPI_Comm_get_attr(comm, team_key, &value, &found);
    return found;
}

static void note_team(MPI_Comm comm) { MPI_Comm_set_attr(comm, team_key, NULL); }

int bcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
    if (long_enough(count, type)) {
        if (may_have_team(comm)) {
            ++blocking_calls;
            note_team(comm);
        } else {
            ++left_calls;
        }
    }
    return MPI_Bcast(buffer, count, type, root, comm);
}

int ibcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
           MPI_Request* request) {
    if (long_enough(count, type)) {
        if (may_have_team(comm) && has_team(comm)) {
            ++nonblocking_calls;
        } else {
            ++left_calls;
        }
    }
    return MPI_Ibcast(buffer, count, type, root, comm, request);
}

int bcast_init(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
               MPI_Request* request) {
    if (long_enough(count, type)) {
        if (may_have_team(comm)) {
            note_team(comm);
        } else {
            ++left_calls;
        }
    }
    return MPI_Bcast_init(buffer, count, type, root, comm, MPI_INFO_NULL, request);
}

void note_starts(int count) { persistent_starts += count; }

static const struct {
    const char* name;
    void (*run)(void);
    int by_default;
} parts[] = {
    {"blocking", test_blocking, 1},
    {"datatypes", test_datatypes, 1},
    {"order", test_order, 1},
    {"progress", test_progress, 1},
    {"in_flight", test_in_flight, 1},
    {"persistent", test_persistent, 1},
    {"communicators", test_communicators, 1},
    {"attributes", test_attributes, 1},
    {"passed_on", test_passed_on, 1},
    {"errors", test_errors, 1},
    {"freed_early", test_freed_early, 0}, /* Open MPI 5.0.7 itself does not survive it */
    {"mismatch", test_mismatch, 0},       /* not a correct MPI program: with the drop-in only */
    {"large", test_large, 0},             /* takes much memory */
    {"threads", test_threads, 0},         /* needs MPI_THREAD_MULTIPLE, as the first argument */
};

static int wanted(int part, int argc, char** argv) {
    if (argc < 2) return parts[part].by_default;
    for (int i = 1; i < argc; ++i) {
        if (strcmp(argv[i], parts[part].name) == 0) return 1;
    }
    return 0;
}

int main(int argc, char** argv) {
    /* Before MPI_Init and after MPI_Finalize there is nothing to broadcast, but MPI may be asked.
     */
    int flag = 0;
    MPI_Initialized(&flag);
    if (flag) return 1;
    if (argc > 1 && strcmp(argv[1], "threads") == 0) {
        int provided = 0;
        MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
        if (provided < MPI_THREAD_MULTIPLE) {
            fprintf(stderr, "this MPI library has no MPI_THREAD_MULTIPLE\n");
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    } else {
        MPI_Init(&argc, &argv);
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &team_key, NULL);
    for (int part = 0; part < (int)(sizeof parts / sizeof parts[0]); ++part) {
        if (!wanted(part, argc, argv)) continue;
        const double begin = MPI_Wtime();
        parts[part].run();
        MPI_Barrier(MPI_COMM_WORLD);
        if (world_rank == 0) printf("ok %s, %.2f s\n", parts[part].name, MPI_Wtime() - begin);
        fflush(stdout);
    }
    if (world_rank == 0) {
        printf("expected: %ld %ld %ld %ld\n", blocking_calls, nonblocking_calls, persistent_starts,
               left_calls);
        fflush(stdout);
    }
    MPI_Comm_free_keyval(&team_key);
    MPI_Finalize();
    MPI_Finalized(&flag);
    return flag ? 0 : 1;
}
