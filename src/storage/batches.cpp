#include "storage/batches.hpp"

#include <algorithm>
#include <bit>

namespace splitcast::storage {

namespace {

constexpr std::int64_t doublings =
    std::bit_width(static_cast<std::uint64_t>(Batches::largest / Batches::smallest)) - 1;
/// Where the batches of full size begin: 1 + 2 + 4 + ... of the smallest.
constexpr std::int64_t grown = Batches::largest - Batches::smallest;

}  // namespace

std::int64_t Batches::offset(std::int64_t batch) const {
    const std::int64_t begin =
        batch <= doublings ? (smallest << batch) - smallest : grown + (batch - doublings) * largest;
    return std::min(begin, length_);
}

std::int64_t Batches::whole_below(std::int64_t end) const {
    if (end >= length_) return count();
    if (end >= grown) return doublings + (end - grown) / largest;
    std::int64_t below = 0;
    while (offset(below + 1) <= end) ++below;
    return below;
}

std::int64_t Batches::count() const {
    if (length_ > grown) return doublings + (length_ - grown + largest - 1) / largest;
    std::int64_t count = 0;
    while (offset(count) < length_) ++count;
    return count;
}

}  // namespace splitcast::storage
