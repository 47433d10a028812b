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

Membership::Membership(std::vector<Rank> members, Rank self)
    : members_(std::move(members)), self_(self), electorates_{{.members = members_}} {}

bool Membership::lose(Loss loss) {
    const auto [known, added] = gone_.try_emplace(loss.rank, loss.dead);
    if (!added) {
        known->second = known->second || loss.dead;
        return false;
    }
    if (!member(loss.rank)) return false;
    ++torn_;
    return true;
}

void Membership::renew(const std::vector<Loss>& losses, Rank root) {
    for (const Loss& loss : losses) {
        lose(loss);
        std::erase(members_, loss.rank);
    }
    torn_ = static_cast<int>(std::ranges::count_if(members_, [this](Rank r) { return gone(r); }));
    electorates_.push_back({.members = members_, .anchor = anchor(root)});
}

void Membership::settle(Rank root) {
    if (electorates_.size() == 1 && electorates_.front().anchor != no_rank) return;
    electorates_.assign({{.members = members_, .anchor = anchor(root)}});
}

bool Membership::member(Rank rank) const { return std::ranges::binary_search(members_, rank); }

bool Membership::dead(Rank rank) const {
    const auto known = gone_.find(rank);
    return known != gone_.end() && known->second;
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
    for (const auto& [rank, is_dead] : gone_) all.push_back({rank, is_dead});
    return all;
}

Rank Membership::coordinator() const {
    for (const Rank rank : members_) {
        if (!gone(rank)) return rank;
    }
    return self_;
}

Rank Membership::anchor(Rank root) const {
    return member(root) || members_.empty() ? root : members_.front();
}

bool Membership::quorum() const {
    return !gone(self_) && std::ranges::all_of(electorates_, [this](const Electorate& electorate) {
        return has_quorum(electorate);
    });
}

bool Membership::has_quorum(const Electorate& electorate) const {
    const std::vector<Rank>& all = electorate.members;
    const auto missing = std::ranges::count_if(all, [this](Rank rank) { return gone(rank); });
    const auto dead_ones = std::ranges::count_if(all, [this](Rank rank) { return dead(rank); });
    if (missing == dead_ones) return true;
    const std::ptrdiff_t here = std::ssize(all) - missing;
    const bool anchored = electorate.anchor != no_rank && !gone(electorate.anchor);
    return here > missing || (here == missing && anchored);
}

}  // namespace splitcast::collectives
