#pragma once

#include "splitcast/error.hpp"
#include "storage/lane.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace splitcast::storage {

/// A file as memory: what is written there is written to the file.
class FileMap {
public:
    /// `descriptor`: open for reading and writing, `length` bytes, more than none. `path` is for
    /// messages.
    static Result<std::unique_ptr<FileMap>> create(int descriptor, std::int64_t length,
                                                   const std::string& path);
    FileMap(const FileMap&) = delete;
    FileMap& operator=(const FileMap&) = delete;
    ~FileMap();

    [[nodiscard]] std::span<std::byte> memory() const { return memory_; }

    /// Fetches the pages up to `below` for writing, in a thread of its own: where a disk lets its
    /// writers wait, that one waits and not the one that must answer others. A disk that is full
    /// after all is an error here, and not a signal at the first byte written.
    void make_room(std::int64_t below);
    /// The pages from the front that were fetched.
    [[nodiscard]] std::int64_t room() const { return lane_.done(); }
    [[nodiscard]] std::optional<Error> error() const { return lane_.error(); }

    /// Nothing that is written to the memory from now on reaches the file, nor is it an error:
    /// until the process ends there is other memory in the same place. For when somebody may still
    /// write who cannot be stopped.
    void detach();

private:
    FileMap(std::span<std::byte> memory, std::string path);
    Result<void> fetch(const Lane::Piece& piece) const;

    std::span<std::byte> memory_;
    std::string path_;
    std::int64_t asked_ = 0;
    Lane lane_;
};

}  // namespace splitcast::storage
