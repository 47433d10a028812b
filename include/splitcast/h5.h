/* HDF5 datasets to every rank, or once to every node. C interface; link with -lsplitcast_h5
 * -lsplitcast and HDF5. Conventions are those of splitcast.h, and so are the codes returned, but
 * the text of a failure is in splitcast_h5_last_error(): with HDF5's error stack, and the same on
 * every rank.
 *
 * Every function that takes a team or nodes is collective. One rank, the reader, opens the file;
 * the file's name, the path in it and the selection matter there only.
 */
#ifndef SPLITCAST_H5_H
#define SPLITCAST_H5_H

#include <hdf5.h>
#include <splitcast/splitcast.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Set all to zero (SPLITCAST_H5_OPTIONS) for the defaults. */
typedef struct splitcast_h5_options {
    int root;             /* the reader's rank in the team */
    const char* settings; /* of the broadcasts; may be NULL */
    long long batch;      /* bytes on the wire at a time; 0: 8 MiB */
    hid_t memory_type;    /* of the elements, on this rank; 0: the native type that corresponds */
    /* A hyperslab as for H5Sselect_hyperslab: `rank` numbers each. start NULL: everything; stride
     * and block may be NULL. */
    int rank;
    const hsize_t* start;
    const hsize_t* stride;
    const hsize_t* count;
    const hsize_t* block;
} splitcast_h5_options;
#define SPLITCAST_H5_OPTIONS {0, NULL, 0, 0, 0, NULL, NULL, NULL, NULL}

typedef struct splitcast_h5_traffic {
    long long logical_bytes;  /* of the elements, by their types in the file */
    long long stored_bytes;   /* of these in the file: of compressed chunks, as compressed */
    long long wire_bytes;     /* handed to broadcasts */
    long long bytes_received; /* by this rank */
    double seconds;
} splitcast_h5_traffic;

/* A dataset, or a hyperslab of one, in memory. */
typedef struct splitcast_h5_dataset splitcast_h5_dataset;
/* Which ranks of a team share memory. */
typedef struct splitcast_h5_nodes splitcast_h5_nodes;

/* A dataset into memory of every rank. `options` may be NULL. */
int splitcast_h5_read(splitcast_team* team, const char* file, const char* path,
                      const splitcast_h5_options* options, splitcast_h5_dataset** dataset);

/* The same into `buffer`, which must have exactly the `bytes` that the selected elements take as
 * `memory_type`. `options` and `traffic` may be NULL. */
int splitcast_h5_read_into(splitcast_team* team, const char* file, const char* path,
                           hid_t memory_type, void* buffer, long long bytes,
                           const splitcast_h5_options* options, splitcast_h5_traffic* traffic);

/* Finds out which ranks share memory; `root` is the rank that will read. Free it before the team.
 */
int splitcast_h5_nodes_create(splitcast_team* team, int root, splitcast_h5_nodes** nodes);
int splitcast_h5_nodes_free(splitcast_h5_nodes** nodes);

/* A dataset once into memory of every node. No rank can write to it. options->root is ignored. */
int splitcast_h5_share(splitcast_h5_nodes* nodes, const char* file, const char* path,
                       const splitcast_h5_options* options, splitcast_h5_dataset** dataset);

/* Local. Pointers and identifiers belong to the dataset. */
const void* splitcast_h5_data(const splitcast_h5_dataset* dataset);
long long splitcast_h5_bytes(const splitcast_h5_dataset* dataset);
long long splitcast_h5_elements(const splitcast_h5_dataset* dataset);
int splitcast_h5_rank(const splitcast_h5_dataset* dataset);
const hsize_t* splitcast_h5_dims(const splitcast_h5_dataset* dataset);
hid_t splitcast_h5_type(const splitcast_h5_dataset* dataset);   /* of the elements in memory */
hid_t splitcast_h5_object(const splitcast_h5_dataset* dataset); /* for its attributes */
void splitcast_h5_get_traffic(const splitcast_h5_dataset* dataset, splitcast_h5_traffic* traffic);
int splitcast_h5_dataset_free(splitcast_h5_dataset** dataset);

/* A dataset or group into a new file on every node, or with %r in `destination` for every rank; see
 * splitcast-h5(1). `force`: replace what is there. */
int splitcast_h5_extract(splitcast_team* team, const char* file, const char* path,
                         const char* destination, int force, const splitcast_h5_options* options);

/* The text of the last failure of a splitcast_h5 call in the calling thread, or "". */
const char* splitcast_h5_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
