#include "collectives/membership.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::collectives {

std::string text(const std::vector<Loss>& losses) {
    if (losses.empty()) return "nobody";
    std::string out;
    for (const Loss& loss : losses) {
        out += (out.empty() ? "rank " : ", rank ") + std::to_string(loss.rank) +
               (loss.dead ? " is dead" : " was evicted");
    }
    return out;
}

Membership::Membership(std::vector<Rank> members, Rank self, Rank root)
    : members_(std::move(members)), self_(self), root_(root) {}

bool Membership::lose(Loss loss) {
    const auto [known, added] = gone_.try_emplace(loss.rank, Gone{loss.dead, !loss.dead});
    if (!added) {
        known->second.dead = known->second.dead || loss.dead;
        return false;
    }
    if (!member(loss.rank)) return false;
    ++torn_;
    return true;
}

void Membership::renew(const std::vector<Loss>& losses, Rank root) {
    root_ = root;
    for (const Loss& loss : losses) {
        lose(loss);
        std::erase(members_, loss.rank);
    }
    torn_ = static_cast<int>(std::ranges::count_if(members_, [this](Rank r) { return gone(r); }));
}

bool Membership::member(Rank rank) const { return std::ranges::binary_search(members_, rank); }

bool Membership::dead(Rank rank) const {
    const auto known = gone_.find(rank);
    return known != gone_.end() && known->second.dead;
}

std::vector<Rank> Membership::present() const {
    std::vector<Rank> left;
    left.reserve(members_.size());
    std::ranges::copy_if(members_, std::back_inserter(left),
                         [this](Rank rank) { return !gone(rank); });
    return left;
}

std::vector<Loss> Membership::losses() const {
    std::vector<Loss> all;
    all.reserve(gone_.size());
    for (const auto& [rank, how] : gone_) all.push_back({rank, how.dead});
    return all;
}

Rank Membership::coordinator() const {
    for (const Rank rank : members_) {
        if (!gone(rank)) return rank;
    }
    return self_;
}

bool Membership::quorum() const {
    if (gone(self_)) return false;
    std::ptrdiff_t electors = 0;
    std::ptrdiff_t here = 0;
    Rank anchor = no_rank;
    for (const Rank rank : members_) {
        const auto lost = gone_.find(rank);
        if (lost != gone_.end() && !lost->second.elector) continue;
        ++electors;
        if (lost == gone_.end()) ++here;
        if (anchor == no_rank || rank == root_) anchor = rank;
    }
    return 2 * here > electors || (2 * here == electors && !gone(anchor));
}

}  // namespace splitcast::collectives
