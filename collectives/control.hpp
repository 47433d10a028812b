#pragma once

#include "collectives/types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
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

    [[nodiscard]] std::string text() const;
    friend bool operator==(const Mismatch&, const Mismatch&) = default;
};

/// The views of a set of ranks, folded into the view of its lowest rank and, where there is one,
/// the lowest rank that differs from it. Folding is commutative, associative and idempotent, so
/// that overlapping sets may be folded in any order and all ranks arrive at the same survey.
struct Survey {
    Rank rank = no_rank;
    View view;
    Rank differing = no_rank;
    View differing_view;

    void fold(const Survey& other);
    [[nodiscard]] std::optional<Mismatch> mismatch() const;
    friend bool operator==(const Survey&, const Survey&) = default;
};

/// The protocol's own message, everything else on the wire is bare segments: the views of the ranks
/// that the sender has heard of before round `round` of the survey.
struct ControlMessage {
    std::uint8_t round = 0;
    Survey survey;

    friend bool operator==(const ControlMessage&, const ControlMessage&) = default;
};

/// Bytes of an encoded message, and room for those of other versions: a message that is longer than
/// its receive would be written past the end of it, before `decode` could refuse it.
inline constexpr std::size_t encoded_bytes = 50;
inline constexpr std::size_t encoded_limit = 256;

/// Bytes on the wire, little-endian, version first. `decode` accepts any bytes and answers nothing
/// for those that are no message of this version.
[[nodiscard]] std::vector<std::byte> encode(const ControlMessage& message);
[[nodiscard]] std::optional<ControlMessage> decode(std::span<const std::byte> bytes);

/// Everybody hears of everybody's view by dissemination (Hensgen, Finkel and Manber, "Two
/// algorithms for barrier synchronization", Int. J. Parallel Programming 17(1), 1988): in round j
/// rank r sends what it knows to r + 2^j and hears from r - 2^j, modulo the number of ranks. No
/// rank is special, so ranks that disagree about the root still meet, and nobody has to send an
/// answer down again behind the data.
[[nodiscard]] int survey_rounds(Rank ranks);
[[nodiscard]] Rank survey_target(Rank self, int round, Rank ranks);
[[nodiscard]] Rank survey_origin(Rank self, int round, Rank ranks);

}  // namespace splitcast::collectives
