#pragma once

#include "h5/bytes.hpp"
#include "splitcast/h5.hpp"
#include "splitcast/splitcast.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace splitcast::h5 {

/// Where batches come from, on the reader.
class Producer {
public:
    Producer() = default;
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    virtual ~Producer() = default;
    /// Length of the next batch; 0 when there is none.
    virtual std::uint64_t next() = 0;
    /// Its bytes.
    virtual void fill(std::span<std::byte> batch) = 0;
};

/// Where they go, on every rank that wants them.
class Consumer {
public:
    Consumer() = default;
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;
    virtual ~Consumer() = default;
    /// Memory that the next batch, of this length, can arrive in for good; empty: in a buffer of
    /// the channel's. Called once for each batch, in order.
    virtual std::span<std::byte> place(std::uint64_t /*bytes*/) { return {}; }
    /// The batch is here, or on the reader: was read.
    virtual void take(std::span<const std::byte> batch) = 0;
};

/// What the ranks of a team have to tell each other about an HDF5 file, by broadcasts of the team
/// alone: so what a team survives, this does.
class Channel {
public:
    Channel(Team& team, int root, std::string settings);

    [[nodiscard]] bool reading() const { return team_.rank() == root_; }

    /// What `make` returns on the reader, on every rank; or the reader's error. `make` may throw a
    /// Failure. Collective.
    Result<Bytes> tell(const std::function<Bytes()>& make) { return tell_from(root_, make); }

    /// Batch after batch from `producer` (null elsewhere than on the reader) to every rank's
    /// `consumer` (null: it only passes them on). While one batch is on the wire, the one before is
    /// taken and the next one read, in a second thread.
    ///
    /// The outcome is the same on every rank, but tells of the reader and of the wire only: what
    /// went wrong in a consumer is kept for settle(). Collective.
    Result<void> stream(Producer* producer, Consumer* consumer);

    /// Runs what concerns this rank; an error is kept for settle(). Not run if there is one
    /// already.
    void locally(const std::function<void()>& body);
    void note(const std::optional<Error>& error);
    [[nodiscard]] const std::optional<Error>& noted() const { return noted_; }

    /// Nothing if no rank has noted an error, else the same on all: that of the lowest rank that
    /// has one. Collective.
    Result<void> settle();

    [[nodiscard]] const Traffic& traffic() const { return traffic_; }

private:
    class Round;
    Result<void> tally(const Result<Report>& report);
    Result<void> send(void* data, std::uint64_t bytes, int root);
    Result<Bytes> tell_from(int rank, const std::function<Bytes()>& make);
    Result<bool> any_failed(int from, int to);
    [[nodiscard]] Error located(const Error& error) const;

    Team& team_;
    int root_;
    std::string settings_;
    std::optional<Error> noted_;
    std::string mismatch_;  ///< what the last one was said to be
    Traffic traffic_;
};

}  // namespace splitcast::h5
