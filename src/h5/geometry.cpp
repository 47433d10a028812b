#include "h5/geometry.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace splitcast::h5 {

std::uint64_t volume(std::span<const std::uint64_t> lengths) {
    return std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{1}, std::multiplies<>());
}

Box box_at(std::span<const std::uint64_t> shape, std::uint64_t position, std::uint64_t most) {
    const std::size_t rank = shape.size();
    Box box{Lengths(rank, 0), Lengths(rank, 1)};
    std::uint64_t rest = position;
    for (std::size_t d = rank; d-- > 0;) {
        box.start[d] = rest % shape[d];
        rest /= shape[d];
    }
    // From the inside out, as long as a dimension is taken from its beginning to its end.
    std::uint64_t taken = 1;
    for (std::size_t d = rank; d-- > 0;) {
        box.count[d] = std::min(shape[d] - box.start[d], most / taken);
        taken *= box.count[d];
        if (box.count[d] < shape[d]) break;
    }
    for (std::uint64_t& count : box.count) count = std::max<std::uint64_t>(count, 1);
    return box;
}

bool Comb::touches(std::uint64_t from, std::uint64_t to) const {
    if (count == 0 || block == 0 || to <= start || from >= to) return false;
    // The last block that begins before `to`: is there more of it than what lies before `from`?
    const std::uint64_t last = std::min((to - 1 - start) / stride, count - 1);
    return start + last * stride + block > from;
}

ChunkGrid::ChunkGrid(Lengths shape, Lengths chunk)
    : shape_(std::move(shape)), chunk_(std::move(chunk)), counts_(shape_.size()) {
    for (std::size_t d = 0; d < shape_.size(); ++d) {
        counts_[d] = shape_[d] / chunk_[d] + (shape_[d] % chunk_[d] != 0 ? 1 : 0);
    }
}

std::uint64_t ChunkGrid::number(std::span<const std::uint64_t> offset) const {
    std::uint64_t number = 0;
    for (std::size_t d = 0; d < counts_.size(); ++d) {
        number = number * counts_[d] + offset[d] / chunk_[d];
    }
    return number;
}

Lengths ChunkGrid::offset(std::uint64_t number) const {
    Lengths offset(counts_.size());
    for (std::size_t d = counts_.size(); d-- > 0;) {
        offset[d] = number % counts_[d] * chunk_[d];
        number /= counts_[d];
    }
    return offset;
}

Box ChunkGrid::box(std::uint64_t number) const {
    Box box{offset(number), chunk_};
    for (std::size_t d = 0; d < shape_.size(); ++d) {
        box.count[d] = std::min(chunk_[d], shape_[d] - box.start[d]);
    }
    return box;
}

bool ChunkGrid::partial(std::uint64_t number) const { return box(number).count != chunk_; }

bool ChunkGrid::touches(std::span<const Comb> combs, std::uint64_t number) const {
    const Lengths from = offset(number);
    for (std::size_t d = 0; d < combs.size(); ++d) {
        if (!combs[d].touches(from[d], from[d] + chunk_[d])) return false;
    }
    return true;
}

std::uint64_t ChunkGrid::touched(std::span<const Comb> combs) const {
    if (combs.empty()) return chunks();
    std::uint64_t product = 1;
    for (std::size_t d = 0; d < combs.size(); ++d) {
        std::uint64_t here = 0;
        for (std::uint64_t i = 0; i < counts_[d]; ++i) {
            if (combs[d].touches(i * chunk_[d], (i + 1) * chunk_[d])) ++here;
        }
        product *= here;
    }
    return product;
}

}  // namespace splitcast::h5
