#include "collectives/selection.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace splitcast::collectives {

namespace {

// Bytes around each segment on the wire: Ethernet, IP and TCP headers of its last packet, the MPI
// library's own header, and the sign that it was taken.
constexpr double framing_bytes = 150;

// Segments move between memories of one node by copies; what a segment costs besides its bytes is
// then a round of signalling, and a copy that is too small or too large for the caches.
constexpr Bytes smallest_shared_segment = 16 << 10;
constexpr Bytes largest_shared_segment = 1 << 20;

constexpr Bytes smallest_segment = 512;
constexpr Bytes largest_segment = 1 << 20;

// Under way into one link at least, all flows of a group taken together: enough to bridge a
// receiver that is busy for a moment, and less than the queue of a switch's port. From there each
// window follows the measured delay. On faster links it is what they carry in this time.
constexpr Bytes first_window_bytes = 160 << 10;
constexpr double first_window_seconds = 2e-3;
constexpr int least_window = 2;

// Longer messages are announced first (rendezvous), which costs a round trip each; on a fast link
// that pays.
constexpr Bytes largest_slow_segment = 32 << 10;
constexpr double slow_segment_seconds = 0.5e-3;

constexpr int largest_group = 64;

struct Limits {
    Bytes smallest;
    Bytes largest;
};

Bytes first_window(const Links& links) {
    return std::max(first_window_bytes, static_cast<Bytes>(links.bandwidth * first_window_seconds));
}

// The least window of every flow has to fit into the first window of the link.
Limits segment_limits(const Links& links, int group_size) {
    if (links.shared_memory) return {smallest_shared_segment, largest_shared_segment};
    const Bytes quick =
        std::max(largest_slow_segment, static_cast<Bytes>(links.bandwidth * slow_segment_seconds));
    const Bytes fitting = first_window(links) / (Bytes{least_window} * group_size);
    return {smallest_segment,
            std::clamp(std::min(quick, fitting), smallest_segment, largest_segment)};
}

int depth_of_groups(int groups, int children) {
    if (children <= 1) return groups - 1;
    int depth = 0;
    for (std::int64_t reached = 1, level = 1; reached < groups; ++depth) {
        level *= children;
        reached += level;
    }
    return depth;
}

/// Expected seconds. In units of the time that a segment takes on a link: the busiest link carries
/// every segment max(1, (k-1+d)/k) times; the last segment then still goes through the groups, each
/// of which sends it to its children first, and through the last group, whose member sends it to
/// its k-1 peers in turn. Every hop adds the latency. For d = 1 and n segments this is the pipeline
/// of Hockney's model (Parallel Computing 20(3), 1994: time of a message = latency + bytes /
/// bandwidth), with k-1 + P/k instead of P hops.
double expected_seconds(Bytes length, Bytes segment, int recipients, Shape shape,
                        const Links& links) {
    const double segments =
        std::max(1.0, std::ceil(static_cast<double>(length) / static_cast<double>(segment)));
    const double bytes = std::min(static_cast<double>(segment), static_cast<double>(length));
    // A network card moves bytes while the rank prepares the next message; a copy is the rank's
    // own.
    const double each = links.shared_memory
                            ? bytes / links.bandwidth + links.overhead
                            : std::max((bytes + framing_bytes) / links.bandwidth, links.overhead);
    const int k = shape.group_size;
    const int groups = (recipients + k - 1) / k;
    const int feeds = groups > 1 ? shape.children : 0;
    const double volume = std::max(1.0, static_cast<double>(k - 1 + feeds) / k);
    const int levels = depth_of_groups(groups, shape.children);
    const double tail = static_cast<double>(levels) * std::max(feeds, 1) + (k - 1);
    const double hops = levels + (k > 1 ? 2 : 1);
    return (segments * volume + tail) * each + hops * links.latency;
}

std::string bytes_text(Bytes bytes) {
    constexpr std::array<const char*, 4> units{"B", "KiB", "MiB", "GiB"};
    std::size_t unit = 0;
    auto value = static_cast<double>(bytes);
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.4g %s", value, units[unit]);
    return text.data();
}

std::string why_text(Bytes length, int units, const Links& links, double seconds) {
    std::array<char, 192> text{};
    if (links.shared_memory) {
        std::snprintf(text.data(), text.size(), "%s to %d ranks of one node",
                      bytes_text(length).c_str(), units);
        return text.data();
    }
    std::snprintf(text.data(), text.size(),
                  "%s to %d nodes at %.4g Mbit/s and %.3g us (%s), model says %.3g s",
                  bytes_text(length).c_str(), units, links.bandwidth * 8e-6, links.latency * 1e6,
                  links.measured ? "measured" : "assumed", seconds);
    return text.data();
}

}  // namespace

