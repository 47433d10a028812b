#pragma once

#include "collectives/machine.hpp"
#include "sim/lives.hpp"
#include "sim/scenario.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace splitcast::sim {

/// What came of a broadcast, to be added up.
struct Tally {
    std::int64_t epochs = 0;    ///< after the first, that some rank adopted
    std::int64_t resent = 0;    ///< segments sent after the first epoch
    std::int64_t repaired = 0;  ///< and received whole
    std::int64_t verdicts[6] = {};

    Tally& operator+=(const Tally& other);
    [[nodiscard]] std::string text() const;
};

/// Sees what every rank does and what it hears, keeps its own books, and throws a Violation when a
/// rank does what it must not. Believes nothing that a machine says about itself.
class Witness {
public:
    Witness(const Scenario& scenario, const std::vector<RankPlan>& plans, const Lives& lives);

    /// The machine whose windows are looked at and whose claims are compared with the books.
    void watch(Rank rank, const Machine& machine) { of(rank).machine = &machine; }

    void posts_receive(Rank rank, std::int32_t flow, Rank from, int channel, Segment segment);
    /// `under_way`: of this flow, before the send.
    void sends(Rank rank, std::int32_t flow, Rank to, int channel, Segment segment, int under_way);
    /// A control message.
    void tells(Rank rank, Rank to, std::span<const std::byte> message);
    /// `carried`: what the sender had sent.
    void received(Rank rank, std::int32_t flow, Rank from, Segment segment, Segment carried,
                  bool damaged);
    void sent(Rank rank, std::int32_t flow, Segment segment);
    void forsakes(Rank rank, Rank peer);
    /// A rank begins another epoch; `outstanding`: what it has not heard the end of.
    void renews(Rank rank, int outstanding);

    /// After everything that a rank did in one go.
    void check_step(Rank rank);
    /// A rank has returned from the call.
    void check_return(Rank rank);

    /// It has learnt that all have entered.
    [[nodiscard]] bool has_passed(Rank rank) const;
    [[nodiscard]] bool is_evicted(Rank rank) const;
    [[nodiscard]] const Tally& tally() const { return tally_; }

private:
    struct InFlow {
        Sequence::Cursor next;  ///< to be posted
        int posted = 0;         ///< and not received
    };
    struct OutFlow {
        Sequence::Cursor next;  ///< to be sent
        Holdings complete;
    };
    struct Books {
        Holdings held;
        Holdings received;
        RankPlan plan;          ///< of this epoch
        std::int32_t base = 0;  ///< number of its first flow
        Attempt epoch = 0;
        std::vector<InFlow> in;
        std::vector<OutFlow> out;
        std::vector<bool> forsaken;
        const Machine* machine = nullptr;
        Machine::State state = Machine::State::idle;
        bool passed = false;  ///< knows that all have entered
        std::optional<Machine::Outcome> outcome;
    };
    struct Epoch {
        std::vector<Rank> members;
        std::vector<RankPlan> plans;     ///< of all ranks
        std::vector<Holdings> holdings;  ///< when it began
        std::size_t adopted = 0;
    };

    Books& of(Rank rank) { return books_[static_cast<std::size_t>(rank)]; }
    [[nodiscard]] const Books& of(Rank rank) const {
        return books_[static_cast<std::size_t>(rank)];
    }
    void open_flows(Books& books);
    void check_low_water(Rank rank, Segment claimed);
    [[nodiscard]] Segment low_water(Rank rank) const;
    void check_receiver(Rank rank, Rank to, Segment segment);
    void check_epoch(Rank rank, const Epoch& epoch);
    void check_plain_return(Rank rank);

    // verdicts.cpp
    void check_verdict(Rank rank, const Machine::Outcome& outcome);
    void check_missing(Rank rank, const Machine::Outcome& outcome);
    void check_losses(Rank rank, const Machine::Outcome& outcome);
    void check_ballot(Rank rank, const Machine::Outcome& outcome);
    void check_alike(Rank a, Rank b);
    [[nodiscard]] bool was_absent(Rank rank) const;
    [[nodiscard]] bool few_are_left() const;
    [[nodiscard]] bool somebody_came_back() const;
    [[noreturn]] static void accuse(Rank rank, const std::string& of_what);

    const Scenario& scenario_;
    const Lives& lives_;
    const std::optional<Mismatch> mismatch_;
    std::vector<Books> books_;
    std::map<Attempt, Epoch> epochs_;
    Tally tally_;
    std::uint64_t steps_ = 0;
};

}  // namespace splitcast::sim
