#pragma once

#include "engine/stream.hpp"
#include "storage/digest.hpp"
#include "storage/file_map.hpp"
#include "storage/journal.hpp"
#include "storage/lane.hpp"
#include "storage/staged_file.hpp"

#include <memory>
#include <string>

namespace splitcast::storage {

/// A file that is written in step with the arrival of its bytes, and its digest. Bytes are written
/// when they are offered, in a thread of its own; or they are received in the file itself (`map`),
/// in any order.
class FileSink final : public engine::Sink {
public:
    static Result<std::unique_ptr<FileSink>> create(const std::string& path, std::int64_t length,
                                                    const StagedFile::Options& options);

    /// Of a file that is kept: how many bytes from its front an earlier copy from the same source
    /// has left, which are proven and need not come again. From then on what is written is noted
    /// beside the file for the next copy. Before anything is offered.
    Result<std::int64_t> resume(const Origin& origin);

    /// Makes the file memory. Before anything is offered.
    Result<void> map();
    std::span<std::byte> memory() override {
        return map_ ? map_->memory() : std::span<std::byte>();
    }
    void make_room(std::int64_t below) override { map_->make_room(below); }
    std::int64_t room() override { return map_->room(); }

    void offer(std::int64_t offset, std::span<const std::byte> bytes) override;
    std::int64_t taken() override { return lane_.done(); }
    std::optional<Error> error() override;

    /// Somebody who was given up may still write into the memory: it becomes other memory, and
    /// the file stays as it is. After the last offer.
    void detach();

    /// Waits until all that was offered is written. The digest of the file, unless it could not be
    /// written.
    Result<Digest> seal();

    /// After seal: the digest of what the disk has.
    Result<Digest> read_back();

    /// To publish, or withdraw.
    [[nodiscard]] StagedFile& file() { return file_; }

    /// After publish: it stays, and nothing is left beside it.
    void settle();
    /// What was written is wrong: nothing is kept of it.
    void discard();

private:
    explicit FileSink(StagedFile file);
    Result<void> write(const Lane::Piece& piece);

    StagedFile file_;
    std::unique_ptr<FileMap> map_;      ///< null: there is none
    std::unique_ptr<Journal> journal_;  ///< null: nothing is kept
    Digester digester_;
    Lane lane_;
};

}  // namespace splitcast::storage
