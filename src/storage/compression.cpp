#include "storage/compression.hpp"

#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace splitcast::storage {

namespace {

constexpr int zstd_level = 1;  // the links are to be kept busy

const char* chars(std::span<const std::byte> bytes) {
    return reinterpret_cast<const char*>(bytes.data());
}
char* chars(std::span<std::byte> bytes) { return reinterpret_cast<char*>(bytes.data()); }

}  // namespace

const char* text(Codec codec) {
    switch (codec) {
        case Codec::none: break;
        case Codec::lz4: return "lz4";
        case Codec::zstd: return "zstd";
    }
    return "none";
}

Digest libraries() {
    const std::string versions =
        fmt::format("lz4 {} zstd {}", LZ4_versionString(), ZSTD_versionString());
    return digest_of(std::as_bytes(std::span(versions)));
}

struct Compressor::State {
    ZSTD_CCtx* packing = nullptr;
    ZSTD_DCtx* unpacking = nullptr;
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        ZSTD_freeCCtx(packing);
        ZSTD_freeDCtx(unpacking);
    }
};

Compressor::Compressor(Codec codec) : codec_(codec), state_(std::make_unique<State>()) {
    if (codec != Codec::zstd) return;
    state_->packing = ZSTD_createCCtx();
    state_->unpacking = ZSTD_createDCtx();
    if (state_->packing == nullptr || state_->unpacking == nullptr) throw std::bad_alloc();
}

Compressor::~Compressor() = default;

std::size_t Compressor::bound(std::size_t plain) const {
    switch (codec_) {
        case Codec::none: break;
        case Codec::lz4:
            return static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(plain)));
        case Codec::zstd: return ZSTD_compressBound(plain);
    }
    return plain;
}

std::size_t Compressor::pack(std::span<const std::byte> plain, std::span<std::byte> to) {
    std::size_t size = 0;
    if (codec_ == Codec::lz4) {
        const int packed = LZ4_compress_default(
            chars(plain), chars(to), static_cast<int>(plain.size()), static_cast<int>(to.size()));
        size = packed > 0 ? static_cast<std::size_t>(packed) : 0;
    } else if (codec_ == Codec::zstd) {
        size = ZSTD_compressCCtx(state_->packing, to.data(), to.size(), plain.data(), plain.size(),
                                 zstd_level);
        if (ZSTD_isError(size) != 0) size = 0;
    }
    return size < plain.size() ? size : 0;
}

Result<void> Compressor::unpack(std::span<const std::byte> packed, std::span<std::byte> to) {
    bool whole = false;
    if (codec_ == Codec::lz4) {
        const int size = LZ4_decompress_safe(
            chars(packed), chars(to), static_cast<int>(packed.size()), static_cast<int>(to.size()));
        whole = size >= 0 && std::cmp_equal(size, to.size());
    } else if (codec_ == Codec::zstd) {
        const std::size_t size = ZSTD_decompressDCtx(state_->unpacking, to.data(), to.size(),
                                                     packed.data(), packed.size());
        whole = ZSTD_isError(size) == 0 && size == to.size();
    }
    if (whole) return {};
    return Error{Status::integrity,
                 fmt::format("what has arrived cannot be unpacked with {}", text(codec_))};
}

CodecSpeed measure(Codec codec, std::span<const std::byte> sample) {
    using Clock = std::chrono::steady_clock;
    constexpr double least = 1e-9;
    CodecSpeed speed;
    Compressor compressor(codec);
    std::vector<std::byte> packed(compressor.bound(sample.size()));
    std::vector<std::byte> plain(sample.size());
    compressor.pack(sample, packed);  // once for the caches and the tables
    const auto begun = Clock::now();
    const std::size_t size = compressor.pack(sample, packed);
    const std::chrono::duration<double> packing = Clock::now() - begun;
    if (size == 0) return speed;
    const auto half = Clock::now();
    if (!compressor.unpack(std::span(packed).first(size), plain)) return speed;
    const std::chrono::duration<double> unpacking = Clock::now() - half;
    const auto bytes = static_cast<double>(sample.size());
    speed.ratio = bytes / static_cast<double>(size);
    speed.pack = bytes / std::max(packing.count(), least);
    speed.unpack = bytes / std::max(unpacking.count(), least);
    return speed;
}

Codec choose_codec(double bandwidth, const CodecSpeed& lz4, const CodecSpeed& zstd) {
    constexpr double worth_it = 1.1;
    const double link = bandwidth > 0 ? bandwidth : std::numeric_limits<double>::infinity();
    const auto through = [link](const CodecSpeed& speed) {
        return std::min({speed.pack, speed.unpack, link * speed.ratio});
    };
    const double with_lz4 = through(lz4);
    const double with_zstd = through(zstd);
    if (std::max(with_lz4, with_zstd) < link * worth_it) return Codec::none;
    return with_zstd > with_lz4 * worth_it ? Codec::zstd : Codec::lz4;
}

}  // namespace splitcast::storage
