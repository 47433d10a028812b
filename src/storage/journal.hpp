#pragma once

#include "splitcast/error.hpp"
#include "storage/digest.hpp"
#include "storage/posix.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace splitcast::storage {

/// What is copied, well enough to tell it from something else and from itself after a change.
struct Origin {
    std::int64_t length = 0;   ///< of the file, or of the stream of all files
    std::int64_t seconds = 0;  ///< of the last change of a file
    std::int64_t nanoseconds = 0;
    Digest sample = {};  ///< FileSource::sample, or the catalogue's
    friend bool operator==(const Origin&, const Origin&) = default;
};

/// Lies beside what is being written from front to back, one file or a stream that many files are
/// made of, and says by digests how much of it is there: so that a copy that was interrupted,
/// however it was, can be taken up again. Nothing that the journal says is believed before the
/// bytes have been read and agree with it.
class Journal {
public:
    static constexpr std::int64_t chunk = std::int64_t{4} << 20;  ///< bytes that have one digest

    /// Opens the journal `name` in `folder`, a descriptor that stays open as long as the journal,
    /// or makes it. One that is of another origin, or is none, becomes an empty one. `path`: for
    /// messages.
    static Result<std::unique_ptr<Journal>> open(int folder, const std::string& name,
                                                 const Origin& origin, const std::string& path);

    /// Reads the next bytes, exactly as many; false: they are not there.
    using Read = std::function<bool(std::span<std::byte>)>;
    using Proven = std::function<void(std::span<const std::byte>)>;

    /// Reads from the front: that many bytes are as the journal says, and `proven` was given them.
    /// What it says of bytes behind them is forgotten. Call it once, first.
    Result<std::int64_t> prove(const Read& read, const Proven& proven);
    /// The same for bytes that are one file.
    Result<std::int64_t> prove(int file);

    /// These bytes were written. In ascending order without gaps from 0 or from what was proven on;
    /// what is known already is passed over.
    Result<void> add(std::int64_t offset, std::span<const std::byte> bytes);

    /// The file is complete, or of no use: the journal goes.
    void remove();

private:
    Journal(int folder, std::string name, const Origin& origin, std::string path);
    Result<void> begin_anew();
    Result<void> append(const Digest& digest);
    [[nodiscard]] Error failure(std::string_view what, int code) const;

    int folder_;
    std::string name_;
    Origin origin_;
    std::string path_;
    Descriptor file_;
    std::int64_t known_ = 0;  ///< bytes from the front that have digests
    std::int64_t next_ = 0;   ///< bytes from the front that the digester has seen
    std::unique_ptr<Digester> digester_;
};

}  // namespace splitcast::storage
