#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace splitcast {

/// Kinds of failure; the values are those of splitcast.h.
enum class Status : int {
    success = 0,
    argument = 1,
    setting = 2,
    mismatch = 3,
    mpi = 4,
    source = 5,
    destination = 6,
    integrity = 7,
    memory = 8,
    state = 9,
    internal = 10,
    lost = 11,     ///< ranks were lost, and with them the only copy of some bytes
    evicted = 12,  ///< this rank did not answer, and the others went on without it
};

/// A failure as a value: its kind, and a text that says what happened, where (host, rank), and what
/// to do.
struct Error {
    Status status = Status::internal;
    std::string text;
    std::vector<int> failed =
        {};  ///< ranks that were lost, where that has to do with it; ascending
};

/// Either a T or an Error. Ask `ok()` (or convert to bool) before looking at either.
template <class T>
class [[nodiscard]] Result {
public:
    // Both are implicit, so that a function returns plainly what it has: `return value;`, `return
    // error;`. NOLINTNEXTLINE(google-explicit-constructor)
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }

    [[nodiscard]] T& value() & { return std::get<0>(content_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(content_); }
    [[nodiscard]] T&& value() && { return std::get<0>(std::move(content_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

private:
    std::variant<T, Error> content_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): as above
    Result(Error error) : error_(std::move(error)), ok_(false) {}
    [[nodiscard]] bool ok() const { return ok_; }
    explicit operator bool() const { return ok_; }
    [[nodiscard]] const Error& error() const { return error_; }

private:
    Error error_;
    bool ok_ = true;
};

}  // namespace splitcast
