#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace splitcast::collectives {

/// The integers begin, begin + 1, ..., end - 1. Empty when end <= begin.
struct Range {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    [[nodiscard]] std::int64_t size() const { return end > begin ? end - begin : 0; }
    [[nodiscard]] bool empty() const { return end <= begin; }
    friend bool operator==(const Range&, const Range&) = default;
};

/// A set of integers (byte offsets, segment indices) held as ranges: sorted, none empty, no two
/// touching. That form is unique, so that two sets are equal exactly when their lists are.
class Ranges {
public:
    Ranges() = default;
    Ranges(std::initializer_list<Range> ranges);

    /// Adds every integer of `range`. Constant time when it lies past the end, else linear in the
    /// number of ranges.
    void add(Range range);

    /// Takes every integer of `range` away. Linear in the number of ranges.
    void remove(Range range);

    /// How many integers are in the set.
    [[nodiscard]] std::int64_t size() const;
    [[nodiscard]] bool empty() const { return ranges_.empty(); }

    /// Logarithmic in the number of ranges. The empty range is contained everywhere.
    [[nodiscard]] bool contains(std::int64_t value) const {
        return contains(Range{value, value + 1});
    }
    [[nodiscard]] bool contains(Range range) const;

    [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
    [[nodiscard]] auto begin() const { return ranges_.begin(); }
    [[nodiscard]] auto end() const { return ranges_.end(); }

    /// For people, so with inclusive ends: "0..15, 32..63"; "7" for a single integer; "none" for
    /// the empty set.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Ranges&, const Ranges&) = default;

private:
    std::vector<Range> ranges_;
};

/// Set algebra; each is linear in the number of ranges of both.
[[nodiscard]] Ranges unite(const Ranges& a, const Ranges& b);
[[nodiscard]] Ranges intersect(const Ranges& a, const Ranges& b);
/// What is in `a` and not in `b`.
[[nodiscard]] Ranges subtract(const Ranges& a, const Ranges& b);

}  // namespace splitcast::collectives
