#pragma once

#include "collectives/segments.hpp"
#include "collectives/types.hpp"
#include "engine/stream.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace splitcast::engine {

/// Where the segments of a broadcast lie in memory: either all at once in the caller's buffer, or a
/// few at a time in a ring that a source fills and a sink empties.
class Buffer {
public:
    /// The caller's buffer, `segmentation.length` bytes.
    Buffer(std::byte* base, collectives::Segmentation segmentation);

    /// A ring of about `capacity` bytes (at least `least` segments). `source` on the root only;
    /// `sink` may be null: what arrives is then only relayed. Neither is owned.
    Buffer(Source* source, Sink* sink, collectives::Segmentation segmentation,
           collectives::Bytes capacity, collectives::Segment least);

    [[nodiscard]] bool piecemeal() const { return base_ == nullptr && !ring_.empty(); }
    [[nodiscard]] const collectives::Segmentation& segmentation() const { return segmentation_; }
    [[nodiscard]] std::span<std::byte> place(collectives::Segment segment);

    /// Bytes of memory that this buffer itself takes.
    [[nodiscard]] std::size_t extra_bytes() const { return ring_.size(); }

    /// What `advance` found out: segments below `readable` are here and may be sent (root),
    /// segments below `writable` may be received.
    struct Bounds {
        collectives::Segment readable = 0;
        collectives::Segment writable = 0;
    };

    /// Piecemeal only. `held`: every segment below it has arrived. `relayed`: every segment below
    /// it has been sent on. Offers arrived segments to the sink, asks the source for more, and
    /// tells what may move now.
    Bounds advance(collectives::Segment held, collectives::Segment relayed);

    /// Neither source nor sink is at work on this memory.
    [[nodiscard]] bool at_rest();

    /// At rest, and the sink has got everything.
    [[nodiscard]] bool settled();

private:
    [[nodiscard]] collectives::Segment segments_below(std::int64_t bytes) const;

    std::byte* base_ = nullptr;
    Source* source_ = nullptr;
    Sink* sink_ = nullptr;
    collectives::Segmentation segmentation_;
    std::vector<std::byte> ring_;
    collectives::Segment slots_ = 0;
    collectives::Segment requested_ = 0;  ///< segments asked of the source
    collectives::Segment offered_ = 0;    ///< segments given to the sink
};

}  // namespace splitcast::engine
