/* A correct MPI program in parts, to be run as it is and with the drop-in loaded in front of it: it
 * must not be able to tell the difference. It counts the broadcasts that the drop-in ought to take,
 * so that whoever runs it can compare (run.sh). */
#ifndef DROPIN_HARNESS_H
#define DROPIN_HARNESS_H

#include <mpi.h>

extern int world_rank;
extern int world_size;

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
void check(int holds, const char* condition, const char* file, int line);

/* The drop-in's default minimum. */
enum { MINIMUM = 64 * 1024 };

/* Bytes that depend on `seed`; and whether they are there. */
void fill(void* buffer, long bytes, unsigned seed);
int filled(const void* buffer, long bytes, unsigned seed);

/* A buffer that holds the bytes of `seed` on the root and others elsewhere. */
char* new_buffer(long bytes, unsigned seed, int is_root);

/* MPI's functions; they also note which calls the drop-in ought to take. */
int bcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm);
int ibcast(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
           MPI_Request* request);
int bcast_init(void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
               MPI_Request* request);
void note_starts(int count);

/* The parts. */
void test_blocking(void);
void test_datatypes(void);
void test_order(void);
void test_progress(void);
void test_in_flight(void);
void test_persistent(void);
void test_freed_early(void);
void test_communicators(void);
void test_attributes(void);
void test_passed_on(void);
void test_errors(void);
void test_mismatch(void);
void test_large(void);
void test_threads(void);

#endif
