#include "collectives/links.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <set>

namespace splitcast::collectives {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// There are many links, so that some are disturbed in most repetitions by chance alone.
bool nearly_always(int times, int of) { return of > 0 && 5 * times >= 4 * of; }

double better_of(double a, double b, const Limit& limit) {
    if (std::isnan(a)) return b;
    if (std::isnan(b)) return a;
    return limit.better == Better::higher ? std::max(a, b) : std::min(a, b);
}

double worse_of(double a, double b, const Limit& limit) {
    if (std::isnan(a)) return b;
    if (std::isnan(b)) return a;
    return limit.better == Better::higher ? std::min(a, b) : std::max(a, b);
}

/// Calls f(link, value) for every figure of one repetition.
template <class F>
void each_link(const PairFigures& figures, std::size_t repetition, F f) {
    for (std::size_t round = 0; round < figures.rounds.size(); ++round) {
        const Matching& matching = figures.rounds[round];
        for (int to = 0; to < static_cast<int>(matching.size()); ++to) {
            const int from = matching[at(to)];
            const double value = figures.values[repetition][round][at(to)];
            if (from != no_partner && !std::isnan(value)) f(Link{from, to}, value);
        }
    }
}

/// What every node has shown that it can do, in every repetition.
struct Abilities {
    Series send;
    Series receive;
};

Abilities abilities(const PairFigures& figures, const Limit& limit) {
    const std::vector<double> nothing(figures.values.size(), unknown);
    Abilities best{Series(at(figures.nodes()), nothing), Series(at(figures.nodes()), nothing)};
    for (std::size_t repetition = 0; repetition < figures.values.size(); ++repetition) {
        each_link(figures, repetition, [&](const Link& link, double value) {
            double& send = best.send[at(link.from)][repetition];
            double& receive = best.receive[at(link.to)][repetition];
            send = better_of(send, value, limit);
            receive = better_of(receive, value, limit);
        });
    }
    return best;
}

std::vector<double> values_of(const PairFigures& figures, std::size_t repetition) {
    std::vector<double> values;
    each_link(figures, repetition, [&](const Link&, double value) { values.push_back(value); });
    return values;
}

/// The parts of the nodes that the links join which are not bad; nodes that are bad themselves are
/// parts of their own.
class Parts {
public:
    explicit Parts(int nodes) : parent_(at(nodes)) { std::iota(parent_.begin(), parent_.end(), 0); }
    int of(int node) {
        while (parent_[at(node)] != node) node = parent_[at(node)] = parent_[at(parent_[at(node)])];
        return node;
    }
    void join(int a, int b) { parent_[at(of(a))] = of(b); }

private:
    std::vector<int> parent_;
};

std::vector<std::vector<int>> parts_of(const LinkVerdict& verdict) {
    std::set<std::pair<int, int>> bad;
    for (const LinkStanding& one : verdict.links) {
        if (one.standing.outlier) bad.insert(std::minmax(one.link.from, one.link.to));
    }
    const int nodes = static_cast<int>(verdict.send.nodes.size());
    const auto fine = [&](int node) {
        return !verdict.send.nodes[at(node)].outlier && !verdict.receive.nodes[at(node)].outlier;
    };
    Parts parts(nodes);
    for (const LinkStanding& one : verdict.links) {
        const auto [from, to] = one.link;
        if (fine(from) && fine(to) && !bad.contains(std::minmax(from, to))) parts.join(from, to);
    }
    std::map<int, std::vector<int>> members;
    for (int node = 0; node < nodes; ++node) {
        if (fine(node)) members[parts.of(node)].push_back(node);
    }
    std::vector<std::vector<int>> list;
    list.reserve(members.size());
    for (auto& [_, part] : members) list.push_back(std::move(part));
    std::ranges::stable_sort(list, std::ranges::greater{}, &std::vector<int>::size);
    return list;
}

}  // namespace

bool LinkVerdict::clean() const {
    const auto bad = [](const Standing& standing) { return standing.outlier; };
    return groups.empty() && std::ranges::none_of(send.nodes, bad) &&
           std::ranges::none_of(receive.nodes, bad) &&
           std::ranges::none_of(links, bad, &LinkStanding::standing);
}

