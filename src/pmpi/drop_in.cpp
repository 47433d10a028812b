#include "pmpi/drop_in.hpp"

#include "pmpi/communicators.hpp"
#include "pmpi/errors.hpp"
#include "pmpi/next.hpp"
#include "pmpi/requests.hpp"
#include "pmpi/world.hpp"

#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace splitcast::pmpi {

namespace {

// Whether splitcast may take the call, by what this rank alone can see. Matching type signatures
// mean the same number of bytes on all ranks, so all come to the same answer. What MPI is going to
// refuse is left to MPI.
bool eligible(const void* buffer, MPI_Count count, MPI_Datatype type, MPI_Comm comm) {
    if (!world().on || Inside::now()) return false;
    if (count <= 0 || type == MPI_DATATYPE_NULL || comm == MPI_COMM_NULL || buffer == MPI_IN_PLACE)
        return false;
    MPI_Count size = 0;
    PMPI_Type_size_x(type, &size);
    return size > 0 && count >= (world().minimum + size - 1) / size;
}

bool is_rank(const State& state, int root) { return root >= 0 && root < state.team->size(); }

// The program's own handler is called with nothing of ours in the way: it may do what it likes.
int raise_error(MPI_Comm comm, const Error& error,
                const std::optional<collectives::Mismatch>& mismatch = {}) {
    const int code = error_code(error, mismatch);
    PMPI_Comm_call_errhandler(comm, code);
    return code;
}

/// A broadcast that loses ranks delivers to those that are left. What is called on the communicator
/// after that fails as any collective with a dead member does, so that the program takes notice.
std::optional<Error> torn(const State& state) {
    const std::vector<int> failed = state.team->failed();
    if (failed.empty()) return std::nullopt;
    std::string ranks;
    for (const int rank : failed) ranks += (ranks.empty() ? "" : ", ") + std::to_string(rank);
    return Error{Status::lost, "ranks of this communicator are lost: " + ranks +
                                   "; go on with those that are left (MPIX_Comm_shrink)"};
}

int blocking(State& state, const Arguments& what) {
    std::optional<collectives::Mismatch> mismatch;
    auto report = [&] {
        const Inside guard;
        Request::Impl request(*state.team, what.buffer, what.count, what.type, what.root, {},
                              false);
        {
            const std::lock_guard lock(state.mutex);
            static_cast<void>(request.start());
        }
        wait_beside_requests([&request] { return request.over(); });
        const std::lock_guard lock(state.mutex);
        auto outcome = request.finish();
        mismatch = request.mismatch();
        return outcome;
    }();
    return report ? MPI_SUCCESS : raise_error(state.comm, report.error(), mismatch);
}

// No exception may leave a C function. What throws is the allocation of memory.
template <class Body>
int guarded(MPI_Comm comm, Body body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return raise_error(comm, {Status::memory, "out of memory"});
    }
}

template <class Count>
constexpr bool is_large = !std::is_same_v<Count, int>;

}  // namespace

int initialize(int* argc, char*** argv) {
    const int code = library().init(argc, argv);
    if (code == MPI_SUCCESS) open();
    return code;
}

int initialize(int* argc, char*** argv, int required, int* provided) {
    const int code = library().init_thread(argc, argv, required, provided);
    if (code == MPI_SUCCESS) open();
    return code;
}

int finalize() {
    close();
    return library().finalize();
}

template <class Count>
int broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm) {
    const auto pass = [&] {
        if constexpr (is_large<Count>) {
            return library().bcast_c(buffer, count, type, root, comm);
        } else {
            return library().bcast(buffer, count, type, root, comm);
        }
    };
    if (!eligible(buffer, count, type, comm)) return pass();
    return guarded(comm, [&] {
        const Found found = [&] {
            const Inside guard;
            return find_or_make_state(comm, root);
        }();
        if (found.code != MPI_SUCCESS) return found.code;
        if (!found.state || !is_rank(*found.state, root)) {
            ++world().left_to_mpi;
            return pass();
        }
        if (const auto error = torn(*found.state)) return raise_error(comm, *error);
        ++world().blocking_calls;
        return blocking(*found.state, {buffer, count, type, root});
    });
}

