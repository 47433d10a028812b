#pragma once

#include "splitcast/splitcast.hpp"

#include <exception>
#include <new>

// The handles of the C interface own the objects of the C++ one.
struct splitcast_team {
    splitcast::Team team;
};

/// What the functions of the C interface have in common.
namespace splitcast::api {

/// The code of a failure, whose text splitcast_last_error() gives from now on.
int fail(const Error& error);
int fail(Status status, const char* text);

void forget_failure();
[[nodiscard]] const char* failure_text();

/// No exception may leave a C function. What throws is the allocation of memory.
template <class Body>
int guarded(Body body) {
    try {
        forget_failure();
        return body();
    } catch (const std::bad_alloc&) {
        return fail(Status::memory, "out of memory");
    } catch (const std::exception& unexpected) {
        return fail(Status::internal, unexpected.what());
    }
}

}  // namespace splitcast::api
