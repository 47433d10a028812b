#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// Shapes, boxes and chunks as numbers. Nothing here knows of HDF5.
namespace splitcast::h5 {

using Lengths = std::vector<std::uint64_t>;

/// Product of the lengths; 1 for none (a scalar).
[[nodiscard]] std::uint64_t volume(std::span<const std::uint64_t> lengths);

struct Box {
    Lengths start;
    Lengths count;
    friend bool operator==(const Box&, const Box&) = default;
};

/// The longest box of at most `most` elements that, in an array of this shape, begins with element
/// number `position` and is contiguous row by row. Going on with the position after it covers the
/// array, each element once. `most` >= 1; `position` < volume(shape).
[[nodiscard]] Box box_at(std::span<const std::uint64_t> shape, std::uint64_t position,
                         std::uint64_t most);

/// One dimension of a hyperslab: `count` blocks of `block` elements, `stride` apart.
struct Comb {
    std::uint64_t start = 0;
    std::uint64_t stride = 1;
    std::uint64_t count = 0;
    std::uint64_t block = 1;

    /// Number of elements.
    [[nodiscard]] std::uint64_t length() const { return count * block; }
    /// Is there one in [from, to)?
    [[nodiscard]] bool touches(std::uint64_t from, std::uint64_t to) const;
};

/// How an array is cut into chunks. Those at the end of a dimension may reach beyond it.
class ChunkGrid {
public:
    ChunkGrid(Lengths shape, Lengths chunk);

    [[nodiscard]] std::uint64_t chunks() const { return volume(counts_); }
    /// Row by row, from the offset of its first element.
    [[nodiscard]] std::uint64_t number(std::span<const std::uint64_t> offset) const;
    [[nodiscard]] Lengths offset(std::uint64_t number) const;
    /// The part of the chunk that lies in the array; its start is the chunk's offset.
    [[nodiscard]] Box box(std::uint64_t number) const;
    [[nodiscard]] bool partial(std::uint64_t number) const;

    /// Does the chunk hold anything of the hyperslab? No combs: of the whole array.
    [[nodiscard]] bool touches(std::span<const Comb> combs, std::uint64_t number) const;
    /// How many chunks do.
    [[nodiscard]] std::uint64_t touched(std::span<const Comb> combs) const;

private:
    Lengths shape_;
    Lengths chunk_;
    Lengths counts_;  ///< chunks along each dimension
};

}  // namespace splitcast::h5
