#pragma once

#include "splitcast/error.hpp"

#include <cstddef>
#include <string>

namespace splitcast::storage {

/// Memory of this process alone, or of several processes of a node that know its name. Mapped by
/// pages, so that it can be protected, and its room is known at once.
class MappedMemory {
public:
    MappedMemory() = default;  ///< none
    MappedMemory(MappedMemory&& other) noexcept;
    MappedMemory& operator=(MappedMemory&& other) noexcept;
    MappedMemory(const MappedMemory&) = delete;
    MappedMemory& operator=(const MappedMemory&) = delete;
    ~MappedMemory();

    /// Of this process. Errors are Status::memory.
    static Result<MappedMemory> own(std::size_t length);

    /// New memory that others can open by `name` ("/..."), with all its room reserved: to be told
    /// later, by SIGBUS, would be too late.
    static Result<MappedMemory> make_shared(const std::string& name, std::size_t length);

    /// That of another process, to read.
    static Result<MappedMemory> open_shared(const std::string& name, std::size_t length);

    /// Nobody else can open it any more; who has, keeps it.
    static void remove_name(const std::string& name);

    /// From now on this process cannot write to it either.
    Result<void> protect();

    /// It stays until the process ends: somebody may still write into it.
    void abandon();

    [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(data_); }
    [[nodiscard]] std::size_t length() const { return length_; }

private:
    void* data_ = nullptr;
    std::size_t length_ = 0;
};

}  // namespace splitcast::storage
