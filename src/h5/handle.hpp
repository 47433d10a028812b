#pragma once

#include "splitcast/error.hpp"

#include <hdf5.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace splitcast::h5 {

/// What went wrong within one rank. Thrown inside this folder only: attempt() turns it into a value
/// before anybody else sees it.
class Failure : public std::exception {
public:
    explicit Failure(Error error) : error_(std::move(error)) {}
    [[nodiscard]] const char* what() const noexcept override { return error_.text.c_str(); }
    [[nodiscard]] const Error& error() const { return error_; }

private:
    Error error_;
};

/// Throws a Failure: `what`, with HDF5's error stack below it.
[[noreturn]] void fail(Status status, std::string_view what);

/// HDF5's error stack of this thread, a line for each call, "" if there is none.
[[nodiscard]] std::string error_stack();

/// While it lives HDF5 prints nothing by itself; it does again afterwards, if it did before.
class Quiet {
public:
    Quiet();
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet();

private:
    H5E_auto2_t function_ = nullptr;
    void* data_ = nullptr;
};

/// An identifier of HDF5, closed at the end.
class Handle {
public:
    using Close = herr_t (*)(hid_t);

    Handle() = default;
    /// Throws a Failure if there is none: every call that makes an identifier is checked by making
    /// one of these.
    Handle(hid_t id, Close closer, std::string_view what, Status status = Status::source)
        : id_(id), close_(closer) {
        if (id < 0) fail(status, what);
    }
    Handle(Handle&& other) noexcept
        : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }

    [[nodiscard]] hid_t get() const { return id_; }
    // NOLINTNEXTLINE(google-explicit-constructor): HDF5's functions take it as they take an hid_t
    operator hid_t() const { return id_; }

    /// Closes it now, to hear of what can only be told then.
    void close(std::string_view what, Status status) {
        if (id_ >= 0 && close_(std::exchange(id_, H5I_INVALID_HID)) < 0) fail(status, what);
    }

private:
    hid_t id_ = H5I_INVALID_HID;
    Close close_ = nullptr;
};

/// Passes on what a call of HDF5 returned, unless it says that the call failed.
template <class Code>
Code check(Code code, std::string_view what, Status status = Status::source) {
    if (code < 0) fail(status, what);
    return code;
}

/// Runs what may throw a Failure, and makes a value of it.
template <class Body>
auto attempt(Body body) -> Result<decltype(body())> {
    try {
        const Quiet quiet;
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
            return {};
        } else {
            return body();
        }
    } catch (const Failure& failure) {
        return failure.error();
    } catch (const std::bad_alloc&) {
        return Error{Status::memory, "out of memory"};
    } catch (const std::exception& unexpected) {
        return Error{Status::internal, unexpected.what()};
    }
}

}  // namespace splitcast::h5