template <class Count>
int nonblocking_broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm,
                          MPI_Request* request) {
    const auto pass = [&] {
        if constexpr (is_large<Count>) {
            return library().ibcast_c(buffer, count, type, root, comm, request);
        } else {
            return library().ibcast(buffer, count, type, root, comm, request);
        }
    };
    if (!eligible(buffer, count, type, comm)) return pass();
    return guarded(comm, [&] {
        // Making a team waits for the other ranks, which this call must not do, and it must not
        // leave that to MPI_Comm_idup: in Open MPI 5.0 one that other ranks have not called yet
        // keeps this rank from making any other communicator (a deadlock in correct programs).
        // Calls on a communicator have the same order on all its ranks, so whether there is a team
        // by now has the same answer everywhere.
        const StatePointer state =
            world().nonblocking && request != nullptr ? find_state(comm) : nullptr;
        if (!state || !is_rank(*state, root)) {
            ++world().left_to_mpi;
            return pass();
        }
        if (const auto error = torn(*state)) return raise_error(comm, *error);
        ++world().nonblocking_calls;
        const Inside guard;
        return start_broadcast(state, {buffer, count, type, root}, request);
    });
}

template <class Count>
int persistent_broadcast(void* buffer, Count count, MPI_Datatype type, int root, MPI_Comm comm,
                         MPI_Info info, MPI_Request* request) {
    const auto pass = [&] {
        if constexpr (is_large<Count>) {
            return library().bcast_init_c(buffer, count, type, root, comm, info, request);
        } else {
            return library().bcast_init(buffer, count, type, root, comm, info, request);
        }
    };
    if (!eligible(buffer, count, type, comm)) return pass();
    return guarded(comm, [&] {
        Found found;
        if (world().nonblocking && request != nullptr) {
            const Inside guard;
            found = find_or_make_state(comm, root);
        }
        if (found.code != MPI_SUCCESS) return found.code;
        if (!found.state || !is_rank(*found.state, root)) {
            ++world().left_to_mpi;
            return pass();
        }
        if (const auto error = torn(*found.state)) return raise_error(comm, *error);
        const Inside guard;
        return prepare_broadcast(found.state, {buffer, count, type, root}, request);
    });
}

template int broadcast(void*, int, MPI_Datatype, int, MPI_Comm);
template int broadcast(void*, MPI_Count, MPI_Datatype, int, MPI_Comm);
template int nonblocking_broadcast(void*, int, MPI_Datatype, int, MPI_Comm, MPI_Request*);
template int nonblocking_broadcast(void*, MPI_Count, MPI_Datatype, int, MPI_Comm, MPI_Request*);
template int persistent_broadcast(void*, int, MPI_Datatype, int, MPI_Comm, MPI_Info, MPI_Request*);
template int persistent_broadcast(void*, MPI_Count, MPI_Datatype, int, MPI_Comm, MPI_Info,
                                  MPI_Request*);

int start(MPI_Request* request) {
    const MPI_Request before = request != nullptr ? *request : MPI_REQUEST_NULL;
    const int code = library().start(request);
    if (code != MPI_SUCCESS || !world().on || Inside::now()) return code;
    return guarded(MPI_COMM_SELF, [&] {
        const Inside guard;
        start_prepared(before);
        return MPI_SUCCESS;
    });
}

int start_all(int count, MPI_Request* requests) {
    const bool ours = world().on && !Inside::now() && count > 0 && requests != nullptr;
    const std::vector<MPI_Request> before =
        ours ? std::vector<MPI_Request>(requests, requests + count) : std::vector<MPI_Request>{};
    const int code = library().startall(count, requests);
    if (code != MPI_SUCCESS) return code;
    return guarded(MPI_COMM_SELF, [&] {
        const Inside guard;
        for (const MPI_Request request : before) start_prepared(request);
        return MPI_SUCCESS;
    });
}

int free_request(MPI_Request* request) {
    const MPI_Request before = request != nullptr ? *request : MPI_REQUEST_NULL;
    const int code = library().request_free(request);
    if (code == MPI_SUCCESS && world().on && !Inside::now()) {
        const Inside guard;
        forget_prepared(before);
    }
    return code;
}

}  // namespace splitcast::pmpi
