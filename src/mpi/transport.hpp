#pragma once

#include "engine/transport.hpp"

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace splitcast::mpi {

/// How the broadcasts of one team share its communicator: each has a number, and its messages carry
/// tags made of that number and the channel. Numbers come round again after `numbers` broadcasts;
/// messages with the same tag between the same ranks stay in order, so that is safe as long as
/// fewer are under way at once.
class Tags {
public:
    explicit Tags(int largest_tag);

    /// The number that the n-th broadcast of the team has in its tags; and the n-th of those that
    /// keep their number because they are started again and again. The two never meet.
    [[nodiscard]] std::uint64_t ordinary(std::uint64_t n) const { return n % ordinary_; }
    [[nodiscard]] std::uint64_t reserved(std::uint64_t n) const {
        return ordinary_ + n % (numbers_ - ordinary_);
    }

    [[nodiscard]] int data(std::uint64_t number, int channel) const;
    [[nodiscard]] int control(std::uint64_t number) const;
    [[nodiscard]] std::uint64_t numbers() const { return numbers_; }

private:
    std::uint64_t numbers_;
    std::uint64_t ordinary_;  ///< numbers below it are for ordinary broadcasts
};

/// Isend, Issend, Irecv and Testsome on the team's communicator.
class PointToPoint final : public engine::Transport {
public:
    /// `comm` belongs to the team and outlives this. `number`: of the broadcast on its team.
    PointToPoint(MPI_Comm comm, Tags tags, std::uint64_t number);
    ~PointToPoint() override;
    PointToPoint(const PointToPoint&) = delete;
    PointToPoint& operator=(const PointToPoint&) = delete;

    void receive(std::int32_t flow, collectives::Rank from, int channel,
                 collectives::Segment segment, std::span<std::byte> into) override;
    void send(std::int32_t flow, collectives::Rank to, int channel, collectives::Segment segment,
              std::span<const std::byte> bytes, bool synchronous) override;
    void send_control(collectives::Rank to, std::vector<std::byte> message) override;
    void expect_control(collectives::Rank from, std::size_t capacity) override;
    void cancel(std::int32_t flow) override;
    std::optional<Error> poll(std::vector<engine::Completion>& completions) override;
    [[nodiscard]] bool idle() const override { return requests_.empty(); }

private:
    enum class What : std::uint8_t { receive, send, control_out, control_in };
    struct Record {
        What what = What::receive;
        std::int32_t flow = -1;
        collectives::Segment segment = -1;
        collectives::Rank peer = collectives::no_rank;
        int bytes = 0;
        std::unique_ptr<std::vector<std::byte>> message{};  ///< control only: owns the bytes
    };

    /// Keeps the record of a request that MPI has accepted; a refusal is reported by the next poll.
    void add(std::string_view function, int code, MPI_Request request, Record record);
    std::optional<Error> complete(Record& record, MPI_Status& status, bool failed,
                                  std::vector<engine::Completion>& completions) const;

    MPI_Comm comm_;
    Tags tags_;
    std::uint64_t number_;
    std::vector<MPI_Request> requests_;
    std::vector<Record> records_;
    std::vector<int> indices_;
    std::vector<MPI_Status> statuses_;
    std::optional<Error> refused_;
};

}  // namespace splitcast::mpi
