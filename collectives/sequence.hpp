#pragma once

#include "collectives/types.hpp"

#include <initializer_list>
#include <string>
#include <vector>

namespace splitcast::collectives {

/// The segments first, first + stride, first + 2 stride, ... (`count` of them).
struct Run {
    Segment first = 0;
    Segment stride = 1;
    Segment count = 0;

    [[nodiscard]] Segment at(Segment i) const { return first + i * stride; }
    friend bool operator==(const Run&, const Run&) = default;
};

/// An ordered list of segments, ascending, held as runs: a stripe of a fresh broadcast is one run
/// whatever its length, a repair is as many runs as there are holes. Sender and receiver of a flow
/// both know its sequence, so that nothing but the bytes needs to travel.
///
/// The runs are those that appending segment by segment gives, each run taking all it can: equal
/// lists of segments have equal runs, however they were built.
class Sequence {
public:
    Sequence() = default;
    Sequence(std::initializer_list<Run> runs);

    /// Appends one segment; it must be larger than every segment in the sequence. Constant time.
    void append(Segment segment) { append(Run{segment, 1, 1}); }

    /// Appends a run, ascending and past the end of the sequence. Constant time, whatever its
    /// length.
    void append(Run run);

    [[nodiscard]] Segment size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }

    /// For messages and golden files: "0..15" (every segment), "0,4,8..60" (every fourth), runs set
    /// apart by ", "; "none" when empty.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const Sequence& a, const Sequence& b) { return a.runs_ == b.runs_; }

    /// Walks the sequence front to back; cheap to copy.
    class Cursor {
    public:
        Cursor() = default;
        explicit Cursor(const Sequence& sequence) : sequence_(&sequence) {}
        [[nodiscard]] bool done() const {
            return sequence_ == nullptr || run_ >= sequence_->runs_.size();
        }
        /// The current segment. Not to be called when done.
        [[nodiscard]] Segment operator*() const { return sequence_->runs_[run_].at(index_); }
        Cursor& operator++() {
            if (++index_ >= sequence_->runs_[run_].count) {
                index_ = 0;
                ++run_;
            }
            return *this;
        }

    private:
        const Sequence* sequence_ = nullptr;
        std::size_t run_ = 0;
        Segment index_ = 0;
    };

private:
    std::vector<Run> runs_;
    Segment size_ = 0;
};

}  // namespace splitcast::collectives
