#pragma once

#include "engine/stream.hpp"
#include "sim/port.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

namespace splitcast::sim {

/// The byte at `offset` of what is broadcast.
inline std::byte content(std::int64_t offset) {
    return static_cast<std::byte>(Random::mix(static_cast<std::uint64_t>(offset) + 1) & 0xFFU);
}

/// Whether `bytes` are what belongs at `offset`.
[[nodiscard]] bool is_content(std::int64_t offset, std::span<const std::byte> bytes);
void fill_with_content(std::int64_t offset, std::span<std::byte> bytes);

/// Pieces of a stream that are being worked on, in the order in which they came; done with bit by
/// bit, at times of its own choosing.
class Pieces {
public:
    explicit Pieces(Port port) : port_(port) {}

    void add(std::int64_t offset, std::span<std::byte> bytes);
    [[nodiscard]] bool at_rest() const { return pieces_.empty(); }
    [[nodiscard]] std::int64_t added() const { return added_; }
    /// How many bytes are done with; or, as a lie, all that have been added.
    [[nodiscard]] std::int64_t done(Lie lie) const {
        return port_.stage().hooks.lie == lie ? added_ : done_;
    }

    /// Takes up to some bytes from the front; what is left will get its turn.
    template <class Work>
    void advance(Work work) {
        if (pieces_.empty()) return;
        for (auto budget = port_.stage().random.between<std::int64_t>(1, most_at_once);
             budget > 0 && !pieces_.empty();) {
            Piece& piece = pieces_.front();
            const auto part = std::min(piece.bytes.size(), static_cast<std::size_t>(budget));
            work(piece.offset, piece.bytes.first(part));
            budget -= static_cast<std::int64_t>(part);
            done_ += static_cast<std::int64_t>(part);
            piece.offset += static_cast<std::int64_t>(part);
            piece.bytes = piece.bytes.subspan(part);
            if (piece.bytes.empty()) pieces_.pop_front();
        }
        if (!pieces_.empty()) schedule();
    }

private:
    static constexpr std::int64_t most_at_once = 64;
    struct Piece {
        std::int64_t offset = 0;
        std::span<std::byte> bytes;
    };
    void schedule();

    Port port_;
    std::deque<Piece> pieces_;
    std::int64_t added_ = 0;  ///< bytes
    std::int64_t done_ = 0;
};

/// A source that fills what was requested when it likes.
class SlowSource final : public engine::Source {
public:
    explicit SlowSource(Port port) : pieces_(port) {}
    void request(std::int64_t offset, std::span<std::byte> into) override;
    std::int64_t ready() override { return pieces_.done(Lie::source); }
    std::optional<Error> error() override { return std::nullopt; }
    void advance();
    [[nodiscard]] bool at_rest() const { return pieces_.at_rest(); }
    /// How often it was asked for something that lies before what it was asked for last.
    [[nodiscard]] int restarts() const { return restarts_; }

private:
    Pieces pieces_;
    std::int64_t next_ = 0;
    int restarts_ = 0;
};

/// A sink that takes what was offered when it likes, and looks at the bytes only then.
class SlowSink final : public engine::Sink {
public:
    explicit SlowSink(Port port) : port_(port), pieces_(port) {}
    void offer(std::int64_t offset, std::span<const std::byte> bytes) override;
    std::int64_t taken() override { return pieces_.done(Lie::sink); }
    std::optional<Error> error() override { return std::nullopt; }
    void advance();
    [[nodiscard]] bool at_rest() const { return pieces_.at_rest(); }

private:
    Port port_;
    Pieces pieces_;
};

}  // namespace splitcast::sim
