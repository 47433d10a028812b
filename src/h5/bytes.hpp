#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace splitcast::h5 {

using Bytes = std::vector<std::byte>;

/// Puts values one after the other, as they lie in memory: all ranks of a team have the same byte
/// order, as MPI_BYTE supposes too.
class Writer {
public:
    template <class Value>
        requires std::is_trivially_copyable_v<Value>
    void put(const Value& value) {
        put_bytes(std::as_bytes(std::span(&value, 1)));
    }
    void put_bytes(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    /// With its length before it.
    void put_block(std::span<const std::byte> bytes) {
        put<std::uint64_t>(bytes.size());
        put_bytes(bytes);
    }
    void put_text(const std::string& text) { put_block(std::as_bytes(std::span(text))); }
    void put_list(const std::vector<std::uint64_t>& list) {
        put_block(std::as_bytes(std::span(list)));
    }
    [[nodiscard]] Bytes take() { return std::move(bytes_); }

private:
    Bytes bytes_;
};

/// Takes them out again. What is not there makes it `broken`, and is 0 or empty.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <class Value>
        requires std::is_trivially_copyable_v<Value>
    Value get() {
        Value value{};
        const auto bytes = get_bytes(sizeof value);
        if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    std::span<const std::byte> get_bytes(std::uint64_t length) {
        if (length > rest_.size()) {
            broken_ = true;
            rest_ = {};
            return {};
        }
        const auto bytes = rest_.first(static_cast<std::size_t>(length));
        rest_ = rest_.subspan(static_cast<std::size_t>(length));
        return bytes;
    }
    std::span<const std::byte> get_block() { return get_bytes(get<std::uint64_t>()); }
    std::string get_text() {
        const auto block = get_block();
        return {reinterpret_cast<const char*>(block.data()), block.size()};
    }
    std::vector<std::uint64_t> get_list() {
        const auto block = get_block();
        std::vector<std::uint64_t> list(block.size() / sizeof(std::uint64_t));
        if (block.size() % sizeof(std::uint64_t) != 0) broken_ = true;
        if (!list.empty())
            std::memcpy(list.data(), block.data(), list.size() * sizeof(std::uint64_t));
        return list;
    }
    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }

private:
    std::span<const std::byte> rest_;
    bool broken_ = false;
};

}  // namespace splitcast::h5
