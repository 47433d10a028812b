#include "collectives/holdings.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace splitcast::collectives {

namespace {

/// The bits of the last word that stand for segments.
std::uint64_t last_word_mask(Segment segments) {
    const Segment used = segments % 64;
    return used == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << used) - 1;
}

Segment count_bits(std::span<const std::uint64_t> words) {
    Segment total = 0;
    for (const std::uint64_t word : words) total += std::popcount(word);
    return total;
}

}  // namespace

Holdings Holdings::everything(Segment segments) {
    Holdings out(segments);
    std::fill(out.words_.begin(), out.words_.end(), ~std::uint64_t{0});
    if (!out.words_.empty()) out.words_.back() &= last_word_mask(segments);
    out.held_ = segments;
    return out;
}

Holdings Holdings::front(Segment segments, Segment held) {
    Holdings holdings(segments);
    for (Segment s = 0; s < held; ++s) holdings.add(s);
    return holdings;
}

void Holdings::unite(const Holdings& other) {
    assert(segments_ == other.segments_);
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    held_ = count_bits(words_);
}

Ranges Holdings::missing() const {
    Ranges out;
    for (std::size_t i = 0; i < words_.size(); ++i) {
        std::uint64_t absent = ~words_[i];
        if (i + 1 == words_.size()) absent &= last_word_mask(segments_);
        const Segment base = static_cast<Segment>(i) * 64;
        while (absent != 0) {
            const int begin = std::countr_zero(absent);
            const int length = std::countr_one(absent >> begin);
            out.add({base + begin, base + begin + length});
            if (begin + length == 64) break;
            absent &= ~std::uint64_t{0} << (begin + length);
        }
    }
    return out;
}

Holdings Holdings::from_words(std::span<const std::uint64_t> words, Segment segments) {
    Holdings out(segments);
    std::copy_n(words.begin(), std::min(words.size(), out.words_.size()), out.words_.begin());
    if (!out.words_.empty()) out.words_.back() &= last_word_mask(segments);
    out.held_ = count_bits(out.words_);
    return out;
}

}  // namespace splitcast::collectives
