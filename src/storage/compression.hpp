#pragma once

#include "splitcast/error.hpp"
#include "storage/digest.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace splitcast::storage {

enum class Codec : std::uint8_t { none = 0, lz4 = 1, zstd = 2 };
[[nodiscard]] const char* text(Codec codec);

/// Of the libraries' versions: the same on two hosts, and the same bytes come out.
[[nodiscard]] Digest libraries();

/// Compresses blocks, and gets them back.
class Compressor {
public:
    explicit Compressor(Codec codec);
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;
    ~Compressor();

    [[nodiscard]] Codec codec() const { return codec_; }

    /// No block of this size gets larger than that.
    [[nodiscard]] std::size_t bound(std::size_t plain) const;

    /// Bytes written to `to`; 0: it did not fit, or did not get smaller.
    std::size_t pack(std::span<const std::byte> plain, std::span<std::byte> to);

    /// Fills `to` exactly, or Status::integrity: whatever `packed` is, nothing else is touched.
    Result<void> unpack(std::span<const std::byte> packed, std::span<std::byte> to);

private:
    struct State;
    Codec codec_;
    std::unique_ptr<State> state_;
};

/// What one codec made of a sample.
struct CodecSpeed {
    double ratio = 1;  ///< plain over packed
    double pack = 0;   ///< plain bytes per second, on one processor
    double unpack = 0;
};
[[nodiscard]] CodecSpeed measure(Codec codec, std::span<const std::byte> sample);

/// The codec with which most plain bytes a second get through: packed, over a link that carries
/// `bandwidth` bytes a second (0: as many as one likes), and unpacked, all at the same time. No
/// codec, unless the gain is worth the work.
[[nodiscard]] Codec choose_codec(double bandwidth, const CodecSpeed& lz4, const CodecSpeed& zstd);

}  // namespace splitcast::storage
