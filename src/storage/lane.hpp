#pragma once

#include "splitcast/error.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

namespace splitcast::storage {

/// A thread that handles the pieces of a file one after the other, in the order in which they are
/// given, so that the disk works while the network does. After an error it goes on taking pieces,
/// and handles none.
class Lane {
public:
    struct Piece {
        std::int64_t offset = 0;
        std::span<std::byte> bytes;
    };
    using Handle = std::function<Result<void>(const Piece&)>;

    /// Starts the thread. It takes no signals: they are for the threads of the application.
    explicit Lane(Handle handle) : handle_(std::move(handle)) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Ends the thread after the piece that it is at; pieces behind that are not touched.
    ~Lane();

    Result<void> start();

    void give(Piece piece);

    /// Bytes of the pieces that are done with. The content of the pieces may be looked at.
    [[nodiscard]] std::int64_t done() const { return done_.load(std::memory_order_acquire); }

    /// Waits until all that was given is done with.
    void drain();
    /// Waits until so many bytes are.
    void drain(std::int64_t bytes);

    /// The first error of `handle`.
    [[nodiscard]] std::optional<Error> error() const;

    /// Makes `error` the lane's error if there is none so far: pieces are dropped from now on.
    void fail(Error error);

private:
    void run();

    Handle handle_;
    mutable std::mutex mutex_;
    std::condition_variable given_;
    std::condition_variable idle_;
    std::deque<Piece> pieces_;
    std::optional<Error> error_;
    bool busy_ = false;
    bool ending_ = false;
    std::atomic<std::int64_t> done_ = 0;
    std::atomic<bool> failed_ = false;
    std::thread thread_;
};

}  // namespace splitcast::storage
