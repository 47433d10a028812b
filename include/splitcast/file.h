/* A file, or a part of one, into memory: of every rank, or once on every node. C interface; the
 * conventions are those of splitcast.h, the promises those of file.hpp.
 */
#ifndef SPLITCAST_FILE_H
#define SPLITCAST_FILE_H

#include "splitcast/splitcast.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(modernize-use-using): C */

/* Bytes of a file in memory. */
typedef struct splitcast_file splitcast_file;

/* NOLINTEND(modernize-use-using) */

/* Reads the file `path` on rank `root` of the team, from byte `offset` on `length` bytes (-1: to
 * the end), into memory of every rank. Collective, with the same arguments on all ranks; `path`
 * matters on `root` only. The same code on every rank that is left. */
int splitcast_read_file(const char* path, MPI_Count offset, MPI_Count length, int root,
                        splitcast_team* team, splitcast_file** file);

/* The same once on every node, into memory that its ranks share and nobody can write to. */
int splitcast_read_file_shared(const char* path, MPI_Count offset, MPI_Count length, int root,
                               splitcast_team* team, splitcast_file** file);

/* The bytes, never NULL, valid until they are freed; and how many. Local. */
const void* splitcast_file_data(const splitcast_file* file);
MPI_Count splitcast_file_size(const splitcast_file* file);

/* Frees the bytes, and sets the handle to NULL. Local; may come after the team's end. Memory that
 * is shared goes when all ranks of the node have freed theirs. */
int splitcast_file_free(splitcast_file** file);

#ifdef __cplusplus
}
#endif

#endif
