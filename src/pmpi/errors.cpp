#include "pmpi/errors.hpp"

#include "mpi/ulfm.hpp"

#include <mpi.h>

#include <array>
#include <mutex>
#include <string>

namespace splitcast::pmpi {

namespace {

// The classes that failures are sorted into, and the code for each.
struct Code {
    int error_class;
    int code;
};
std::array codes{Code{MPI_ERR_ROOT, MPI_ERR_ROOT},
                 Code{MPI_ERR_TRUNCATE, MPI_ERR_TRUNCATE},
                 Code{MPI_ERR_ARG, MPI_ERR_ARG},
                 Code{MPI_ERR_NO_MEM, MPI_ERR_NO_MEM},
                 Code{MPI_ERR_OTHER, MPI_ERR_OTHER},
                 Code{mpi::ulfm::death_class(), mpi::ulfm::death_class()},
                 Code{mpi::ulfm::revoked_class(), mpi::ulfm::revoked_class()}};

int class_of(const Error& error, const std::optional<collectives::Mismatch>& mismatch) {
    switch (error.status) {
        case Status::mismatch:
            if (mismatch && mismatch->first_view.root != mismatch->second_view.root)
                return MPI_ERR_ROOT;
            // What MPI says when more is sent than there is room for.
            if (mismatch && mismatch->first_view.length != mismatch->second_view.length) {
                return MPI_ERR_TRUNCATE;
            }
            return MPI_ERR_OTHER;
        case Status::argument: return MPI_ERR_ARG;
        case Status::memory: return MPI_ERR_NO_MEM;
        case Status::lost: return mpi::ulfm::death_class();
        case Status::evicted: return mpi::ulfm::revoked_class();
        default: return MPI_ERR_OTHER;
    }
}

}  // namespace

void make_error_codes() {
    // A failure leaves the class itself in place, which is a valid code as well.
    for (Code& each : codes) {
        int code = 0;
        if (MPI_Add_error_code(each.error_class, &code) == MPI_SUCCESS) each.code = code;
    }
}

int error_code(const Error& error, const std::optional<collectives::Mismatch>& mismatch) {
    static std::mutex mutex;
    const int wanted = class_of(error, mismatch);
    const std::string text = ("splitcast: " + error.text).substr(0, MPI_MAX_ERROR_STRING - 1);
    for (const Code& each : codes) {
        if (each.error_class != wanted) continue;
        const std::lock_guard lock(mutex);
        if (each.code != each.error_class) MPI_Add_error_string(each.code, text.c_str());
        return each.code;
    }
    return MPI_ERR_OTHER;
}

}  // namespace splitcast::pmpi
