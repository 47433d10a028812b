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
    ahead_ = slots_;
    if (sink != nullptr) base_ = sink->memory().data();
    if (base_ == nullptr) {
        ring_.resize(static_cast<std::size_t>(slots_ * segmentation.segment_bytes));
    }
}

std::span<std::byte> Buffer::place(Segment segment) {
    const auto size = static_cast<std::size_t>(segmentation_.size(segment));
    if (base_ != nullptr) return {base_ + segmentation_.offset(segment), size};
    return {ring_.data() + (segment % slots_) * segmentation_.segment_bytes, size};
}

bool Buffer::wants(Segment segment) const { return !wanted_ || wanted_->has(segment); }

// Everything wanted below this one has been read.
Segment Buffer::read_below() {
    const std::int64_t ready = source_->ready();
    while (!reading_.empty() && reading_.front().end <= ready) reading_.pop_front();
    if (!reading_.empty()) return reading_.front().segment;
    while (requested_ < segmentation_.count() && !wants(requested_)) ++requested_;
    return requested_;
}

void Buffer::read_ahead(Segment below) {
    for (; requested_ < below; ++requested_) {
        if (!wants(requested_)) continue;
        const std::span<std::byte> into = place(requested_);
        requested_bytes_ += static_cast<std::int64_t>(into.size());
        reading_.push_back({.segment = requested_, .end = requested_bytes_});
        source_->request(segmentation_.offset(requested_), into);
    }
}

void Buffer::offer(Segment below) {
    for (; offered_ < below; ++offered_) {
        sink_->offer(segmentation_.offset(offered_), place(offered_));
    }
}

Buffer::Bounds Buffer::advance(Segment held, Segment relayed) {
    return base_ != nullptr ? advance_in_place(held) : advance_ring(held, relayed);
}

Buffer::Bounds Buffer::advance_in_place(Segment held) {
    const Segment count = segmentation_.count();
    Bounds bounds{.readable = count, .writable = count};
    if (source_ != nullptr) {
        bounds.readable = held = read_below();
        read_ahead(std::min(count, held + slots_));
    } else {
        const Segment ahead = std::min(count, held + ahead_);
        sink_->make_room(ahead == count ? segmentation_.length : segmentation_.offset(ahead));
        bounds.writable = segmentation_.whole_below(sink_->room());
    }
    offer(held);
    return bounds;
}

Buffer::Bounds Buffer::advance_ring(Segment held, Segment relayed) {
    const Segment count = segmentation_.count();
    Bounds bounds{.readable = 0, .writable = count};
    if (source_ != nullptr) bounds.readable = held = read_below();
    if (sink_ != nullptr) {
        offer(held);
        relayed = std::min(relayed, segmentation_.whole_below(sink_->taken()));
    }
    // A slot is free again when its segment has arrived, was sent on, and was taken.
    const Segment free_below = std::min({relayed, held, count});
    bounds.writable = std::min(count, free_below + slots_);
    // What the sink was given before the ring began again is still in its slots until it is taken.
    const bool taken =
        sink_ == nullptr || segmentation_.whole_below(sink_->taken()) >= given_before_;
    if (source_ != nullptr && taken) read_ahead(bounds.writable);
    return bounds;
}

// What is being read for the epoch before goes to the slots first, and is not told: the source
// keeps the order, and all that is wanted is read again behind it.
void Buffer::renew(const collectives::Holdings& wanted) {
    if (base_ != nullptr || source_ == nullptr) return;
    wanted_ = wanted;
    if (sink_ != nullptr) {  // this rank wants them itself
        for (Segment s = offered_; s < segmentation_.count(); ++s) wanted_->add(s);
        given_before_ = offered_;
    }
    reading_.clear();
    requested_ = 0;
}

bool Buffer::at_rest() {
    if (!piecemeal()) return true;
    return (source_ == nullptr || source_->ready() >= requested_bytes_) &&
           (sink_ == nullptr || segmentation_.whole_below(sink_->taken()) >= offered_);
}

bool Buffer::settled() {
    return at_rest() && (!piecemeal() || sink_ == nullptr || offered_ == segmentation_.count());
}

}  // namespace splitcast::engine
