#include "collectives/lack_classes.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>

namespace splitcast::collectives {

namespace {

using Block = std::array<std::uint64_t, 64>;

/// Transposes a matrix of 64 x 64 bits: bit j of row i becomes bit i of row j. Swaps the
/// off-diagonal quarters, then those of each quarter, and so on down to single bits: 6 passes
/// instead of 4,096 steps.
void transpose(Block& rows) {
    std::uint64_t mask = 0x00000000FFFFFFFFU;
    for (std::size_t half = 32; half != 0; half >>= 1, mask ^= mask << half) {
        for (std::size_t i = 0; i < 64; i = ((i | half) + 1) & ~half) {
            const std::uint64_t changed = ((rows[i] >> half) ^ rows[i | half]) & mask;
            rows[i] ^= changed << half;
            rows[i | half] ^= changed;
        }
    }
}

/// For every segment the bitmap of the live ranks that lack it.
class LackMatrix {
public:
    LackMatrix(std::span<const Holdings> holdings, std::span<const Rank> live, Segment segments)
        : width_((live.size() + 63) / 64),
          bits_(static_cast<std::size_t>(segments + 63) / 64 * 64 * width_) {
        const std::size_t words = static_cast<std::size_t>(segments + 63) / 64;
        for (std::size_t column = 0; column < width_; ++column) {
            for (std::size_t word = 0; word < words; ++word) {
                Block block{};
                for (std::size_t i = 0; i < 64 && column * 64 + i < live.size(); ++i) {
                    const auto rank = static_cast<std::size_t>(live[column * 64 + i]);
                    assert(holdings[rank].segments() == segments);
                    block[i] = ~holdings[rank].words()[word];
                }
                transpose(block);
                for (std::size_t i = 0; i < 64; ++i) {
                    bits_[(word * 64 + i) * width_ + column] = block[i];
                }
            }
        }
    }

    [[nodiscard]] std::span<const std::uint64_t> lackers(Segment segment) const {
        return {bits_.data() + static_cast<std::size_t>(segment) * width_, width_};
    }

private:
    std::size_t width_;
    std::vector<std::uint64_t> bits_;
};

std::vector<std::uint64_t> all_of(std::size_t ranks) {
    std::vector<std::uint64_t> out((ranks + 63) / 64, ~std::uint64_t{0});
    if (ranks % 64 != 0) out.back() = (std::uint64_t{1} << ranks % 64) - 1;
    return out;
}

}  // namespace

LackClasses classify(std::span<const Holdings> holdings, std::span<const Rank> live) {
    LackClasses out;
    if (live.empty()) return out;
    out.segments = holdings[static_cast<std::size_t>(live.front())].segments();
    const LackMatrix matrix(holdings, live, out.segments);
    const std::vector<std::uint64_t> everybody = all_of(live.size());
    const std::vector<std::uint64_t> nobody(everybody.size(), 0);

    std::vector<Segment> lacked;
    for (Segment s = 0; s < out.segments; ++s) {
        const auto lackers = matrix.lackers(s);
        if (std::equal(lackers.begin(), lackers.end(), nobody.begin())) continue;
        if (std::equal(lackers.begin(), lackers.end(), everybody.begin())) {
            out.held_by_nobody.add({s, s + 1});
        } else {
            lacked.push_back(s);
        }
    }
    std::stable_sort(lacked.begin(), lacked.end(), [&](Segment a, Segment b) {
        const auto x = matrix.lackers(a);
        const auto y = matrix.lackers(b);
        return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
    });
    for (const Segment s : lacked) {
        const auto lackers = matrix.lackers(s);
        if (out.classes.empty() ||
            !std::equal(lackers.begin(), lackers.end(), out.classes.back().lackers.begin())) {
            out.classes.push_back({{lackers.begin(), lackers.end()}, {}});
        }
        out.classes.back().segments.push_back(s);
    }
    std::sort(out.classes.begin(), out.classes.end(), [](const LackClass& a, const LackClass& b) {
        if (a.size() != b.size()) return a.size() > b.size();
        return a.segments.front() < b.segments.front();
    });
    return out;
}

}  // namespace splitcast::collectives
