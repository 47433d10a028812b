#include "mpi/packing.hpp"

#include "mpi/communicator.hpp"

#include <algorithm>
#include <cstring>

namespace splitcast::mpi {

namespace {
constexpr std::int64_t window_target = 256 << 10;
}

PackedElements::PackedElements(void* buffer, const Layout& layout)
    : buffer_(buffer),
      layout_(layout),
      elements_(
          std::max<MPI_Count>(1, window_target / std::max<std::int64_t>(layout.element_bytes, 1))) {
    packed_.resize(static_cast<std::size_t>(std::min(window_bytes(), layout_.bytes())));
}

MPI_Count PackedElements::elements_in(std::int64_t window) const {
    return std::min<MPI_Count>(elements_, layout_.count - window * elements_);
}

std::byte* PackedElements::element(std::int64_t window) const {
    return static_cast<std::byte*>(buffer_) + window * elements_ * layout_.extent;
}

void PackedElements::note(std::string_view function, int code) {
    if (code != MPI_SUCCESS && !error_) error_ = failure(function, code);
}

PackSource::PackSource(const void* buffer, const Layout& layout)
    // The buffer is only read; MPI_Pack takes it as const, the base class serves both directions.
    : PackedElements(const_cast<void*>(buffer), layout) {}

void PackSource::request(std::int64_t offset, std::span<std::byte> into) {
    while (!into.empty()) {
        const std::int64_t window = offset / window_bytes();
        if (window != in_memory_) {
            int position = 0;
            note("MPI_Pack", MPI_Pack(element(window), static_cast<int>(elements_in(window)),
                                      layout().type, packed_.data(),
                                      static_cast<int>(packed_.size()), &position, MPI_COMM_SELF));
            in_memory_ = window;
        }
        const std::int64_t begin = offset - window * window_bytes();
        const auto length =
            std::min<std::size_t>(into.size(), static_cast<std::size_t>(window_bytes() - begin));
        std::memcpy(into.data(), packed_.data() + begin, length);
        into = into.subspan(length);
        offset += static_cast<std::int64_t>(length);
    }
    ready_ = offset;
}

UnpackSink::UnpackSink(void* buffer, const Layout& layout) : PackedElements(buffer, layout) {}

void UnpackSink::offer(std::int64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::int64_t window = offset / window_bytes();
        const std::int64_t begin = offset - window * window_bytes();
        const MPI_Count elements = elements_in(window);
        const std::int64_t size = elements * layout().element_bytes;
        const auto length =
            std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(size - begin));
        std::memcpy(packed_.data() + begin, bytes.data(), length);
        if (begin + static_cast<std::int64_t>(length) == size) {
            int position = 0;
            note("MPI_Unpack",
                 MPI_Unpack(packed_.data(), static_cast<int>(size), &position, element(window),
                            static_cast<int>(elements), layout().type, MPI_COMM_SELF));
        }
        bytes = bytes.subspan(length);
        offset += static_cast<std::int64_t>(length);
    }
    taken_ = offset;
}

}  // namespace splitcast::mpi
