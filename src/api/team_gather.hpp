#pragma once

#include "api/team_impl.hpp"

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace splitcast::api {

/// What `mine` gives on every rank, by rank of the team; Value() for those that are lost. It is
/// called while the agreement about it is under way, as in Team::Impl::lowest. Collective.
template <class Value, class Mine>
Result<std::vector<Value>> gather(Team::Impl& team, const Mine& mine) {
    static_assert(std::is_trivially_copyable_v<Value>);
    const auto texts = team.exchange([&mine] {
        const Value value = mine();
        return std::string(reinterpret_cast<const char*>(&value), sizeof value);
    });
    if (!texts) return texts.error();
    std::vector<Value> all(texts->size());
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        const std::string& text = (*texts)[rank];
        if (!text.empty()) std::memcpy(&all[rank], text.data(), sizeof(Value));
    }
    return all;
}

}  // namespace splitcast::api
