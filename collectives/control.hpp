#pragma once

#include "collectives/holdings.hpp"
#include "collectives/membership.hpp"
#include "collectives/types.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::collectives {

/// What a rank believes that it was called with. All ranks of a broadcast must have the same view,
/// else they would wait for each other for ever.
struct View {
    Rank root = 0;
    Bytes length = 0;
    /// Digest of everything else that shapes the schedule: settings, number of the broadcast on its
    /// team.
    std::uint64_t fingerprint = 0;

    [[nodiscard]] std::string text() const;
    friend bool operator==(const View&, const View&) = default;
};

/// Two ranks whose views differ: the lowest rank, and the lowest rank that differs from it. Every
/// rank names the same pair.
struct Mismatch {
    Rank first = no_rank;
    View first_view;
    Rank second = no_rank;
    View second_view;
    /// The views agree, but these two say that they have the root's bytes and have others.
    bool bytes_differ = false;

    [[nodiscard]] std::string text() const;
    friend bool operator==(const Mismatch&, const Mismatch&) = default;
};

/// A number that ranks agree on besides the verdict: the lowest that any of them brings. Callers
/// put an error's rank into it, so that the same round of messages tells everybody who failed.
using Ballot = std::uint64_t;
inline constexpr Ballot no_ballot = std::numeric_limits<Ballot>::max();

/// The views of a set of ranks, folded into the view of its lowest rank and, where there is one,
/// the lowest rank that differs from it; the same of the digests of those that have the bytes from
/// the start (root and mirrors, where integrity is asked for); the lowest of their ballots; and
/// whether any of them resumes.
/// Folding is commutative, associative and idempotent, so that overlapping sets may be folded in
/// any order and all ranks arrive at the same survey.
struct Survey {
    Rank rank = no_rank;
    View view{};
    Rank differing = no_rank;
    View differing_view{};
    Rank source = no_rank;
    std::uint64_t digest = 0;
    Rank odd_source = no_rank;
    Ballot ballot = no_ballot;
    bool resumes = false;  ///< one of them holds more than the others' plans count on

    [[nodiscard]] bool differs() const { return differing != no_rank || odd_source != no_rank; }

    void fold(const Survey& other);
    [[nodiscard]] std::optional<Mismatch> mismatch() const;
    friend bool operator==(const Survey&, const Survey&) = default;
};

/// How a broadcast ends, the same on every rank that is not lost.
enum class Verdict : std::uint8_t {
    none,      ///< not known yet
    success,   ///< every rank that is not lost has every byte
    mismatch,  ///< the ranks were called with different arguments; nothing was sent
    lost,      ///< no rank that is left has some of the bytes
    damaged,   ///< bytes came wrong again and again
    evicted,   ///< on this rank only: the others went on without it
};
[[nodiscard]] std::string_view name(Verdict verdict);

/// How many segments of a flow were sent.
struct FlowCount {
    std::int32_t channel = 0;
    Segment sent = 0;

    friend bool operator==(const FlowCount&, const FlowCount&) = default;
};

/// Numbers the attempts to form an epoch: later ones are greater, and no two coordinators ever use
/// the same. 0 is the epoch in which every broadcast begins.
using Attempt = std::uint64_t;

/// The protocol's own message; everything else on the wire is bare segments.
struct ControlMessage {
    enum class Kind : std::uint8_t {
        survey,    ///< a round of an agreement: `stage`, `round`, `survey`
        beat,      ///< the sender is alive; `away`: and about to leave the library for a while
        notice,    ///< to the coordinator: `losses` have been noticed, `spoilers` sent bad bytes
        call,      ///< from a coordinator: stop, and report for `attempt`
        flush,     ///< to a partner of epoch `epoch`: this many segments were sent to you in it
        report,    ///< to the coordinator of `attempt`: what I hold
        epoch,     ///< from the coordinator: who is left, and what everybody holds
        decision,  ///< the verdict is out: `verdict` of epoch `epoch`
        evicted,   ///< you were left out
    };
    Kind kind = Kind::survey;
    Attempt epoch = 0;    ///< the sender's epoch
    Attempt attempt = 0;  ///< call, report, epoch: the attempt; flush, notice: the sender is in it
    std::uint8_t stage = 0;
    std::uint8_t round = 0;
    bool away = false;
    bool entered = false;  ///< the sender knows that all members have entered the call
    Verdict verdict = Verdict::none;
    Survey survey{};
    std::vector<FlowCount> counts{};  ///< flush: of every flow from the sender to the receiver
    std::vector<Loss> losses{};       ///< ascending by rank
    std::vector<Rank> spoilers{};     ///< ascending
    std::vector<Holdings>
        holdings{};  ///< report: one; epoch: of every rank that is left, ascending

    friend bool operator==(const ControlMessage&, const ControlMessage&) = default;
};
[[nodiscard]] std::string_view name(ControlMessage::Kind kind);

/// Bytes on the wire, little-endian, version first. Holdings are written as runs where that is
/// shorter than the bitmap: what a rank has of a fresh broadcast is the front of every stripe.
/// `decode` accepts any bytes and answers nothing for those that are no message of this version.
[[nodiscard]] std::vector<std::byte> encode(const ControlMessage& message);
[[nodiscard]] std::optional<ControlMessage> decode(std::span<const std::byte> bytes);

}  // namespace splitcast::collectives
