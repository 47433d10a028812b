#pragma once

#include "splitcast/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::bench {

/// "64K" is that size; "64K:1M" are all from one to the other, each twice the one before it;
/// "64K:64M:4" has steps of 4. Several of these may be put together with commas.
[[nodiscard]] Result<std::vector<std::int64_t>> parse_sizes(std::string_view text);

/// 65536 as "64K": a whole number with the largest unit that leaves one.
[[nodiscard]] std::string size_text(std::int64_t bytes);

}  // namespace splitcast::bench