LinkVerdict judge(const PairFigures& figures, const Limit& limit) {
    const Abilities best = abilities(figures, limit);
    LinkVerdict verdict;
    verdict.send = stand(best.send, limit);
    verdict.receive = stand(best.receive, limit);
    struct Seen {
        std::vector<double> values;
        std::vector<double> relative;
        int worse = 0;
    };
    std::map<Link, Seen> seen;
    std::vector<double> middles;
    const bool pair = figures.nodes() == 2;
    Limit among = limit;
    if (!pair) among.absolute.reset();  // that is for nodes, or every link of a bad one is named
    for (std::size_t repetition = 0; repetition < figures.values.size(); ++repetition) {
        const Norm norm = norm_of(values_of(figures, repetition));
        middles.push_back(norm.middle);
        each_link(figures, repetition, [&](const Link& link, double value) {
            Seen& one = seen[link];
            one.values.push_back(value);
            one.relative.push_back(value / norm.middle);
            // What its ends can do explains some of it. Between two nodes alone there is only the
            // other direction to compare with.
            const double send = verdict.send.nodes[at(link.from)].value;
            const double receive = verdict.receive.nodes[at(link.to)].value;
            const Norm ends{pair
                                ? better_of(send, verdict.receive.nodes[at(link.from)].value, limit)
                                : worse_of(send, receive, limit),
                            0};
            const bool bad = worse(value, ends, among) && (pair || worse(value, norm, among));
            one.worse += bad ? 1 : 0;
        });
    }
    verdict.reference = median(middles);
    for (const auto& [link, one] : seen) {
        const int measured = static_cast<int>(one.values.size());
        verdict.links.push_back(
            {link,
             {.value = median(one.values),
              .relative = median(one.relative),
              .measured = measured,
              .worse = one.worse,
              .outlier = nearly_always(one.worse, static_cast<int>(figures.values.size()))}});
    }
    return verdict;
}

std::vector<int> to_measure_again(int rounds, const LinkVerdict& first) {
    const auto outlier = [](const Standing& standing) { return standing.outlier; };
    // A link is compared with what its ends do elsewhere, and that may be in any round.
    const bool links = std::ranges::any_of(first.links, outlier, &LinkStanding::standing);
    const bool nodes = std::ranges::any_of(first.send.nodes, outlier) ||
                       std::ranges::any_of(first.receive.nodes, outlier);
    constexpr int enough_partners = 8;
    const int again = links ? rounds : nodes ? std::min(rounds, enough_partners) : 0;
    std::vector<int> list;
    list.reserve(at(again));
    for (int i = 0; i < again; ++i) list.push_back(i * rounds / again);
    return list;
}

LinkVerdict confirmed(const LinkVerdict& first, const LinkVerdict& second) {
    LinkVerdict both = first;
    both.send = confirmed(first.send, second.send);
    both.receive = confirmed(first.receive, second.receive);
    std::map<Link, Standing> again;
    for (const LinkStanding& one : second.links) again.emplace(one.link, one.standing);
    for (LinkStanding& one : both.links) {
        if (!one.standing.outlier) continue;
        const auto found = again.find(one.link);
        one.standing.outlier = false;
        if (found != again.end()) one.standing = found->second;
    }
    return both;
}

void explain(LinkVerdict& verdict) {
    if (verdict.send.nodes.size() < 3) return;
    const auto parts = parts_of(verdict);
    if (parts.size() < 2) return;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const std::set<int> inside(parts[i].begin(), parts[i].end());
        if (inside.size() < 2) continue;
        BadGroup group;
        group.nodes = parts[i];
        std::vector<double> out;
        std::vector<double> in;
        for (LinkStanding& one : verdict.links) {
            const bool leaves = inside.contains(one.link.from);
            if (leaves == inside.contains(one.link.to)) continue;
            ++group.crossing;
            (leaves ? out : in).push_back(one.standing.relative);
            if (one.standing.outlier) group.links.push_back(one.link);
            one.standing.outlier = false;
        }
        // Nothing is known to be wrong with the links that would join them: they were not measured.
        if (group.links.empty()) continue;
        group.out = median(out);
        group.in = median(in);
        verdict.groups.push_back(std::move(group));
    }
}

}  // namespace splitcast::collectives
