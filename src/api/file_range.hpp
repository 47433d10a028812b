#pragma once

#include "engine/stream.hpp"
#include "storage/lane.hpp"
#include "storage/posix.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace splitcast::api {

/// A part of a regular file as a source, read in a thread of its own.
class FileRange final : public engine::Source {
public:
    /// What tells whether two ranks see the same file, unchanged.
    struct Facts {
        std::int64_t length = 0;
        std::int64_t seconds = 0;  ///< of the last change
        std::int64_t nanoseconds = 0;
        friend bool operator==(const Facts&, const Facts&) = default;
    };

    /// `length` -1: to the end.
    static Result<std::unique_ptr<FileRange>> open(const std::string& path, std::int64_t offset,
                                                   std::int64_t length);

    /// As they were when the file was opened.
    [[nodiscard]] const Facts& facts() const { return facts_; }
    /// Of the part.
    [[nodiscard]] std::int64_t length() const { return length_; }

    void request(std::int64_t offset, std::span<std::byte> into) override;
    std::int64_t ready() override { return lane_.done(); }
    std::optional<Error> error() override { return lane_.error(); }

    /// Waits until all that was requested is read. An error if that failed, or if somebody changed
    /// the file meanwhile: what was read may be a mix of old and new then.
    Result<void> finish();

private:
    FileRange(std::string path, storage::Descriptor file, const Facts& facts);
    Result<void> choose(std::int64_t offset, std::int64_t length);
    Result<void> read(const storage::Lane::Piece& piece) const;

    std::string path_;
    storage::Descriptor file_;
    Facts facts_;
    std::int64_t offset_ = 0;
    std::int64_t length_ = 0;
    storage::Lane lane_;
};

/// Memory that is received in, in any order.
class MemorySink final : public engine::Sink {
public:
    explicit MemorySink(std::span<std::byte> memory) : memory_(memory) {}
    std::span<std::byte> memory() override { return memory_; }
    void offer(std::int64_t offset, std::span<const std::byte> bytes) override {
        taken_ = offset + static_cast<std::int64_t>(bytes.size());
    }
    std::int64_t taken() override { return taken_; }
    std::optional<Error> error() override { return std::nullopt; }

private:
    std::span<std::byte> memory_;
    std::int64_t taken_ = 0;
};

}  // namespace splitcast::api
