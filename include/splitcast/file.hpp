#pragma once

#include "splitcast/error.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

/// A file, or a part of one, into memory: of every rank, or once on every node.
///
/// One rank, the reader, opens the file; nobody else touches it. It reads while the network carries
/// what it has read. Everything here is collective over the team with the same outcome on every
/// rank that is left: a file that is not there, or becomes shorter while it is read, or a node that
/// is out of memory, is the same error everywhere, and names rank and host.
///
/// Ranks may die, or stop answering, while data moves (docs/fault-tolerance.md): the others get all
/// of it, and Team::failed names the lost. If the reader is lost before all bytes have left it,
/// that is Status::lost, unless `mirror` lets another rank read in its place.
namespace splitcast {

struct ReadOptions {
    int root = 0;             ///< the reader's rank in the team
    std::int64_t offset = 0;  ///< of the first byte
    std::int64_t length =
        -1;  ///< bytes; -1: to the end of the file. A file without them is an error
    /// If the reader is lost, the lowest rank that can open `path` and finds the same length and
    /// time of change reads it again.
    bool mirror = false;
};

/// Bytes of a file. May outlive its team, and MPI.
class FileContents {
public:
    FileContents(FileContents&&) noexcept;
    FileContents& operator=(FileContents&&) noexcept;
    /// Local. Memory that is shared goes when all ranks of the node have freed theirs.
    ~FileContents();

    /// From the first to the last that was asked for; begins at the start of a page of memory.
    /// Nobody can write to it if it is shared.
    [[nodiscard]] std::span<const std::byte> bytes() const;
    [[nodiscard]] std::int64_t offset() const;  ///< in the file, of the first byte
    [[nodiscard]] bool shared() const;          ///< one copy for all ranks of this node
    [[nodiscard]] int reader() const;           ///< who has read it
    [[nodiscard]] double seconds() const;       ///< from the call to its end, on this rank

    class Impl;
    explicit FileContents(std::unique_ptr<Impl> impl);

private:
    std::unique_ptr<Impl> impl_;
};

/// Into memory of every rank. `path` matters on the reader only, or with `mirror` on those that may
/// stand in for it; `options` must be the same on all ranks. The team's settings are used.
Result<FileContents> read_file(Team& team, const std::string& path,
                               const ReadOptions& options = {});

/// The same once on every node, into memory that its ranks share (POSIX shared memory, which has to
/// have room: `df /dev/shm`). Only one rank of each node takes part in the broadcast; when it is
/// lost, another one of that node takes its place, and everything is sent again.
Result<FileContents> read_file_shared(Team& team, const std::string& path,
                                      const ReadOptions& options = {});

/// With a team of their own, for those who read a single file. Ranks must not die while it is made.
Result<FileContents> read_file(MPI_Comm comm, const std::string& path,
                               const ReadOptions& options = {}, Settings settings = {});
Result<FileContents> read_file_shared(MPI_Comm comm, const std::string& path,
                                      const ReadOptions& options = {}, Settings settings = {});

}  // namespace splitcast
