/* splitcast: a broadcast for MPI that runs at the speed of the wire. C interface.
 *
 * Conventions
 *  - Every function that can fail returns an int: SPLITCAST_SUCCESS (0) or one of the codes below.
 *    splitcast_error_string() turns a code into words; splitcast_last_error() has the full story
 *    of the last failure in the calling thread: what happened, where, and what to do.
 *  - "Collective" means: called by every rank of the team, in the same order, as for MPI's.
 *  - MPI must be initialized, with thread level MPI_THREAD_FUNNELED or higher. Calls are made by
 *    the thread that may call MPI; with MPI_THREAD_MULTIPLE different threads may use different
 *    teams at the same time.
 *  - The caller's communicator and its error handler are never changed, and MPI is never aborted.
 *  - Handles are created and freed by the functions here; freeing sets the handle to NULL.
 */
#ifndef SPLITCAST_SPLITCAST_H
#define SPLITCAST_SPLITCAST_H

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPLITCAST_VERSION_MAJOR 0
#define SPLITCAST_VERSION_MINOR 1
#define SPLITCAST_VERSION_PATCH 0

enum {
    SPLITCAST_SUCCESS = 0,
    SPLITCAST_ERR_ARGUMENT = 1,    /* a value that cannot be: NULL, root out of range, ... */
    SPLITCAST_ERR_SETTING = 2,     /* an unknown setting, or a value that it cannot have */
    SPLITCAST_ERR_MISMATCH = 3,    /* ranks were called with different roots, lengths or settings */
    SPLITCAST_ERR_MPI = 4,         /* an MPI function failed */
    SPLITCAST_ERR_SOURCE = 5,      /* the data to send could not be read */
    SPLITCAST_ERR_DESTINATION = 6, /* received data could not be written */
    SPLITCAST_ERR_INTEGRITY = 7,   /* what arrived is not what was sent */
    SPLITCAST_ERR_MEMORY = 8,      /* out of memory */
    SPLITCAST_ERR_STATE = 9,       /* a call that does not fit the state of its handle */
    SPLITCAST_ERR_INTERNAL = 10,   /* a fault in splitcast itself: please report it */
    SPLITCAST_ERR_LOST = 11,       /* ranks were lost, and with them the only copy of some bytes */
    SPLITCAST_ERR_EVICTED = 12     /* this rank did not answer, and the others went on without it */
};

/* NOLINTBEGIN(modernize-use-using): C */

/* A team: a private duplicate of a communicator, what is known of where its ranks are, and its
 * tuning. */
typedef struct splitcast_team splitcast_team;

/* A broadcast that was started, or a persistent one. */
typedef struct splitcast_request splitcast_request;

/* What one broadcast did on the calling rank. */
typedef struct splitcast_report {
    long long bytes;          /* length of the buffer */
    long long segments;       /* pieces it was sent in */
    long long segment_bytes;  /* size of a piece */
    long long bytes_sent;     /* by this rank */
    long long bytes_received; /* by this rank */
    double seconds;           /* from the call, or the start, to the end on this rank */
    int group_size;           /* ranks that the buffer is split across */
    int groups;               /* how many such groups */
    int children;             /* groups fed by each group */
    int failed_ranks;         /* ranks that this broadcast lost; see splitcast_team_failed() */
    int epochs;               /* 1, and one more for every time that it had to be repaired */
    long long bytes_repaired; /* received by this rank after the first epoch */
    double silence_seconds; /* how long the first lost rank had been silent when that was noticed */
    double regroup_seconds; /* from then until those that are left had a new plan */
    double repair_seconds;  /* from then until this rank had everything */
    char choice[240];       /* one line: what was chosen, and why */
} splitcast_report;

/* NOLINTEND(modernize-use-using) */

/* Makes a team of all ranks of `comm`, an intracommunicator. Collective over `comm`; duplicates it,
 * finds out which ranks share a node, and unless told otherwise measures the links (setting
 * "probe"). `settings`: "name=value,name=value", may be NULL; the same on every rank. See
 * `splitcast info --all`. */
int splitcast_team_create(MPI_Comm comm, const char* settings, splitcast_team** team);

/* The same with settings from an MPI_Info: keys "splitcast_<name>". */
int splitcast_team_create_info(MPI_Comm comm, MPI_Info info, splitcast_team** team);

/* Frees a team. Collective. No broadcast of the team may be under way. */
int splitcast_team_free(splitcast_team** team);

/* The team's own communicator: of its surviving ranks. It belongs to the team; do not free it, and
 * do not communicate on it while a broadcast is under way. Local. */
int splitcast_team_communicator(const splitcast_team* team, MPI_Comm* comm);

/* Ranks, in the communicator that the team was made from, that did not survive: writes up to `max`
 * of them to `ranks` and their number to `count`. Local. */
int splitcast_team_failed(const splitcast_team* team, int max, int ranks[], int* count);

/* A new communicator of the team's surviving ranks, in the order of their ranks. Collective over
 * the survivors, outside of broadcasts; it belongs to the caller, who frees it. */
int splitcast_team_survivors(splitcast_team* team, MPI_Comm* comm);

/* Broadcasts `count` elements of `datatype` at `buffer` from `root` to every rank of the team.
 * Collective. The type signatures must match on all ranks, the type maps need not (as for
 * MPI_Bcast); `count` may exceed 2^31. Returns the same code on every rank. `settings` for this
 * call and `report` may be NULL. */
int splitcast_broadcast(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                        splitcast_team* team, const char* settings, splitcast_report* report);

/* Starts a broadcast and returns at once. Collective in order, not in time. The buffer belongs to
 * splitcast until splitcast_test() or splitcast_wait() says that the broadcast is over. Segments
 * move while the rank is inside any splitcast_test() or splitcast_wait(), of whatever team: call
 * splitcast_test() now and then while computing. */
int splitcast_broadcast_start(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                              splitcast_team* team, const char* settings,
                              splitcast_request** request);

/* Is it over? Sets `*flag`. When it is over, returns its outcome, fills `report` (may be NULL), and
 * frees a request that is not persistent. Local. A request that is NULL or not started: flag is
 * set, success. */
int splitcast_test(splitcast_request** request, int* flag, splitcast_report* report);

/* Waits until it is over; else as splitcast_test(). */
int splitcast_wait(splitcast_request** request, splitcast_report* report);

/* Prepares a broadcast that is started again and again with the same arguments (the content of the
 * buffer may differ). Collective. Start it with splitcast_start(), end each round with
 * splitcast_test() or splitcast_wait(), and free it with splitcast_request_free() when it is not
 * under way. */
int splitcast_broadcast_init(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                             splitcast_team* team, const char* settings,
                             splitcast_request** request);
int splitcast_start(splitcast_request* request);
int splitcast_request_free(splitcast_request** request);

/* For programs that `srun --mpi=pmix` starts and that shall survive the death of ranks: call it on
 * every rank right after MPI_Init, before much memory is in use. It forks, does not communicate,
 * and does nothing under mpirun. What it does and its limits: splitcast/launch.hpp, docs/slurm.md.
 */
int splitcast_survive_direct_launch(void);

/* "0.1.0". */
const char* splitcast_version(void);

/* A code in words; never NULL. */
const char* splitcast_error_string(int code);

/* The text of the last failure of a splitcast call in the calling thread, or "". Valid until the
 * thread's next splitcast call. */
const char* splitcast_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
