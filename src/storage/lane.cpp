#include "storage/lane.hpp"

#include <csignal>
#include <exception>
#include <new>
#include <system_error>

namespace splitcast::storage {

Result<void> Lane::start() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits the mask
    Result<void> result;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
        result = Error{Status::memory, std::string("cannot start a thread: ") + error.what()};
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return result;
}

Lane::~Lane() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    given_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Lane::give(Piece piece) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        wake = pieces_.empty() && !busy_;
        pieces_.push_back(piece);
    }
    if (wake) given_.notify_one();
}

void Lane::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        given_.wait(lock, [this] { return ending_ || !pieces_.empty(); });
        if (ending_) return;
        const Piece piece = pieces_.front();
        pieces_.pop_front();
        busy_ = true;
        lock.unlock();

        if (!failed_.load(std::memory_order_relaxed)) {
            try {
                if (const auto result = handle_(piece); !result) fail(result.error());
            } catch (const std::bad_alloc&) {
                fail({Status::memory, "out of memory"});
            } catch (const std::exception& error) {
                fail({Status::internal, error.what()});
            }
        }
        done_.fetch_add(static_cast<std::int64_t>(piece.bytes.size()), std::memory_order_release);

        lock.lock();
        busy_ = false;
        idle_.notify_all();
    }
}

void Lane::drain() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return pieces_.empty() && !busy_; });
}

void Lane::drain(std::int64_t bytes) {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return done() >= bytes; });
}

std::optional<Error> Lane::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

void Lane::fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    failed_ = true;
}

}  // namespace splitcast::storage
