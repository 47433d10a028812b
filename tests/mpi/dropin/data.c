/* What arrives: sizes, roots, datatypes, other messages around. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void broadcast_and_check(long bytes, int root, MPI_Comm comm, unsigned seed) {
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    char* buffer = new_buffer(bytes, seed, rank == root);
    CHECK(bcast(buffer, (int)bytes, MPI_BYTE, root, comm) == MPI_SUCCESS);
    CHECK(filled(buffer, bytes, seed));
    free(buffer);
}

void test_blocking(void) {
    const long sizes[] = {0, 1, 1000, MINIMUM - 1, MINIMUM, MINIMUM + 1, 1000003, 4 << 20};
    for (int root = 0; root < world_size; ++root) {
        for (int i = 0; i < (int)(sizeof sizes / sizeof sizes[0]); ++i) {
            broadcast_and_check(sizes[i], root, MPI_COMM_WORLD, (unsigned)(100 * root + i));
        }
    }
}

/* The same numbers in memory in different ways: the root's type and the others' have one signature,
 * not one map. */
void test_datatypes(void) {
    enum { COUNT = 40000 };
    for (int root = 0; root < world_size; ++root) {
        /* Every third int on the root; in one piece elsewhere. */
        int* numbers = malloc(3 * COUNT * sizeof(int));
        CHECK(numbers != NULL);
        memset(numbers, 0x5a, 3 * COUNT * sizeof(int));
        MPI_Datatype spaced;
        MPI_Type_vector(COUNT, 1, 3, MPI_INT, &spaced);
        MPI_Type_commit(&spaced);
        const int stride = world_rank == root ? 3 : 1;
        for (int i = 0; world_rank == root && i < COUNT; ++i) numbers[stride * i] = i * 7 + root;
        if (world_rank == root) {
            bcast(numbers, 1, spaced, root, MPI_COMM_WORLD);
        } else {
            bcast(numbers, COUNT, MPI_INT, root, MPI_COMM_WORLD);
        }
        for (int i = 0; i < COUNT; ++i) CHECK(numbers[stride * i] == i * 7 + root);
        CHECK(world_rank != root || numbers[1] == 0x5a5a5a5a);
        MPI_Type_free(&spaced);

        /* Backwards in memory, block by block, on odd ranks; by address from MPI_BOTTOM on the
         * root; and freed as soon as MPI_Ibcast has returned. */
        memset(numbers, 0x5a, 3 * COUNT * sizeof(int));
        const int backwards = world_rank != root && world_rank % 2 == 1;
        for (int i = 0; world_rank == root && i < COUNT; ++i) numbers[i] = i * 11 - root;
        MPI_Datatype type = MPI_INT;
        void* buffer = numbers;
        int count = COUNT;
        if (backwards) {
            int* lengths = malloc(COUNT / 4 * sizeof(int));
            int* places = malloc(COUNT / 4 * sizeof(int));
            CHECK(lengths != NULL && places != NULL);
            for (int i = 0; i < COUNT / 4; ++i) {
                lengths[i] = 4;
                places[i] = COUNT - 4 * (i + 1);
            }
            MPI_Type_indexed(COUNT / 4, lengths, places, MPI_INT, &type);
            free(lengths);
            free(places);
            count = 1;
        } else if (world_rank == root) {
            MPI_Aint address = 0;
            int length = COUNT;
            MPI_Get_address(numbers, &address);
            MPI_Type_create_hindexed(1, &length, &address, MPI_INT, &type);
            buffer = MPI_BOTTOM;
            count = 1;
        }
        if (type != MPI_INT) MPI_Type_commit(&type);
        MPI_Request request;
        ibcast(buffer, count, type, root, MPI_COMM_WORLD, &request);
        if (type != MPI_INT) MPI_Type_free(&type);
        CHECK(MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS);
        for (int i = 0; i < COUNT; ++i) {
            const int place = backwards ? COUNT - 4 * (i / 4 + 1) + i % 4 : i;
            CHECK(numbers[place] == i * 11 - root);
        }
        free(numbers);

        /* Structures with a hole, which must stay as it is. */
        struct sample {
            char letter;
            double value;
        }* samples = malloc(COUNT * sizeof(struct sample));
        CHECK(samples != NULL);
        memset(samples, 0x5a, COUNT * sizeof(struct sample));
        const int lengths[] = {1, 1};
        const MPI_Aint places[] = {0, (char*)&samples->value - (char*)samples};
        const MPI_Datatype types[] = {MPI_CHAR, MPI_DOUBLE};
        MPI_Datatype packed, whole;
        MPI_Type_create_struct(2, lengths, places, types, &packed);
        MPI_Type_create_resized(packed, 0, sizeof(struct sample), &whole);
        MPI_Type_commit(&whole);
        for (int i = 0; world_rank == root && i < COUNT; ++i) {
            samples[i].letter = (char)('a' + i % 26);
            samples[i].value = i + root;
        }
        bcast(samples, COUNT, whole, root, MPI_COMM_WORLD);
        for (int i = 0; i < COUNT; ++i) {
            CHECK(samples[i].letter == 'a' + i % 26 && samples[i].value == i + root);
            CHECK(((char*)&samples[i])[1] == 0x5a);
        }
        MPI_Type_free(&packed);
        MPI_Type_free(&whole);
        free(samples);
    }
}

