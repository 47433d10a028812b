#pragma once

#include "api/team_impl.hpp"

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace splitcast::api {

/// `mine` of every rank, by rank of the team; Value() for those that are lost. Collective.
template <class Value>
Result<std::vector<Value>> gather(Team::Impl& team, const Value& mine) {
    static_assert(std::is_trivially_copyable_v<Value>);
    const auto texts = team.exchange({reinterpret_cast<const char*>(&mine), sizeof mine});
    if (!texts) return texts.error();
    std::vector<Value> all(texts->size());
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        const std::string& text = (*texts)[rank];
        if (!text.empty()) std::memcpy(&all[rank], text.data(), sizeof(Value));
    }
    return all;
}

}  // namespace splitcast::api
