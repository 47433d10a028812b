#pragma once

#include "collectives/types.hpp"

#include <algorithm>

namespace splitcast::collectives {

/// How a buffer of `length` bytes is cut into segments of `segment_bytes` each; the last may be
/// shorter. A buffer of zero bytes has no segments.
struct Segmentation {
    Bytes length = 0;
    Bytes segment_bytes = 1;

    [[nodiscard]] Segment count() const { return (length + segment_bytes - 1) / segment_bytes; }
    [[nodiscard]] Bytes offset(Segment s) const { return s * segment_bytes; }
    [[nodiscard]] Bytes size(Segment s) const {
        return std::min(segment_bytes, length - offset(s));
    }

    /// How many segments from the front lie wholly in the first `bytes` bytes.
    [[nodiscard]] Segment whole_below(Bytes bytes) const {
        return bytes >= length ? count() : bytes / segment_bytes;
    }

    friend bool operator==(const Segmentation&, const Segmentation&) = default;
};

}  // namespace splitcast::collectives
