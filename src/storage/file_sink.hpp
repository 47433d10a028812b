#pragma once

#include "engine/stream.hpp"
#include "storage/digest.hpp"
#include "storage/lane.hpp"
#include "storage/staged_file.hpp"

#include <memory>
#include <string>

namespace splitcast::storage {

/// Writes a file in step with the arrival of its bytes, in a thread of its own, and computes the
/// digest of what it wrote.
class FileSink final : public engine::Sink {
public:
    static Result<std::unique_ptr<FileSink>> create(const std::string& path, std::int64_t length,
                                                    const StagedFile::Options& options);

    void offer(std::int64_t offset, std::span<const std::byte> bytes) override;
    std::int64_t taken() override { return lane_.done(); }
    std::optional<Error> error() override { return lane_.error(); }

    /// Waits until all that was offered is written. The digest of the file, unless it could not be
    /// written.
    Result<Digest> seal();

    /// To publish, settle or withdraw.
    [[nodiscard]] StagedFile& file() { return file_; }

private:
    explicit FileSink(StagedFile file);
    Result<void> write(const Lane::Piece& piece);

    StagedFile file_;
    Digester digester_;
    Lane lane_;
};

}  // namespace splitcast::storage
