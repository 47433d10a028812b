#pragma once

#include "splitcast/error.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Copying files and folders to the nodes, or ranks, of a communicator.
namespace splitcast {

/// How the bytes are packed on their way.
enum class Compression : std::uint8_t {
    none,
    lz4,
    zstd,
    /// One of the others, chosen once: what a sample of the source says of ratio and speed, against
    /// the measured bandwidth of the links.
    automatic,
};

/// How far a copy is.
struct CopyProgress {
    std::int64_t bytes = 0;  ///< that this rank has read or received so far
    std::int64_t total = 0;
    int ranks = 0;       ///< that are left
    double seconds = 0;  ///< since the call
};

struct CopyOptions {
    bool force = false;    ///< replace a destination that exists; else it is an error
    bool parents = false;  ///< make the folders that the destination lies in
    bool sync = false;     ///< wait until the disks have it
    bool mirror = false;   ///< every rank that can read the same source stands in for the reader
    /// Copies get the times, the owner, all permissions and the extended attributes of the source,
    /// as far as this process may set them; what it may not is a warning in the report.
    bool preserve = false;
    bool dry_run = false;  ///< check everything that can be checked without writing, and report it
    bool verify = false;   ///< in the end read every copy back from the disk
    Compression compression = Compression::none;
    /// Called from within the copy, on the thread that called it, a few times a second at most, on
    /// ranks that read or write. Must not call splitcast or MPI. Ranks need not have the same one.
    std::function<void(const CopyProgress&)> progress;
    /// What is there of a copy when it is interrupted, however that happens, stays in the
    /// destination's folder (".NAME.splitcast-partial", and a journal of digests), and the next
    /// copy with this option from the same sources, unchanged, and with the same `preserve`,
    /// fetches only what is missing.
    bool resume = false;
    std::string settings;  ///< of the broadcast, "name=value,name=value"
};

/// What one copy came to. Of several sources all copies of one rank are one record.
struct CopyRecord {
    int rank = 0;
    std::string host;
    std::string path;    ///< of the copy; of several sources, of the folder that they are in
    double seconds = 0;  ///< from the call until this copy was complete, under its temporary name
    bool already_there = false;   ///< the destination is the source itself: nothing was written
    std::int64_t bytes_held = 0;  ///< an earlier copy had left them (`resume`); without holes
};

/// A rank that did not survive the copy.
struct LostRank {
    int rank = 0;
    std::string host = {};  ///< empty if it was lost before that was known
    bool evicted = false;   ///< it is not known to be dead, but did not answer
};

struct CopyReport {
    std::int64_t bytes = 0;  ///< of all files together, holes and all; hard links count once
    std::int64_t files =
        0;  ///< of one copy: regular files, with a file's further names not counted
    std::int64_t folders = 0;  ///< of one copy
    int copies = 0;            ///< of everything, by ranks that are left
    double seconds = 0;        ///< from the call until all copies had their names, on this rank
    /// XXH3-128 of the data that were read: of one file its digest, as `xxhsum -H2` prints it,
    /// unless it has holes.
    std::string digest;
    std::int64_t wire_bytes = 0;  ///< that were broadcast: holes left out, compressed
    std::string codec = "none";   ///< "none", "lz4" or "zstd"
    /// What copies lack that was asked for, with host and path; on the rank with the records only.
    std::vector<std::string> warnings;
    Report broadcast;  ///< on this rank; empty on a rank that did not take part
    /// Of all copies of ranks that are left, in order of ranks; on the lowest of them only.
    std::vector<CopyRecord> records;
    std::vector<LostRank> lost;  ///< ascending, the same on every rank that is left
    /// Of the broadcast that noticed the loss: how long the first lost rank had been silent, how
    /// long it took to have a new plan, and from then until this rank had everything.
    double silence_seconds = 0;
    double regroup_seconds = 0;
    double repair_seconds = 0;
    std::int64_t bytes_repaired = 0;  ///< received after the loss, by all; where the records are
};

/// Copies `source`, a regular file or a folder, which rank 0 reads, to `destination` on every node,
/// or for every rank. docs/copying.md says what is kept of folders, links, holes and attributes.
///
/// Collective over `comm`, with the same arguments on all ranks; the outcome is the same on all
/// ranks that are left, and names rank and host of a failure. Ranks that neither read nor write
/// only wait.
///
/// `destination` may contain %h (the host's name up to the first dot), %r (the rank in `comm`), %j
/// (the job's id) and
/// %% (a percent sign). With %r every rank gets a copy, else every node gets one, which its first
/// rank writes. If it names a folder, by a '/' at its end or because there is such a folder, the
/// copy gets the source's name in it.
///
/// A copy is written under a temporary name, or under none where the file system can, with room
/// reserved before any data moves. Only when every copy is complete, and its digest is that of the
/// source, all get their final names; otherwise none does, and everything that was made, folders
/// included, is removed again. What a copy replaces is lost only after that.
///
/// Unless `preserve` is set a copy has the source's permissions, less what the umask takes away,
/// and no set-user-id, set-group-id or sticky bit. A destination that is the source itself, on the
/// host of rank 0, is left as it is. Two ranks that would write the same file, be it in a folder
/// that several nodes share, are an error.
///
/// Ranks may die, or stop answering, at any moment (setting "survive"; the MPI library must have
/// ULFM, switched on): the others finish, and the report names the lost. If the reader is lost
/// before all bytes have left it, that is Status::lost, unless another rank can read the same
/// source (`mirror`: same length, time of change, and beginning and end; it is also compared as a
/// whole). Error::failed names the lost. A rank that was given up and is alive gets
/// Status::evicted, and removes its copy.
Result<CopyReport> copy_file(MPI_Comm comm, const std::string& source,
                             const std::string& destination, const CopyOptions& options = {});

/// Copies files and folders. With more than one source `destination` is a folder; with `parents` it
/// is made. Otherwise as copy_file.
Result<CopyReport> copy_files(MPI_Comm comm, const std::vector<std::string>& sources,
                              const std::string& destination, const CopyOptions& options = {});

/// Removes what copies under way in this process have put on disk so far, and puts back what they
/// have replaced. For signal handlers of programs that end afterwards: it may be called there, and
/// nothing else of splitcast may be called after it.
void remove_unfinished_files() noexcept;

}  // namespace splitcast
