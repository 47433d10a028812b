#include "sim/streams.hpp"

#include "sim/violation.hpp"

#include <algorithm>
#include <string>

namespace splitcast::sim {

bool is_content(std::int64_t offset, std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [&offset](std::byte b) { return b == content(offset++); });
}

void fill_with_content(std::int64_t offset, std::span<std::byte> bytes) {
    for (std::byte& b : bytes) b = content(offset++);
}

void Pieces::add(std::int64_t offset, std::span<std::byte> bytes) {
    added_ += static_cast<std::int64_t>(bytes.size());
    if (pieces_.empty()) schedule();
    pieces_.push_back({offset, bytes});
}

void Pieces::schedule() {
    Stage& stage = port_.stage();
    stage.timeline.add(stage.report_delay(), Timeline::Kind::stream,
                       static_cast<std::size_t>(port_.self()));
}

void SlowSource::request(std::int64_t offset, std::span<std::byte> into) {
    std::ranges::fill(into, std::byte{0xDD});
    if (offset < next_) ++restarts_;
    next_ = offset + static_cast<std::int64_t>(into.size());
    pieces_.add(offset, into);
}

void SlowSource::advance() { pieces_.advance(fill_with_content); }

void SlowSink::offer(std::int64_t offset, std::span<const std::byte> bytes) {
    if (offset != pieces_.added()) {
        throw Violation("the sink of rank " + std::to_string(port_.self()) + " is at offset " +
                        std::to_string(pieces_.added()) + " and gets " + std::to_string(offset));
    }
    // Pieces are not written to here; it is the source that needs them writable.
    pieces_.add(offset,
                {const_cast<std::byte*>(bytes.data()), bytes.size()});  // NOLINT(*-const-cast)
}

void SlowSink::advance() {
    pieces_.advance([this](std::int64_t offset, std::span<const std::byte> bytes) {
        if (!is_content(offset, bytes)) {
            throw Violation("the sink of rank " + std::to_string(port_.self()) +
                            " got wrong bytes at offset " + std::to_string(offset));
        }
    });
}

}  // namespace splitcast::sim
