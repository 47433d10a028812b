#pragma once

#include "collectives/outliers.hpp"
#include "collectives/tournament.hpp"

#include <optional>
#include <vector>

/// From figures of pairs to what is to blame: a node that sends or receives badly, a link between
/// two nodes that are both fine, or what a group of nodes shares on its way to the others (a
/// switch, an uplink).
///
/// A pair's figure is the worse of what its sender can do, what its receiver can do and what lies
/// between them. So what a node can do is the best that was seen of it with any partner; and a link
/// is to blame only where its figure is worse than what both of its ends have shown elsewhere.
namespace splitcast::collectives {

/// What was measured of pairs: of node `i` as the receiver, from its partner of that round;
/// `unknown` where there was none. All vectors are as long as there are rounds, and nodes.
struct PairFigures {
    std::vector<Matching> rounds;
    std::vector<std::vector<std::vector<double>>> values;  ///< [repetition][round][receiver]

    [[nodiscard]] int nodes() const {
        return rounds.empty() ? 0 : static_cast<int>(rounds.front().size());
    }
};

/// A direction between two nodes.
struct Link {
    int from = 0;
    int to = 0;
    friend auto operator<=>(const Link&, const Link&) = default;
};

struct LinkStanding {
    Link link;
    Standing standing;  ///< against the median of all links
};

/// Nodes that are fine among themselves, and worse to or from all others.
struct BadGroup {
    std::vector<int> nodes;   ///< ascending
    double out = unknown;     ///< median share of the median link, of links that lead out of it,
    double in = unknown;      ///< and into it
    std::vector<Link> links;  ///< the bad ones
    int crossing = 0;         ///< how many were measured between it and the others
};

struct LinkVerdict {
    double reference = unknown;  ///< the median link
    Standings send;              ///< what each node can do as a sender
    Standings receive;
    std::vector<LinkStanding> links;  ///< all that were measured, in the order of (from, to)
    std::vector<BadGroup> groups;     ///< filled by explain(); takes links out of the outliers

    [[nodiscard]] bool clean() const;
};

/// Nodes are compared with nodes, links with links and with their own ends.
[[nodiscard]] LinkVerdict judge(const PairFigures& figures, const Limit& limit);

/// Which of the rounds have to be measured again before anybody is named: none if nothing was
/// found, some of them for nodes, all for links. Ascending.
[[nodiscard]] std::vector<int> to_measure_again(int rounds, const LinkVerdict& first);

/// What was found in both.
[[nodiscard]] LinkVerdict confirmed(const LinkVerdict& first, const LinkVerdict& second);

/// Finds the groups of nodes that bad links separate from the others: where the links that are left
/// do not join all (fine) nodes, the largest part are "the others" and each other part of two nodes
/// or more is a bad group. With two nodes there is nothing to tell a link from its ends.
void explain(LinkVerdict& verdict);

}  // namespace splitcast::collectives
