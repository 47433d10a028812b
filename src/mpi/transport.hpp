#pragma once

#include "engine/transport.hpp"
#include "mpi/hub.hpp"

#include <mpi.h>

#include <chrono>
#include <cstdint>
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
    /// Of all control messages of the team.
    [[nodiscard]] static int control();
    /// Of what MPI itself sends to make a communicator of some of the ranks: Open MPI uses the tag
    /// that it is given for ordinary messages, so it has to be nobody else's.
    [[nodiscard]] static int regroup();
    [[nodiscard]] std::uint64_t numbers() const { return numbers_; }

private:
    std::uint64_t numbers_;
    std::uint64_t ordinary_;  ///< numbers below it are for ordinary broadcasts
};

/// The messages of one broadcast: segments by Isend, Issend, Irecv and Testsome on the team's
/// communicator, control messages by the team's hub.
class PointToPoint final : public engine::Transport {
public:
    /// `comm` and `hub` belong to the team and outlive this. `number`: of the broadcast in its
    /// tags; `identity`: of the broadcast on its team. `survive`: ranks may die.
    PointToPoint(MPI_Comm comm, Hub& hub, Tags tags, std::uint64_t number, Hub::Identity identity,
                 bool survive);
    ~PointToPoint() override;
    PointToPoint(const PointToPoint&) = delete;
    PointToPoint& operator=(const PointToPoint&) = delete;

    void receive(std::int32_t flow, collectives::Rank from, int channel,
                 collectives::Segment segment, std::span<std::byte> into,
                 Trailer* trailer) override;
    void send(std::int32_t flow, collectives::Rank to, int channel, collectives::Segment segment,
              std::span<const std::byte> bytes, const Trailer* trailer, bool synchronous) override;
    void send_control(collectives::Rank to, std::vector<std::byte> message) override;
    void cancel(std::int32_t flow, collectives::Segment from) override;
    void forsake(collectives::Rank peer) override;
    std::optional<Error> poll(bool listen, std::vector<engine::Completion>& completions) override;
    void drain() override;
    [[nodiscard]] bool idle() override;

private:
    enum class What : std::uint8_t { receive, send };
    struct Record {
        What what = What::receive;
        bool forsaken = false;
        std::int32_t flow = -1;
        collectives::Segment segment = -1;
        collectives::Rank peer = collectives::no_rank;
        int bytes = 0;
    };

    /// Keeps the record of a request that MPI has accepted; a refusal is reported by the next poll.
    void add(std::string_view function, int code, MPI_Request request, Record record);
    std::optional<Error> poll_segments(std::vector<engine::Completion>& completions);
    std::optional<Error> complete(const Record& record, MPI_Status& status, bool failed,
                                  std::vector<engine::Completion>& completions);
    void remove(std::size_t place);
    void forget_failed();
    void take_letters(std::vector<engine::Completion>& completions);

    MPI_Comm comm_;
    Hub& hub_;
    Tags tags_;
    std::uint64_t number_;
    Hub::Identity identity_;
    bool survive_;
    std::vector<MPI_Request> requests_;
    std::vector<Record> records_;
    std::vector<int> indices_;
    std::vector<MPI_Status> statuses_;
    std::optional<Error> refused_;
    bool expulsion_told_ = false;
    std::size_t dead_told_ = 0;  ///< of the hub's dead ranks
    unsigned deaf_ = 0;          ///< polls without looking for control messages
    std::optional<std::chrono::steady_clock::time_point> forsaken_at_;
};

}  // namespace splitcast::mpi
