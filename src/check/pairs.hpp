#pragma once

#include "check/crew.hpp"
#include "collectives/fault_spec.hpp"
#include "engine/sabotage.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace splitcast::check {

/// What a node measured with its partner of a round.
struct PairFigure {
    double rate = 0;     ///< bytes per second at which data from the partner came in
    double latency = 0;  ///< half of the fastest of some round trips, in seconds
    bool busy = false;   ///< others had the processor for most of the round trips
    bool wrong = false;  ///< the partner's bytes were not what they should be
};

/// Transfers between two nodes by plain messages of MPI: first a few bytes to and fro, then data
/// one way, then the other way. Every byte is looked at. Faults on purpose (SPLITCAST_FAULT) apply
/// at `send`.
class Pairs {
public:
    /// `saboteur` may be null.
    Pairs(Crew& crew, std::unique_ptr<engine::Saboteur> saboteur);

    /// From now on this much goes each way.
    void size(std::int64_t bytes);

    /// False: the partner is lost.
    [[nodiscard]] bool measure(int partner, PairFigure& figure);

private:
    [[nodiscard]] bool greet(int partner);
    [[nodiscard]] bool ping(int partner, PairFigure& figure);
    [[nodiscard]] bool send(int partner);
    [[nodiscard]] bool receive(int partner, PairFigure& figure);

    Crew& crew_;
    std::unique_ptr<engine::Saboteur> saboteur_;
    std::vector<std::byte> out_;
    std::vector<std::byte> in_;
};

}  // namespace splitcast::check
