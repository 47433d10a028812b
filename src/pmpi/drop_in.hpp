#pragma once

#include <mpi.h>

namespace splitcast::pmpi {

// What the interposed functions do, with MPI's arguments and MPI's return values. A count may be an
// int or an MPI_Count; the call goes on to the library by the function of the same kind.

int initialize(int* argc, char*** argv);
int initialize(int* argc, char*** argv, int required, int* provided);
int finalize();

template <class Count>
int broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm);

template <class Count>
int nonblocking_broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm,
                          MPI_Request* request);

template <class Count>
int persistent_broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm,
                         MPI_Info info, MPI_Request* request);

int start(MPI_Request* request);
int start_all(int count, MPI_Request* requests);
int free_request(MPI_Request* request);

}  // namespace splitcast::pmpi
