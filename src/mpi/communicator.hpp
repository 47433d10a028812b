#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <string>
#include <string_view>

namespace splitcast::mpi {

/// A communicator that is ours: freed by the destructor unless MPI is already finalized.
class Communicator {
public:
    Communicator() = default;
    explicit Communicator(MPI_Comm owned) : comm_(owned) {}
    Communicator(Communicator&& other) noexcept;
    Communicator& operator=(Communicator&& other) noexcept;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;
    ~Communicator();

    /// Duplicates `comm` (collective); failures on the duplicate are returned, never fatal.
    static Result<Communicator> duplicate(MPI_Comm comm);

    [[nodiscard]] MPI_Comm get() const { return comm_; }
    [[nodiscard]] int rank() const;
    [[nodiscard]] int size() const;

    /// Collective.
    void free();

    /// The communicator, which is the caller's to free from now on.
    [[nodiscard]] MPI_Comm release();

private:
    MPI_Comm comm_ = MPI_COMM_NULL;
};

/// "MPI_Comm_dup: <what MPI says>".
[[nodiscard]] std::string describe(std::string_view function, int code);

/// The same as an Error.
[[nodiscard]] Error failure(std::string_view function, int code);

/// Name of this host, as MPI knows it.
[[nodiscard]] std::string host_name();

/// Largest tag that may be used on `comm`.
[[nodiscard]] int largest_tag(MPI_Comm comm);

}  // namespace splitcast::mpi
