#pragma once

#include "collectives/machine.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace splitcast::sim {

/// Sees what every rank does and what it hears, keeps its own books, and throws a Violation when a
/// rank does what it must not. Believes nothing that a machine says about itself.
class Witness {
public:
    Witness(const Scenario& scenario, const std::vector<RankPlan>& plans);

    /// The machine whose windows are looked at and whose claims are compared with the books.
    void watch(Rank rank, const Machine& machine) { of(rank).machine = &machine; }

    void posts_receive(Rank rank, std::int32_t flow, Rank from, int channel, Segment segment);
    /// `under_way`: of this flow, before the send.
    void sends(Rank rank, std::int32_t flow, Rank to, int channel, Segment segment, int under_way);
    /// `carried`: what the sender had sent.
    void received(Rank rank, std::int32_t flow, Segment segment, Segment carried, bool damaged);
    void sent(Rank rank, std::int32_t flow, Segment segment);

    /// After everything that a rank did in one go.
    void check_step(Rank rank);
    /// A rank has returned from the call.
    void check_return(Rank rank);

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
        std::vector<InFlow> in;
        std::vector<OutFlow> out;
        const Machine* machine = nullptr;
        Machine::State state = Machine::State::idle;
    };

    Books& of(Rank rank) { return books_[static_cast<std::size_t>(rank)]; }
    void check_low_water(Rank rank, Segment claimed);
    [[nodiscard]] Segment low_water(Rank rank) const;
    [[noreturn]] static void accuse(Rank rank, const std::string& of_what);

    const Scenario& scenario_;
    const std::vector<RankPlan>& plans_;
    const std::optional<Mismatch> mismatch_;
    std::vector<Books> books_;
    std::uint64_t steps_ = 0;
};

}  // namespace splitcast::sim
