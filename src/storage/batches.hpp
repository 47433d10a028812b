#pragma once

#include <cstdint>

namespace splitcast::storage {

/// How a stream is cut: into pieces that are read, packed, sent and unpacked as a whole, while
/// others are on their way. Small ones first, so that the first is soon under way; then twice as
/// large each time, up to the largest. It follows from the length alone.
class Batches {
public:
    static constexpr std::int64_t smallest = std::int64_t{1} << 20;
    static constexpr std::int64_t largest = std::int64_t{16} << 20;

    explicit Batches(std::int64_t length) : length_(length) {}

    [[nodiscard]] std::int64_t count() const;
    /// Offset in the stream; of `count()` its end.
    [[nodiscard]] std::int64_t offset(std::int64_t batch) const;
    [[nodiscard]] std::int64_t size(std::int64_t batch) const {
        return offset(batch + 1) - offset(batch);
    }
    /// How many batches lie as a whole below that offset in the stream.
    [[nodiscard]] std::int64_t whole_below(std::int64_t end) const;

private:
    std::int64_t length_;
};

}  // namespace splitcast::storage