/* Other messages and collectives on the same communicator are not touched, whatever their tags. */
void test_order(void) {
    enum { BYTES = 300000 };
    const int next = (world_rank + 1) % world_size;
    for (int turn = 0; turn < 20; ++turn) {
        int received = -1;
        MPI_Request request;
        MPI_Irecv(&received, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &request);
        broadcast_and_check(BYTES, turn % world_size, MPI_COMM_WORLD, (unsigned)turn);
        int finished = 0;
        MPI_Test(&request, &finished, MPI_STATUS_IGNORE);
        CHECK(!finished); /* nobody has sent anything yet */
        int sum = 0;
        MPI_Allreduce(&world_rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        CHECK(sum == world_size * (world_size - 1) / 2);
        broadcast_and_check(100, (turn + 1) % world_size, MPI_COMM_WORLD, (unsigned)turn);
        broadcast_and_check(BYTES, (turn + 2) % world_size, MPI_COMM_WORLD,
                            (unsigned)(1000 + turn));
        const int sent = 1000 * turn + world_rank;
        MPI_Send(&sent, 1, MPI_INT, next, turn, MPI_COMM_WORLD);
        MPI_Status status;
        MPI_Wait(&request, &status);
        const int previous = (world_rank + world_size - 1) % world_size;
        CHECK(status.MPI_SOURCE == previous && status.MPI_TAG == turn &&
              received == 1000 * turn + previous);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    /* Broadcasts in a row on overlapping communicators, some ranks late. */
    MPI_Comm halves;
    MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, world_rank, &halves);
    for (int turn = 0; turn < 10; ++turn) {
        if (turn % world_size == world_rank) {
            const double begin = MPI_Wtime();
            while (MPI_Wtime() - begin < 0.01) {
            }
        }
        broadcast_and_check(BYTES, 0, halves, (unsigned)turn);
        broadcast_and_check(BYTES, turn % world_size, MPI_COMM_WORLD, (unsigned)turn);
    }
    MPI_Comm_free(&halves);
}

/* More than 2^31 bytes, as a number of elements that an int can count. */
void test_large(void) {
    enum { ELEMENT = 1 << 20, COUNT = 2100 };
    MPI_Datatype megabyte;
    MPI_Type_contiguous(ELEMENT, MPI_BYTE, &megabyte);
    MPI_Type_commit(&megabyte);
    char* buffer = new_buffer((long)ELEMENT * COUNT, 5, world_rank == 0);
    bcast(buffer, COUNT, megabyte, 0, MPI_COMM_WORLD);
    CHECK(filled(buffer, (long)ELEMENT * COUNT, 5));
    free(buffer);
    MPI_Type_free(&megabyte);
}
