#include "collectives/ranges.hpp"

#include <algorithm>

namespace splitcast::collectives {

Ranges::Ranges(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) add(range);
}

void Ranges::add(Range range) {
    if (range.empty()) return;
    // The ranges that overlap or touch the new one are melted into it; touching counts because 0..3
    // and 4..7 have to be written as 0..7.
    const auto first = std::partition_point(ranges_.begin(), ranges_.end(),
                                            [&](const Range& r) { return r.end < range.begin; });
    const auto last = std::partition_point(first, ranges_.end(),
                                           [&](const Range& r) { return r.begin <= range.end; });
    if (first == last) {
        ranges_.insert(first, range);
        return;
    }
    first->begin = std::min(first->begin, range.begin);
    first->end = std::max((last - 1)->end, range.end);
    ranges_.erase(first + 1, last);
}

void Ranges::remove(Range range) {
    if (range.empty()) return;
    *this = subtract(*this, Ranges{range});
}

std::int64_t Ranges::size() const {
    std::int64_t total = 0;
    for (const Range& range : ranges_) total += range.size();
    return total;
}

bool Ranges::contains(Range range) const {
    if (range.empty()) return true;
    const auto it = std::partition_point(ranges_.begin(), ranges_.end(),
                                         [&](const Range& r) { return r.end <= range.begin; });
    return it != ranges_.end() && it->begin <= range.begin && range.end <= it->end;
}

std::string Ranges::text() const {
    if (ranges_.empty()) return "none";
    std::string out;
    for (const Range& range : ranges_) {
        if (!out.empty()) out += ", ";
        out += std::to_string(range.begin);
        if (range.size() > 1) out += ".." + std::to_string(range.end - 1);
    }
    return out;
}

Ranges unite(const Ranges& a, const Ranges& b) {
    Ranges out;
    auto i = a.begin();
    auto j = b.begin();
    // Merged by their begin, every add falls on or past the end of what is there, which is the
    // cheap case.
    while (i != a.end() || j != b.end()) {
        const bool from_a = j == b.end() || (i != a.end() && i->begin <= j->begin);
        out.add(from_a ? *i++ : *j++);
    }
    return out;
}

Ranges intersect(const Ranges& a, const Ranges& b) {
    Ranges out;
    auto i = a.begin();
    auto j = b.begin();
    while (i != a.end() && j != b.end()) {
        out.add({std::max(i->begin, j->begin), std::min(i->end, j->end)});
        (i->end < j->end) ? ++i : ++j;
    }
    return out;
}

Ranges subtract(const Ranges& a, const Ranges& b) {
    Ranges out;
    auto hole = b.begin();
    for (Range left : a) {
        while (hole != b.end() && hole->end <= left.begin) ++hole;
        for (auto h = hole; h != b.end() && h->begin < left.end; ++h) {
            out.add({left.begin, h->begin});
            left.begin = h->end;
        }
        out.add(left);
    }
    return out;
}

}  // namespace splitcast::collectives
