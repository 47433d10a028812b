#pragma once

#include "check/watchdog.hpp"

#include <mpi.h>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::check {

[[nodiscard]] double now();  ///< seconds on this node's steady clock

/// Somebody who was lost although nobody was to be.
struct Loss {
    int rank = 0;
    bool died = false;  ///< else it does not answer
    std::string during;
};

/// Somebody waited in vain for somebody who answers rank 0.
struct Complaint {
    int by = 0;
    int about = 0;
};

/// The ranks that measure, with rank 0 as their conductor: no wait without an end. Plain messages
/// to and from rank 0, because a collective of MPI waits for ever for a rank that hangs, and names
/// nobody. It costs rank 0 a message from and to each rank a step: 1,000 ranks some milliseconds.
///
/// Once somebody is lost, `stopped()` is true on every rank from its next meeting on, and all that
/// is left to do is to report.
class Crew {
public:
    /// `comm` stays the caller's. Rank 0 waits `patience` seconds for a partner, twice that for
    /// somebody who may himself be waiting.
    Crew(MPI_Comm comm, double patience, Watchdog& watchdog);

    [[nodiscard]] MPI_Comm comm() const { return comm_; }
    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] bool conducts() const { return rank_ == 0; }
    [[nodiscard]] double patience() const { return patience_; }

    enum class Wait { done, died, late };
    /// Until the request is over, or `patience` has passed: then it is left alone, with its buffer,
    /// which must stay. A busy wait is for what is measured; the other lets the processor rest.
    [[nodiscard]] Wait wait(MPI_Request& request, bool busy, double patience);

    /// A message with one partner, both ways at once. False: the partner is lost, and accused.
    [[nodiscard]] bool exchange(int partner, int tag, std::span<const std::byte> out,
                                std::span<std::byte> in, bool busy);

    /// This rank waited in vain for that one. Told in the next meeting.
    void accuse(int partner) { accused_ = partner; }
    /// This rank waited in vain, and cannot say for whom.
    void stuck();

    using Gathered = std::vector<std::vector<double>>;  ///< [rank]; empty for the lost
    using Decide = std::function<std::vector<double>(const Gathered&)>;
    /// All hand in `mine` (of one length), rank 0 decides, and everybody gets the decision, of
    /// `answer` numbers. Nothing: somebody is lost.
    std::optional<std::vector<double>> meet(std::string_view during, std::span<const double> mine,
                                            std::size_t answer, const Decide& decide);

    [[nodiscard]] bool stopped() const { return stopped_; }
    /// Who is lost; complete on rank 0, on others at least not empty once stopped.
    [[nodiscard]] const std::vector<Loss>& losses() const { return losses_; }
    /// On rank 0. Where somebody is lost they mostly come of that.
    [[nodiscard]] const std::vector<Complaint>& complaints() const { return complaints_; }
    /// Rank 0 itself is lost.
    [[nodiscard]] bool leaderless() const { return leaderless_; }
    /// Not counted as lost, and left out of meetings: it was killed on purpose.
    void excuse(int rank);

    /// What goes on, for whoever has to say where it hangs.
    void enters(std::string_view what);

private:
    void lose(int rank, bool died);
    void hear(int by, const std::vector<double>& report, Gathered& gathered);
    void gather(Gathered& gathered, std::size_t length);
    void answer(std::vector<double>& decision);
    std::vector<double>& keep(std::size_t length);

    MPI_Comm comm_;
    double patience_;
    int rank_ = 0;
    int size_ = 1;
    Watchdog& watchdog_;
    std::string during_;
    int accused_ = -1;
    bool stopped_ = false;
    bool leaderless_ = false;
    std::vector<Loss> losses_;
    std::vector<Complaint> complaints_;
    std::vector<bool> excused_;
    std::deque<std::vector<double>> kept_;  // buffers of requests that nobody will finish
};

}  // namespace splitcast::check
