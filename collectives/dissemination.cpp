#include "collectives/dissemination.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace splitcast::collectives {

int dissemination_rounds(std::size_t members) { return std::bit_width(members - 1); }

Dissemination::Dissemination(std::vector<Rank> members, Rank self, Survey mine)
    : members_(std::move(members)),
      index_(static_cast<std::size_t>(std::ranges::lower_bound(members_, self) - members_.begin())),
      rounds_(dissemination_rounds(members_.size())),
      known_(mine) {}

std::optional<Dissemination::Word> Dissemination::next() {
    while (sent_ < rounds_ || round_ < rounds_) {
        // A round is sent when all before it were heard, and heard when it was sent itself.
        if (sent_ == round_) {
            const std::size_t step = std::size_t{1} << static_cast<unsigned>(sent_);
            const Rank to = members_[(index_ + step) % members_.size()];
            return Word{.to = to, .round = static_cast<std::uint8_t>(sent_++)};
        }
        const auto heard = early_.find(static_cast<std::uint8_t>(round_));
        if (heard == early_.end()) return std::nullopt;
        known_.fold(heard->second);
        early_.erase(heard);
        ++round_;
    }
    return std::nullopt;
}

void Dissemination::hear(std::uint8_t round, const Survey& heard) { early_[round] = heard; }

}  // namespace splitcast::collectives
