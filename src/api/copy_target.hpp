#pragma once

#include "splitcast/copy.hpp"
#include "splitcast/error.hpp"
#include "storage/file_sink.hpp"
#include "storage/folders.hpp"
#include "storage/posix.hpp"

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace splitcast::api {

/// What is known of the source; all ranks know it.
struct SourceFacts {
    std::int64_t length = 0;
    std::uint32_t mode = 0;
    storage::FileIdentity identity;  ///< as the reader sees it: means something on its node only
};

/// Where a rank is, among those of its node.
struct NodePosition {
    int first = 0;             ///< lowest rank on the node
    int rank = 0;              ///< in the communicator of those who are here
    int name = 0;              ///< what it is called: its rank in the caller's communicator
    bool with_reader = false;  ///< the reader is on the same node
};
Result<NodePosition> node_position(MPI_Comm comm, int name, int reader);

/// The file that one rank is to write, if it is to write one.
class Target {
public:
    explicit Target(NodePosition position);

    /// Finds out whether this rank has a copy, and its path. Local.
    Result<void> locate(const std::string& source, const std::string& destination);

    /// An error where the destination is no folder, if it is one on other ranks: copies would have
    /// different names. Collective, also for ranks that failed before.
    Result<void> check_same_kind(MPI_Comm comm, const std::string& destination) const;

    /// Makes folders and file. `own`: the source as this rank has opened it itself, if it has.
    /// `mapped`: the file is memory as well. Local.
    Result<void> create(const CopyOptions& options, const SourceFacts& facts,
                        const std::optional<storage::FileIdentity>& own, bool mapped);

    /// An error on ranks that would write the same file as another one, on their node or in a
    /// folder that nodes share. `names`: what the ranks are called. Collective, when all targets
    /// are created.
    Result<void> check_conflicts(MPI_Comm comm, std::span<const int> names) const;

    /// Removes whatever was made. `any` tells whether any rank says yes: collective, so that
    /// folders made by one rank for several go too. Without it: what this rank can do alone.
    using Any = std::function<Result<bool>(bool)>;
    void abandon(const Any& any = {});

    /// After publish: it stays.
    void settle();

    [[nodiscard]] bool has_copy() const { return !path_.empty(); }
    [[nodiscard]] bool already_there() const { return already_there_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& host() const { return host_; }
    [[nodiscard]] storage::FileSink* sink() const {
        return sink_.get();
    }  ///< null where nothing is written

private:
    NodePosition position_;
    std::string host_;
    std::string path_;
    bool in_folder_ = false;
    bool already_there_ = false;
    storage::MadeFolders folders_;
    std::unique_ptr<storage::FileSink> sink_;
};

}  // namespace splitcast::api
