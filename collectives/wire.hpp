#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace splitcast::collectives {

/// Numbers as bytes, little-endian on every machine.
class WireWriter {
public:
    WireWriter() { bytes_.reserve(ordinary); }

    template <class T>
    void put(T value) {
        const auto bits = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
        std::array<std::byte, sizeof(T)> raw{};
        for (std::size_t i = 0; i < sizeof(T); ++i)
            raw[i] = static_cast<std::byte>(bits >> (8 * i) & 0xFFU);
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    }
    void put(bool value) { put(static_cast<std::uint8_t>(value ? 1 : 0)); }
    std::vector<std::byte> take() { return std::move(bytes_); }

private:
    static constexpr std::size_t ordinary = 192;  ///< bytes: a message without long lists
    std::vector<std::byte> bytes_;
};

/// The reverse. Reading past the end gives zeros and is remembered.
class WireReader {
public:
    explicit WireReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <class T>
    T get() {
        if (bytes_.size() - position_ < sizeof(T)) {
            position_ = bytes_.size();
            good_ = false;
            return T{};
        }
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i)
            bits |= static_cast<std::uint64_t>(bytes_[position_ + i]) << (8 * i);
        position_ += sizeof(T);
        return static_cast<T>(bits);
    }
    bool flag() { return get<std::uint8_t>() != 0; }

    /// A number of things that follow, each at least `least` bytes long: 0 if there is no room for
    /// so many.
    std::size_t count(std::size_t least) {
        const auto n = get<std::uint32_t>();
        if (n > (bytes_.size() - position_) / least) good_ = false;
        return good_ ? n : 0;
    }
    void refuse() { good_ = false; }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool exhausted() const { return good_ && position_ == bytes_.size(); }

private:
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    bool good_ = true;
};

}  // namespace splitcast::collectives
