#pragma once

#include "splitcast/error.hpp"
#include "storage/catalogue.hpp"
#include "storage/digest.hpp"
#include "storage/folder_cursor.hpp"
#include "storage/posix.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace splitcast::storage {

/// Reads the data of all files of a catalogue, one after the other, as one stream, and computes its
/// digest. A file that is not as the catalogue says is an error.
class TreeReader {
public:
    enum class Of : std::uint8_t {
        source,  ///< whose times of change tell whether it was changed since
        copy,    ///< which is to be read from the disk, not from memory
        /// What is there of a copy. What is read may be relied on to be data of a file of the
        /// copy's own; whether it is the right data is for a digest to tell.
        partial,
    };
    /// `preserved`: of a partial copy, whose files may have their last owner.
    TreeReader(const Catalogue& catalogue, const std::vector<Place>& items, Of of,
               bool preserved = false);

    /// The next bytes of the stream, exactly as many.
    Result<void> fill(std::span<std::byte> into);

    /// Passes over the next bytes without a look at them. They are lacking in the digest.
    void skip(std::int64_t bytes);

    /// Behind the last byte: looks at what is left, which has no data.
    Result<Digest> finish();

private:
    [[nodiscard]] const Entry& entry() const {
        return catalogue_.entries[static_cast<std::size_t>(at_)];
    }
    Result<void> next_data();
    Result<void> open();
    Result<void> check(const struct stat& facts) const;
    Result<void> check_partial(const struct stat& facts) const;
    [[nodiscard]] bool holes_are_empty() const;
    Result<void> leave();
    [[nodiscard]] Status status() const;
    [[nodiscard]] Error failure(std::string_view what, int code) const;

    const Catalogue& catalogue_;
    FolderCursor cursor_;
    Of of_;
    bool preserved_;
    std::map<std::int32_t, nlink_t> twins_;  ///< of a partial copy: further names of files
    Digester digester_;
    std::int32_t at_ = 0;      ///< entry that the next byte is of
    std::size_t extent_ = 0;   ///< of that entry
    std::int64_t inside_ = 0;  ///< bytes of that extent that have been read
    Descriptor file_;
};

}  // namespace splitcast::storage
