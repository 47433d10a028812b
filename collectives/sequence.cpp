#include "collectives/sequence.hpp"

#include <cassert>

namespace splitcast::collectives {

Sequence::Sequence(std::initializer_list<Run> runs) {
    for (const Run& run : runs) append(run);
}

void Sequence::append(Run run) {
    if (run.count <= 0) return;
    assert(run.count == 1 || run.stride > 0);
    assert(runs_.empty() || run.first > runs_.back().at(runs_.back().count - 1));
    size_ += run.count;
    // The last run takes from the new one what appending segment by segment would give it. A lone
    // segment has no stride yet and takes whatever comes next; otherwise one segment may fit by
    // chance, all of them when the strides agree. Each turn but the last ends with a different
    // reason, so there are three at most.
    while (run.count > 0 && !runs_.empty()) {
        Run& last = runs_.back();
        if (last.count == 1) {
            last.stride = run.first - last.first;
        } else if (run.first != last.at(last.count)) {
            break;
        }
        const bool all = run.count == 1 || run.stride == last.stride;
        const Segment taken = all ? run.count : 1;
        last.count += taken;
        run.first = run.at(taken);
        run.count -= taken;
    }
    if (run.count == 0) return;
    if (run.count == 1) run.stride = 1;
    runs_.push_back(run);
}

std::string Sequence::text() const {
    if (runs_.empty()) return "none";
    std::string out;
    for (const Run& run : runs_) {
        if (!out.empty()) out += ", ";
        // A run of stride 1 is clear from its ends; others show enough terms to tell their stride.
        const Segment shown = run.stride == 1 ? 1 : (run.count <= 4 ? run.count : 3);
        for (Segment i = 0; i < shown; ++i) {
            if (i > 0) out += ",";
            out += std::to_string(run.at(i));
        }
        if (shown < run.count) out += ".." + std::to_string(run.at(run.count - 1));
    }
    return out;
}

}  // namespace splitcast::collectives
