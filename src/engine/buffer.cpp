#include "engine/buffer.hpp"

#include <algorithm>
#include <limits>

namespace splitcast::engine {

using collectives::Segment;

Buffer::Buffer(std::byte* base, collectives::Segmentation segmentation)
    : base_(base), segmentation_(segmentation) {}

Buffer::Buffer(Source* source, Sink* sink, collectives::Segmentation segmentation,
               collectives::Bytes capacity, Segment least)
    : source_(source), sink_(sink), segmentation_(segmentation) {
    slots_ = std::max(least, capacity / segmentation.segment_bytes);
    slots_ = std::min(slots_, segmentation.count());
    ring_.resize(static_cast<std::size_t>(slots_ * segmentation.segment_bytes));
}

std::span<std::byte> Buffer::place(Segment segment) {
    const auto size = static_cast<std::size_t>(segmentation_.size(segment));
    if (base_ != nullptr) return {base_ + segmentation_.offset(segment), size};
    return {ring_.data() + (segment % slots_) * segmentation_.segment_bytes, size};
}

Segment Buffer::segments_below(std::int64_t bytes) const {
    return bytes >= segmentation_.length ? segmentation_.count()
                                         : bytes / segmentation_.segment_bytes;
}

Buffer::Bounds Buffer::advance(Segment held, Segment relayed) {
    const Segment count = segmentation_.count();
    Bounds bounds{.readable = 0, .writable = count};
    if (source_ != nullptr) {
        bounds.readable = segments_below(source_->ready());
        held = bounds.readable;
    }
    if (sink_ != nullptr) {
        for (; offered_ < held; ++offered_) {
            sink_->offer(segmentation_.offset(offered_), place(offered_));
        }
        relayed = std::min(relayed, segments_below(sink_->taken()));
    }
    // A slot is free again when its segment has arrived, was sent on, and was taken.
    const Segment free_below = std::min(std::min(relayed, held), count);
    const Segment horizon = std::min(count, free_below + slots_);
    if (source_ != nullptr) {
        for (; requested_ < horizon; ++requested_) {
            source_->request(segmentation_.offset(requested_), place(requested_));
        }
    }
    bounds.writable = horizon;
    return bounds;
}

bool Buffer::at_rest() {
    if (!piecemeal()) return true;
    return (source_ == nullptr || segments_below(source_->ready()) >= requested_) &&
           (sink_ == nullptr || segments_below(sink_->taken()) >= offered_);
}

bool Buffer::settled() {
    return at_rest() && (!piecemeal() || sink_ == nullptr || offered_ == segmentation_.count());
}

}  // namespace splitcast::engine
