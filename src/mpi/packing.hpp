#pragma once

#include "engine/stream.hpp"
#include "mpi/datatype.hpp"

#include <cstddef>
#include <vector>

namespace splitcast::mpi {

/// Elements of a scattered datatype as a stream of bytes in the order of the type signature.
/// Elements are packed (unpacked) a few at a time, so that the extra memory is bounded, unless one
/// element alone is large.
class PackedElements {
protected:
    PackedElements(void* buffer, const Layout& layout);

    /// Elements handled at once; their bytes are the window that is in memory.
    [[nodiscard]] std::int64_t window_bytes() const { return elements_ * layout_.element_bytes; }
    [[nodiscard]] MPI_Count elements_in(std::int64_t window) const;
    [[nodiscard]] std::byte* element(std::int64_t window) const;
    [[nodiscard]] const Layout& layout() const { return layout_; }
    void note(std::string_view function, int code);

    std::vector<std::byte> packed_;
    std::optional<Error> error_;

private:
    void* buffer_;
    Layout layout_;
    MPI_Count elements_;
};

/// Packs at the root.
class PackSource final : public engine::Source, private PackedElements {
public:
    PackSource(const void* buffer, const Layout& layout);
    void request(std::int64_t offset, std::span<std::byte> into) override;
    std::int64_t ready() override { return ready_; }
    std::optional<Error> error() override { return error_; }

private:
    std::int64_t in_memory_ = -1;  ///< the window that `packed_` holds
    std::int64_t ready_ = 0;
};

/// Unpacks at a recipient.
class UnpackSink final : public engine::Sink, private PackedElements {
public:
    UnpackSink(void* buffer, const Layout& layout);
    void offer(std::int64_t offset, std::span<const std::byte> bytes) override;
    std::int64_t taken() override { return taken_; }
    std::optional<Error> error() override { return error_; }

private:
    std::int64_t taken_ = 0;
};

}  // namespace splitcast::mpi
