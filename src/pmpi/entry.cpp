// The functions that a program finds instead of those of its MPI library.
//
// Each is there by two names. Programs in C and C++ call MPI_Bcast; Open MPI's Fortran interface
// (mpif.h, mpi, mpi_f08) and profiling tools call PMPI_Bcast. Nothing else of splitcast can be seen
// from outside (exports.map).

#include "pmpi/drop_in.hpp"
#include "pmpi/next.hpp"

#include <mpi.h>

namespace pmpi = splitcast::pmpi;

// A tool gets to see the call first, and passes it on as PMPI_.
#define SPLITCAST_INTERPOSE(name, parameters, tool_function, arguments, function)    \
    int MPI_##name parameters {                                                      \
        if (pmpi::tool().tool_function) return pmpi::tool().tool_function arguments; \
        return pmpi::function arguments;                                             \
    }                                                                                \
    int PMPI_##name parameters { return pmpi::function arguments; }

extern "C" {

SPLITCAST_INTERPOSE(Init, (int* argc, char*** argv), init, (argc, argv), initialize)

SPLITCAST_INTERPOSE(Init_thread, (int* argc, char*** argv, int required, int* provided),
                    init_thread, (argc, argv, required, provided), initialize)

SPLITCAST_INTERPOSE(Finalize, (), finalize, (), finalize)

SPLITCAST_INTERPOSE(Bcast, (void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm),
                    bcast, (buffer, count, type, root, comm), broadcast)

SPLITCAST_INTERPOSE(Ibcast,
                    (void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
                     MPI_Request* request),
                    ibcast, (buffer, count, type, root, comm, request), nonblocking_broadcast)

SPLITCAST_INTERPOSE(Bcast_init,
                    (void* buffer, int count, MPI_Datatype type, int root, MPI_Comm comm,
                     MPI_Info info, MPI_Request* request),
                    bcast_init, (buffer, count, type, root, comm, info, request),
                    persistent_broadcast)

SPLITCAST_INTERPOSE(Start, (MPI_Request * request), start, (request), start)

SPLITCAST_INTERPOSE(Startall, (int count, MPI_Request* requests), startall, (count, requests),
                    start_all)

SPLITCAST_INTERPOSE(Request_free, (MPI_Request * request), request_free, (request), free_request)

#ifdef SPLITCAST_LARGE_COUNTS  // the MPI library has them

SPLITCAST_INTERPOSE(Bcast_c,
                    (void* buffer, MPI_Count count, MPI_Datatype type, int root, MPI_Comm comm),
                    bcast_c, (buffer, count, type, root, comm), broadcast)

SPLITCAST_INTERPOSE(Ibcast_c,
                    (void* buffer, MPI_Count count, MPI_Datatype type, int root, MPI_Comm comm,
                     MPI_Request* request),
                    ibcast_c, (buffer, count, type, root, comm, request), nonblocking_broadcast)

SPLITCAST_INTERPOSE(Bcast_init_c,
                    (void* buffer, MPI_Count count, MPI_Datatype type, int root, MPI_Comm comm,
                     MPI_Info info, MPI_Request* request),
                    bcast_init_c, (buffer, count, type, root, comm, info, request),
                    persistent_broadcast)

#endif

}  // extern "C"
