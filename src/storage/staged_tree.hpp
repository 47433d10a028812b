#pragma once

#include "splitcast/error.hpp"
#include "storage/catalogue.hpp"
#include "storage/digest.hpp"
#include "storage/folder_cursor.hpp"
#include "storage/journal.hpp"
#include "storage/posix.hpp"
#include "storage/tree_reader.hpp"
#include "storage/tree_writer.hpp"
#include "storage/unfinished.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace splitcast::storage {

/// Files and folders under construction, which nobody sees under their final names before
/// `publish`.
///
/// They are made in a hidden folder beside their final names, ".NAME.<chance>.splitcast", which
/// nobody else may look into and which is locked as long as this process lives; one that nobody
/// holds is a dead process's, and is removed by the next that makes one for the same name. The life
/// of a tree is
///
///     create -> begin -> take... -> finish -> (read_back) -> publish -> settle
///
/// and every way off that line, the destructor included, leaves the folder as it was before.
///
/// A tree that is kept is made in ".NAME.splitcast-partial" instead, and every way off the line
/// leaves that there, with a journal in it: `resume`, after begin, goes on with what it finds. Only
/// from publish on, where that replaces something, nothing is kept.
class StagedTree {
public:
    struct Options {
        bool replace = false;   ///< what exists under a final name is replaced; else it is an error
        bool sync = false;      ///< finish and settle wait until the disk has it all
        bool preserve = false;  ///< see TreeWriter
        bool keep = false;      ///< what is there of the copy stays when it is interrupted
        /// Folders in which the copy must not lie: the sources, which would be copied into
        /// themselves.
        std::vector<FileIdentity> outside_of = {};
    };
    struct Item {
        std::string name;      ///< its final one
        bool folder = false;   ///< or a file
        bool skipped = false;  ///< it is not made, as it is there already: it is the source itself
    };
    /// What has to fit in, as far as it can be known in advance.
    struct Need {
        std::int64_t bytes = 0;
        std::int64_t entries = 0;
        std::int64_t largest = 0;  ///< of the files
    };

    /// The items are to have their names in `folder`.
    static Result<std::unique_ptr<StagedTree>> create(const std::string& folder,
                                                      std::vector<Item> items, const Need& need,
                                                      const Options& options);
    /// What create would say about names and room, with nothing written. `folder` exists.
    static Result<void> check(const std::string& folder, const std::vector<Item>& items,
                              const Need& need, const Options& options);

    StagedTree(const StagedTree&) = delete;
    StagedTree& operator=(const StagedTree&) = delete;
    ~StagedTree();

    /// What the tree consists of: as many items as were announced.
    Result<void> begin(Catalogue catalogue);

    /// Of a tree that is kept: how many bytes from the front of the stream an earlier copy from the
    /// same source has left. They are read and proven, and must not be taken again.
    Result<std::int64_t> resume(const Origin& origin);
    [[nodiscard]] std::int64_t held() const { return held_; }
    /// Reads them, from the front of the stream. The tree must outlive it; others may be taken
    /// meanwhile.
    [[nodiscard]] std::unique_ptr<TreeReader> reader() const;

    /// The next bytes of the stream.
    Result<void> take(std::span<const std::byte> bytes);

    /// Behind the last byte. The digest of the stream.
    Result<Digest> finish();

    /// After finish: the digest of what the disk has.
    Result<Digest> read_back();

    /// Gives all items their final names. Until settle a signal handler would undo that.
    Result<void> publish();

    /// After publish: they stay. What they replaced is gone.
    void settle();

    /// Undoes publish; drops everything that is not kept.
    void withdraw();

    /// The same, and nothing is kept.
    void discard();

    /// After settle, too.
    [[nodiscard]] std::vector<std::string> shortfalls() const;

private:
    StagedTree(std::string folder, std::vector<Item> items, const Need& need, Options options);
    Result<void> open_folder();
    [[nodiscard]] Result<void> check_outside() const;
    Result<void> check_name(const Item& item) const;
    Result<void> check_room(const Need& need) const;
    Result<void> make_staging();
    Result<void> open_kept();
    Result<void> prove(Journal& journal);
    void open_up_folders();
    Result<void> take_over();
    [[nodiscard]] bool locked() const;
    void remove_stale(const std::string& prefix) const;
    Result<void> publish(std::size_t index);
    [[nodiscard]] std::vector<Place> places() const;
    [[nodiscard]] std::string final_path(const Item& item) const;
    [[nodiscard]] Error failure(const Item& item, std::string_view what, int code) const;

    std::string folder_;  ///< path of the folder around
    std::vector<Item> items_;
    Need need_;
    Options options_;
    Descriptor around_;
    Descriptor inside_;  ///< the staging folder
    Catalogue catalogue_;
    std::vector<Place> places_;
    std::vector<bool> skipped_;
    std::optional<TreeWriter> writer_;
    std::unique_ptr<Journal> journal_;  ///< null: nothing is kept
    bool found_ = false;                ///< an earlier copy has left something
    std::int64_t held_ = 0;             ///< bytes of the stream that it has left
    std::int64_t next_ = 0;             ///< offset in the stream of what is taken next
    unfinished::Staging staging_;
    bool there_ = false;
};

}  // namespace splitcast::storage