std::string Choice::text() const {
    std::string out =
        shape.group_size == 1 ? "one at a time" : "groups of " + std::to_string(shape.group_size);
    if (shape.children > 1) {
        out += " in a tree of " + std::to_string(shape.children);
    } else if (shape.group_size == 1) {
        out = "chain";
    }
    return out + ", segments of " + bytes_text(segment_bytes) + ": " + why;
}

Choice choose(Bytes length, int units, const Links& links, const Settings& settings) {
    const int recipients = std::max(units - 1, 1);
    const int group_limit = std::min(recipients, largest_group);
    Choice best;
    best.seconds = std::numeric_limits<double>::max();

    const auto consider = [&](Shape shape, Bytes segment) {
        const double seconds = expected_seconds(length, segment, recipients, shape, links);
        if (seconds >= best.seconds) return;
        best.seconds = seconds;
        best.shape = shape;
        best.segment_bytes = segment;
    };
    const auto consider_shape = [&](Shape shape) {
        if (settings.segment > 0) {
            consider(shape, settings.segment);
            return;
        }
        const Limits limits = segment_limits(links, shape.group_size);
        for (Bytes segment = limits.smallest; segment <= limits.largest; segment *= 2) {
            consider(shape, segment);
            if (segment >= length) break;
        }
    };
    const int first_group = settings.group_size > 0 ? std::min(settings.group_size, recipients) : 1;
    const int last_group = settings.group_size > 0 ? first_group : group_limit;
    const int first_children = settings.children > 0 ? settings.children : 1;
    const int last_children = settings.children > 0 ? settings.children : 4;
    // From large groups to small ones, so that of two that are equally fast the one with more paths
    // wins: it depends less on any single rank.
    for (int k = last_group; k >= first_group; --k) {
        for (int d = first_children; d <= last_children; ++d) {
            consider_shape({.group_size = k, .children = d, .local_fanout = settings.local_fanout});
            if (recipients <= k) break;
        }
    }

    best.segment_bytes = std::min(best.segment_bytes, std::max<Bytes>(length, 1));
    const int flows = best.shape.group_size;
    const auto first = static_cast<int>(
        std::clamp<Bytes>(first_window(links) / flows / best.segment_bytes, least_window, 16));
    best.window = settings.window > 0 ? settings.window : first;
    // A window larger than what the link itself holds only lengthens the queues in front of it, and
    // those of all flows of a group are the same queue.
    const double held_by_link = links.bandwidth * 2 * links.latency;
    const auto most = static_cast<int>(std::clamp<Bytes>(
        static_cast<Bytes>(2 * held_by_link) / flows / best.segment_bytes, first, 64));
    best.window_limit = settings.window > 0 ? settings.window : most;
    best.window_least = settings.window > 0 ? settings.window : std::max(first / 2, least_window);
    best.receive_depth =
        settings.receive_depth > 0 ? settings.receive_depth : std::max(2 * first, 4);
    best.why = why_text(length, units, links, best.seconds);
    return best;
}

}  // namespace splitcast::collectives
