#pragma once

#include "collectives/holdings.hpp"
#include "collectives/segments.hpp"
#include "collectives/types.hpp"
#include "engine/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace splitcast::engine {

/// Where the segments of a broadcast lie in memory: all at once in the caller's buffer, all at once
/// in a sink's memory, or a few at a time in a ring that a source fills and a sink empties.
class Buffer {
public:
    /// The caller's buffer, `segmentation.length` bytes.
    Buffer(std::byte* base, collectives::Segmentation segmentation);

    /// A sink's memory if it has any, else a ring of about `capacity` bytes (at least `least`
    /// segments); so far do readers read, and places get ready, ahead. `source` on ranks that have
    /// everything from the start; `sink` may be null: what arrives is then only relayed. Neither is
    /// owned.
    Buffer(Source* source, Sink* sink, collectives::Segmentation segmentation,
           collectives::Bytes capacity, collectives::Segment least);

    [[nodiscard]] bool piecemeal() const { return slots_ > 0; }
    /// Every segment has its own place for good: what is there from the start can stay there.
    [[nodiscard]] bool has_place_for_all() const { return ring_.empty(); }
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

    /// Piecemeal only: a new epoch has begun, in which this rank sends the segments of `wanted`.
    /// A ring begins again at the first of them, behind reads that are still under way, and passes
    /// over what nobody wants, the sink of this rank included; memory that holds everything goes
    /// on.
    void renew(const collectives::Holdings& wanted);

    /// A sink's memory gets ready to its end, and does not wait for what is missing in front: what
    /// was sent behind that before a rank was lost must be received.
    void open_up() { ahead_ = segmentation_.count(); }

    /// Neither source nor sink is at work on this memory.
    [[nodiscard]] bool at_rest();

    /// At rest, and the sink has got everything.
    [[nodiscard]] bool settled();

private:
    [[nodiscard]] bool wants(collectives::Segment segment) const;
    [[nodiscard]] collectives::Segment read_below();
    void read_ahead(collectives::Segment below);
    void offer(collectives::Segment below);
    Bounds advance_in_place(collectives::Segment held);
    Bounds advance_ring(collectives::Segment held, collectives::Segment relayed);

    struct Reading {
        collectives::Segment segment = 0;
        std::int64_t end = 0;  ///< of all bytes that were asked for up to it
    };

    std::byte* base_ = nullptr;
    Source* source_ = nullptr;
    Sink* sink_ = nullptr;
    collectives::Segmentation segmentation_;
    std::vector<std::byte> ring_;
    collectives::Segment slots_ = 0;
    collectives::Segment ahead_ = 0;  ///< how far memory gets ready in front of what is held
    std::optional<collectives::Holdings> wanted_;  ///< nothing: all segments
    collectives::Segment requested_ = 0;  ///< what is wanted below it was asked of the source
    std::int64_t requested_bytes_ = 0;
    std::deque<Reading> reading_;
    collectives::Segment offered_ = 0;       ///< segments given to the sink
    collectives::Segment given_before_ = 0;  ///< before the ring last began again
};

}  // namespace splitcast::engine
