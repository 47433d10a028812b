#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace splitcast::storage {

/// XXH3-128 of some bytes. It finds accidents, not forgers.
struct Digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    /// As `xxhsum -H2` prints it.
    [[nodiscard]] std::string text() const;
    friend auto operator<=>(const Digest&, const Digest&) = default;
};

/// The digest of bytes that come piece by piece.
class Digester {
public:
    Digester();
    Digester(const Digester&) = delete;
    Digester& operator=(const Digester&) = delete;
    ~Digester();

    void add(std::span<const std::byte> bytes);
    [[nodiscard]] Digest digest() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] Digest digest_of(std::span<const std::byte> bytes);

}  // namespace splitcast::storage
