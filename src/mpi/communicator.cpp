#include "mpi/communicator.hpp"

#include <array>
#include <utility>

namespace splitcast::mpi {

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
    if (this != &other) {
        free();
        comm_ = std::exchange(other.comm_, MPI_COMM_NULL);
    }
    return *this;
}

Communicator::~Communicator() { free(); }

void Communicator::free() {
    if (comm_ == MPI_COMM_NULL) return;
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized == 0) MPI_Comm_free(&comm_);
    comm_ = MPI_COMM_NULL;
}

MPI_Comm Communicator::release() { return std::exchange(comm_, MPI_COMM_NULL); }

Result<Communicator> Communicator::duplicate(MPI_Comm comm) {
    MPI_Comm copy = MPI_COMM_NULL;
    const int code = MPI_Comm_dup(comm, &copy);
    if (code != MPI_SUCCESS) return failure("MPI_Comm_dup", code);
    MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
    return Communicator(copy);
}

int Communicator::rank() const {
    int rank = 0;
    MPI_Comm_rank(comm_, &rank);
    return rank;
}

int Communicator::size() const {
    int size = 0;
    MPI_Comm_size(comm_, &size);
    return size;
}

std::string describe(std::string_view function, int code) {
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    std::string out(function);
    out += ": ";
    if (MPI_Error_string(code, text.data(), &length) == MPI_SUCCESS) {
        out.append(text.data(), static_cast<std::size_t>(length));
    } else {
        out += "MPI error " + std::to_string(code);
    }
    return out;
}

Error failure(std::string_view function, int code) {
    return {Status::mpi, describe(function, code) + " (host " + host_name() + ")"};
}

std::string host_name() {
    std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
    int length = 0;
    MPI_Get_processor_name(name.data(), &length);
    return {name.data(), static_cast<std::size_t>(length)};
}

int largest_tag(MPI_Comm comm) {
    int* value = nullptr;
    int found = 0;
    MPI_Comm_get_attr(comm, MPI_TAG_UB, static_cast<void*>(&value), &found);
    return found != 0 && value != nullptr ? *value : 32767;
}

}  // namespace splitcast::mpi
