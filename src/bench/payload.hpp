#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

/// Bytes to broadcast that tell what they are: every 8 of them depend on where they lie and on a
/// key, so that what is left of another broadcast, or came to the wrong place, is seen.
namespace splitcast::bench {

void fill(std::span<std::byte> buffer, std::uint64_t key);

/// The first byte that is not as fill() would have it.
[[nodiscard]] std::optional<std::int64_t> first_wrong(std::span<const std::byte> buffer,
                                                      std::uint64_t key);

/// Overwrites what a recipient has with what no payload looks like.
void poison(std::span<std::byte> buffer);

}  // namespace splitcast::bench
