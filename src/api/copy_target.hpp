#pragma once

#include "api/team_impl.hpp"
#include "splitcast/copy.hpp"
#include "splitcast/error.hpp"
#include "storage/catalogue.hpp"
#include "storage/file_sink.hpp"
#include "storage/folders.hpp"
#include "storage/posix.hpp"
#include "storage/staged_tree.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::api {

/// What is known of a source before its content is.
struct ItemFacts {
    storage::FileIdentity identity;  ///< as the reader sees it: means something on its node only
    bool folder = false;
};

/// What is known of the sources; all ranks know it.
struct SourceFacts {
    bool packed = false;     ///< it goes by a catalogue and batches; else it is one plain file
    std::uint32_t mode = 0;  ///< of a plain file
    storage::CatalogueTotals totals;
    std::vector<ItemFacts> items;  ///< one for each source
    storage::Origin origin;        ///< of what is to be resumed
};

/// Where a rank is, among those of its node.
struct NodePosition {
    int first = 0;             ///< lowest rank on the node
    int rank = 0;              ///< of the team of all
    int name = 0;              ///< what it is called: its rank in the caller's communicator
    bool with_reader = false;  ///< the reader is on the same node
};
/// Among the members of the team that are left.
NodePosition node_position(const Team::Impl& team, int reader);

/// The file, or the files and folders, that one rank is to write, if it is to write any.
class Target {
public:
    explicit Target(NodePosition position);

    /// Finds out whether this rank has a copy, and its path. Local.
    Result<void> locate(const std::vector<std::string>& sources, const std::string& destination,
                        bool parents);

    /// An error where the destination is no folder, if it is one on other ranks: copies would have
    /// different names. Collective, also for ranks that failed before.
    std::optional<Error> check_same_kind(Team::Impl& team, const std::string& destination) const;

    /// Makes folders and files, under temporary names; or, for a dry run, finds out whether it
    /// could. `own`: the sources as this rank sees them itself, if it does. `mapped`: a plain file
    /// is memory as well. Local.
    Result<void> create(const CopyOptions& options, const SourceFacts& facts,
                        const std::vector<storage::FileIdentity>& own, bool mapped);

    /// An error on ranks that would write the same file as another one, on their node or in a
    /// folder that nodes share. Collective, when all targets are created.
    std::optional<Error> check_conflicts(Team::Impl& team) const;

    /// Removes whatever was made: what this rank can do alone.
    void abandon();
    /// The same, with folders that were made by one rank for several. Collective.
    static void abandon(std::optional<Target>& target, Team::Impl& team);

    /// The digest of what the disk has, once all is written.
    Result<storage::Digest> read_back();

    /// Gives everything its final name.
    Result<void> publish();

    /// After publish: it stays.
    void settle();

    /// What was written is wrong: it goes, even if the copy is one that may be resumed.
    void discard();

    [[nodiscard]] bool has_copy() const { return !path_.empty(); }
    [[nodiscard]] bool already_there() const { return already_there_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& host() const { return host_; }
    /// Something is to be written, or would be.
    [[nodiscard]] bool writes() const { return writes_; }
    /// Null where no plain file is written.
    [[nodiscard]] storage::FileSink* sink() const { return sink_.get(); }
    /// Bytes from the front of a plain file, or of the stream, that an earlier copy has left.
    [[nodiscard]] std::int64_t held() const { return tree_ ? tree_->held() : held_; }
    /// Null where nothing packed is written.
    [[nodiscard]] storage::StagedTree* tree() const { return tree_.get(); }

private:
    struct Entry;
    [[nodiscard]] Entry entry() const;
    Result<void> create_file(const CopyOptions& options, const SourceFacts& facts, bool mapped);
    Result<void> create_tree(const CopyOptions& options, const SourceFacts& facts,
                             const std::vector<storage::FileIdentity>& own);
    [[nodiscard]] std::vector<bool> items_already_there(
        const SourceFacts& facts, const std::vector<storage::FileIdentity>& own) const;

    NodePosition position_;
    std::string host_;
    std::string path_;                ///< of the copy, or of the folder for several
    std::string folder_;              ///< that the copies are in
    std::vector<std::string> names_;  ///< in that folder
    bool in_folder_ = false;
    bool already_there_ = false;
    bool writes_ = false;
    storage::MadeFolders folders_;
    std::unique_ptr<storage::FileSink> sink_;
    std::int64_t held_ = 0;
    std::unique_ptr<storage::StagedTree> tree_;
};

}  // namespace splitcast::api
