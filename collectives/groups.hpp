#pragma once

#include <algorithm>

namespace splitcast::collectives {

/// The arithmetic of groups: `recipients` recipients, numbered 0 .. recipients-1 in placement
/// order, are cut into groups of `size`; the groups form a forest of `trees` heaps in which a group
/// feeds up to `children` others. Group g has the recipients g*size .. g*size + members(g) - 1;
/// every group is full but possibly the last. Groups 0 .. trees-1 are fed by whoever has the data.
///
///     7 recipients, size 2, children 1, trees 1:   {0 1} -> {2 3} -> {4 5} -> {6}
///     9 recipients, size 2, children 2, trees 1:   {0 1} -> {2 3} -> {6 7}
///                                                                 -> {8}
///                                                        -> {4 5}
///
/// The last group never has children: its first would be (count-1)*children + trees >= count. So a
/// group that is not full feeds nobody, and a feeding group has a member for every stripe.
///
/// How a stripe goes through a group of m members (all numbers of members are modulo m):
///  - It enters at member stripe mod m.
///  - Star: the entry relays it to the m - 1 others, in the order entry + 1, entry + 2, ..., so
///    that the members, each with a stripe of its own, do not all turn to the same peer first.
///  - Chain: in a group that is not full, the stripes from m up have no member of their own. They
///    pass from member to member, entry, entry + 1, ..., entry + m - 1, and nobody sends them more
///    than once.
///
/// Why the chain: k stripes, group of m. A member sends its own stripe m - 1 times and each of the
/// k - m others at most once, (m - 1) + (k - m) = k - 1 in all: never more than a member of a full
/// group, which sends its one stripe k - 1 times. As stars those stripes would cost their entries
/// m - 1 sends each, up to ceil(k / m) (m - 1), which nears 2 (k - 1) and makes the small last
/// group the slowest of all.
struct Groups {
    int recipients = 0;
    int size = 1;
    int children = 1;
    int trees = 1;

    [[nodiscard]] int count() const { return (recipients + size - 1) / size; }
    [[nodiscard]] int first(int group) const { return group * size; }
    [[nodiscard]] int members(int group) const { return std::min(size, recipients - first(group)); }
    [[nodiscard]] int group_of(int recipient) const { return recipient / size; }
    [[nodiscard]] int member_of(int recipient) const { return recipient % size; }

    /// The group that feeds `group`, or -1.
    [[nodiscard]] int parent(int group) const {
        return group < trees ? -1 : (group - trees) / children;
    }
    /// The groups that `group` feeds are first_child(group) .. end_child(group) - 1.
    [[nodiscard]] int first_child(int group) const {
        return std::min(count(), group * children + trees);
    }
    [[nodiscard]] int end_child(int group) const {
        return std::min(count(), (group + 1) * children + trees);
    }
    /// How many groups lie between `group` and the data: 0 for a group that is fed directly.
    [[nodiscard]] int level(int group) const {
        int out = 0;
        for (int g = parent(group); g >= 0; g = parent(g)) ++out;
        return out;
    }

    /// The recipient by which a stripe enters a group.
    [[nodiscard]] int entry(int group, int stripe) const {
        return first(group) + stripe % members(group);
    }
    [[nodiscard]] bool as_chain(int group, int stripe) const {
        const int m = members(group);
        return m < size && stripe >= m;
    }
    /// The recipient `steps` members after this one in its group, cyclically.
    [[nodiscard]] int next(int recipient, int steps = 1) const {
        const int group = group_of(recipient);
        return first(group) + (member_of(recipient) + steps) % members(group);
    }
    /// How many members lie between a recipient and the entry of its stripe, going round: 0 for the
    /// entry itself.
    [[nodiscard]] int distance(int entry, int recipient) const {
        const int m = members(group_of(entry));
        return (recipient - entry + m) % m;
    }
};

}  // namespace splitcast::collectives
