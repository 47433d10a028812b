#include "mpi/ulfm.hpp"

#include <numeric>

#if defined(OPEN_MPI) && !defined(SPLITCAST_WITHOUT_ULFM)
#include <mpi-ext.h>
#endif

namespace splitcast::mpi::ulfm {

#if defined(OMPI_HAVE_MPI_EXT_FTMPI) && !defined(SPLITCAST_WITHOUT_ULFM)

bool compiled() { return true; }

bool enabled() {
    int* value = nullptr;
    int found = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPIX_FT, static_cast<void*>(&value), &found);
    return found != 0 && value != nullptr && *value != 0;
}

bool is_death(int code) {
    int kind = MPI_SUCCESS;
    MPI_Error_class(code, &kind);
    return kind == MPIX_ERR_PROC_FAILED || kind == MPIX_ERR_PROC_FAILED_PENDING;
}

int death_class() { return MPIX_ERR_PROC_FAILED; }
int revoked_class() { return MPIX_ERR_REVOKED; }

std::vector<collectives::Rank> dead(MPI_Comm comm) {
    MPI_Group failed = MPI_GROUP_NULL;
    if (MPIX_Comm_get_failed(comm, &failed) != MPI_SUCCESS) return {};
    int count = 0;
    MPI_Group_size(failed, &count);
    std::vector<int> ranks(static_cast<std::size_t>(count));
    if (count > 0) {
        std::vector<int> positions(ranks.size());
        std::iota(positions.begin(), positions.end(), 0);
        MPI_Group all = MPI_GROUP_NULL;
        MPI_Comm_group(comm, &all);
        MPI_Group_translate_ranks(failed, count, positions.data(), all, ranks.data());
        MPI_Group_free(&all);
    }
    MPI_Group_free(&failed);
    return {ranks.begin(), ranks.end()};
}

void acknowledge(MPI_Comm comm) {
    int size = 0;
    int acknowledged = 0;
    MPI_Comm_size(comm, &size);
    MPIX_Comm_ack_failed(comm, size, &acknowledged);
}

int begin_agreement(MPI_Comm comm, int& flag, MPI_Request& request) {
    return MPIX_Comm_iagree(comm, &flag, &request);
}

void revoke(MPI_Comm comm) { MPIX_Comm_revoke(comm); }

Result<int> agree(MPI_Comm comm, int bits) {
    // That some have died is no error: those who are left agree all the same.
    const int code = MPIX_Comm_agree(comm, &bits);
    if (code != MPI_SUCCESS && !is_death(code)) return failure("MPIX_Comm_agree", code);
    return bits;
}

Result<Communicator> shrink(MPI_Comm comm) {
    MPI_Comm shrunk = MPI_COMM_NULL;
    const int code = MPIX_Comm_shrink(comm, &shrunk);
    if (code != MPI_SUCCESS) return failure("MPIX_Comm_shrink", code);
    MPI_Comm_set_errhandler(shrunk, MPI_ERRORS_RETURN);
    return Communicator(shrunk);
}

#else

bool compiled() { return false; }
bool enabled() { return false; }
bool is_death(int /*code*/) { return false; }
int death_class() { return MPI_ERR_OTHER; }
int revoked_class() { return MPI_ERR_OTHER; }
std::vector<collectives::Rank> dead(MPI_Comm /*comm*/) { return {}; }
void acknowledge(MPI_Comm /*comm*/) {}
void revoke(MPI_Comm /*comm*/) {}

Result<int> agree(MPI_Comm comm, int bits) {
    const int code = MPI_Allreduce(MPI_IN_PLACE, &bits, 1, MPI_INT, MPI_BAND, comm);
    if (code != MPI_SUCCESS) return failure("MPI_Allreduce", code);
    return bits;
}

int begin_agreement(MPI_Comm comm, int& /*flag*/, MPI_Request& request) {
    return MPI_Ibarrier(comm, &request);
}

Result<Communicator> shrink(MPI_Comm comm) { return Communicator::duplicate(comm); }

#endif

}  // namespace splitcast::mpi::ulfm
