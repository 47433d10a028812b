#pragma once

#include "engine/stream.hpp"
#include "storage/digest.hpp"
#include "storage/lane.hpp"
#include "storage/posix.hpp"

#include <sys/stat.h>

#include <memory>
#include <string>

namespace splitcast::storage {

/// Reads a regular file in step with whoever asks for its bytes, in a thread of its own, and
/// computes its digest.
class FileSource final : public engine::Source {
public:
    static Result<std::unique_ptr<FileSource>> open(const std::string& path);

    /// As they were when the file was opened.
    [[nodiscard]] std::int64_t length() const { return facts_.st_size; }
    [[nodiscard]] mode_t mode() const { return facts_.st_mode & 07777; }
    [[nodiscard]] FileIdentity identity() const { return storage::identity(facts_); }

    [[nodiscard]] timespec modified() const { return facts_.st_mtim; }

    /// Digest of the first and the last bytes, a few: tells most files apart at little cost.
    Result<Digest> sample() const;

    void request(std::int64_t offset, std::span<std::byte> into) override;
    std::int64_t ready() override { return lane_.done(); }
    std::optional<Error> error() override { return lane_.error(); }

    /// Waits until all that was requested is read, and reads what nobody has asked for. The digest
    /// of the file, unless it could not be read to its end or somebody changed it meanwhile.
    Result<Digest> finish();

private:
    FileSource(std::string path, Descriptor file, const struct stat& facts);
    Result<void> read(const Lane::Piece& piece);
    Result<void> fill(std::int64_t offset, std::span<std::byte> into) const;
    Result<void> read_the_rest();

    std::string path_;
    Descriptor file_;
    struct stat facts_;
    Digester digester_;
    std::int64_t digested_ = 0;  ///< bytes from the front
    Lane lane_;
};

}  // namespace splitcast::storage
