#pragma once

#include "splitcast/error.hpp"
#include "storage/attributes.hpp"
#include "storage/catalogue.hpp"
#include "storage/digest.hpp"
#include "storage/folder_cursor.hpp"
#include "storage/posix.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace splitcast::storage {

/// Makes what a catalogue says, in a folder that only this process looks into, while the stream of
/// the files' data arrives. Everything is made new: what is in the way is an error, symbolic links
/// included.
class TreeWriter {
public:
    struct Options {
        bool preserve = false;  ///< owner, attributes, all permissions and times, as far as allowed
    };
    /// `items`: where the items are made. Those in `skipped` are not, though their data are part of
    /// the stream. What is given by reference must outlive this.
    TreeWriter(const Catalogue& catalogue, const std::vector<Place>& items,
               const std::vector<bool>& skipped, Options options)
        : catalogue_(catalogue),
          skipped_(skipped),
          options_(options),
          cursor_(catalogue, items),
          originals_(catalogue, items) {}

    /// Before anything is taken: the first bytes of the stream, which need not be written. Piece by
    /// piece.
    void know(std::span<const std::byte> bytes) { digester_.add(bytes); }
    /// Then: their files, and the beginning of the last of them, are at the places `left`, `held`
    /// bytes in all. They are moved from there to where they belong; all else is made as ever.
    Result<void> take_over(std::int64_t held, const std::vector<Place>& left);

    /// The next bytes of the stream.
    Result<void> take(std::span<const std::byte> bytes);

    /// Behind the last byte: makes what has no data, and gives the folders their permissions and
    /// times, the innermost first; except the items, which have still to be moved. The digest of
    /// the stream.
    Result<Digest> finish();

    /// Gives an item that is a folder, open as `folder` and in its place, its permissions and
    /// times.
    Result<void> finish_item(int folder, std::int32_t index);

    /// Entries that were made.
    [[nodiscard]] std::int64_t made() const { return at_ + (made_ ? 1 : 0); }
    [[nodiscard]] const Shortfalls& shortfalls() const { return shortfalls_; }

private:
    [[nodiscard]] const Entry& entry() const {
        return catalogue_.entries[static_cast<std::size_t>(at_)];
    }
    Result<void> next_data();
    void advance(std::int64_t bytes);
    Result<void> make();
    Result<void> make_folder(const FolderCursor::Where& where);
    Result<void> make_file(const FolderCursor::Where& where);
    Result<void> take_file(const FolderCursor::Where& where);
    Result<void> make_twin(const FolderCursor::Where& where);
    Result<void> reserve() const;
    Result<void> write(std::span<const std::byte> bytes, std::int64_t offset) const;
    Result<void> leave();
    [[nodiscard]] const mode_t* narrow_mode(std::int32_t index) const;  ///< null: as it is
    Result<void> finish_folder(std::int32_t index);
    [[nodiscard]] Error failure(std::string_view what, int code) const;

    const Catalogue& catalogue_;
    const std::vector<bool>& skipped_;
    Options options_;
    FolderCursor cursor_;
    FolderCursor originals_;            ///< of hard links
    std::optional<FolderCursor> left_;  ///< where files are moved from, while they are
    Digester digester_;
    Shortfalls shortfalls_;
    /// Folders that are to have less permissions than they need while things are made in them;
    /// ascending.
    std::vector<std::pair<std::int32_t, mode_t>> narrow_;
    std::int32_t at_ = 0;  ///< entry that the next byte is of
    bool made_ = false;    ///< that entry is there, or skipped
    std::size_t extent_ = 0;
    std::int64_t inside_ = 0;
    Descriptor file_;  ///< not open if it is skipped
};

}  // namespace splitcast::storage
