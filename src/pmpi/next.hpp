#pragma once

#include <mpi.h>

namespace splitcast::pmpi {

/// The MPI functions that the drop-in stands in front of. Null where the library has no such
/// function.
struct Functions {
    int (*init)(int*, char***) = nullptr;
    int (*init_thread)(int*, char***, int, int*) = nullptr;
    int (*finalize)() = nullptr;
    int (*bcast)(void*, int, MPI_Datatype, int, MPI_Comm) = nullptr;
    int (*bcast_c)(void*, MPI_Count, MPI_Datatype, int, MPI_Comm) = nullptr;
    int (*ibcast)(void*, int, MPI_Datatype, int, MPI_Comm, MPI_Request*) = nullptr;
    int (*ibcast_c)(void*, MPI_Count, MPI_Datatype, int, MPI_Comm, MPI_Request*) = nullptr;
    int (*bcast_init)(void*, int, MPI_Datatype, int, MPI_Comm, MPI_Info, MPI_Request*) = nullptr;
    int (*bcast_init_c)(void*, MPI_Count, MPI_Datatype, int, MPI_Comm, MPI_Info,
                        MPI_Request*) = nullptr;
    int (*start)(MPI_Request*) = nullptr;
    int (*startall)(int, MPI_Request*) = nullptr;
    int (*request_free)(MPI_Request*) = nullptr;
};

/// The library's own, by their PMPI_ names.
const Functions& library();

/// The MPI_ functions of a profiling tool that was loaded behind the drop-in; null without one. A
/// call goes to the tool first, which passes it on as PMPI_: there the drop-in takes it, and the
/// tool has seen and measured it.
const Functions& tool();

/// While one exists, the calls of this thread are splitcast's own: they go to the library
/// untouched.
class Inside {
public:
    Inside() { ++depth; }
    ~Inside() { --depth; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    [[nodiscard]] static bool now() { return depth > 0; }

private:
    static thread_local int depth;
};

}  // namespace splitcast::pmpi
