#pragma once

#include "collectives/ranges.hpp"
#include "collectives/types.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// The set of segments that a rank has, verified: one bit each.
class Holdings {
public:
    Holdings() = default;
    /// Nothing held yet of `segments` segments.
    explicit Holdings(Segment segments)
        : words_(static_cast<std::size_t>((segments + 63) / 64)), segments_(segments) {}

    static Holdings everything(Segment segments);
    /// Of `segments` segments the first `held`.
    static Holdings front(Segment segments, Segment held);

    [[nodiscard]] Segment segments() const { return segments_; }
    [[nodiscard]] Segment held() const { return held_; }
    [[nodiscard]] bool complete() const { return held_ == segments_; }
    [[nodiscard]] bool has(Segment s) const {
        return (words_[static_cast<std::size_t>(s >> 6)] >> (s & 63) & 1U) != 0;
    }

    /// Adds a segment; false if it was there already.
    bool add(Segment s) {
        std::uint64_t& word = words_[static_cast<std::size_t>(s >> 6)];
        const std::uint64_t bit = std::uint64_t{1} << (s & 63);
        if ((word & bit) != 0) return false;
        word |= bit;
        ++held_;
        return true;
    }

    /// Takes a segment away; false if it was not there.
    bool remove(Segment s) {
        std::uint64_t& word = words_[static_cast<std::size_t>(s >> 6)];
        const std::uint64_t bit = std::uint64_t{1} << (s & 63);
        if ((word & bit) == 0) return false;
        word &= ~bit;
        --held_;
        return true;
    }

    /// Adds all that `other` holds. Both must have the same number of segments.
    void unite(const Holdings& other);

    /// The segments that are not held, as ranges of segment indices.
    [[nodiscard]] Ranges missing() const;

    /// The bitmap itself, low bit first; bits past the last segment are zero. For the wire and for
    /// files.
    [[nodiscard]] std::span<const std::uint64_t> words() const { return words_; }
    /// The reverse. Bits past the last segment are ignored and words that are not there count as
    /// zero, so that bytes from a file or from another process cannot break the class; whether they
    /// are true is for the caller to know.
    static Holdings from_words(std::span<const std::uint64_t> words, Segment segments);

    friend bool operator==(const Holdings& a, const Holdings& b) {
        return a.segments_ == b.segments_ && a.words_ == b.words_;
    }

private:
    std::vector<std::uint64_t> words_;
    Segment segments_ = 0;
    Segment held_ = 0;
};

}  // namespace splitcast::collectives
