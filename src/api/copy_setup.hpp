#pragma once

#include "api/copy_target.hpp"
#include "api/team_impl.hpp"
#include "splitcast/copy.hpp"
#include "storage/file_source.hpp"
#include "storage/sources.hpp"

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::api {

/// Everything that a copy needs before its first byte moves: what sources, which files, who reads
/// and who writes, and the teams that survive what may happen from then on.
struct CopySetup {
    enum class Part : std::uint8_t { waits = 0, writes = 1, reads = 2, both = 3 };

    /// Ranks of the caller's communicator that are here, ascending; a rank of the team of all is a
    /// place in it.
    std::vector<int> names;
    std::vector<Part> parts;  ///< by rank of the team of all
    SourceFacts facts;
    int reader = 0;  ///< rank of the team of all; the lowest that reads
    /// One of them where this rank reads: a plain file, or what goes packed.
    std::unique_ptr<storage::FileSource> source;
    std::optional<storage::Sources> sources;
    std::optional<Target> target;
    std::unique_ptr<Team::Impl> all;
    std::unique_ptr<Team::Impl> some;  ///< of those who read or write, where others merely wait
    /// Who moves the bytes: the team of all, or of some; null on ranks that wait.
    Team::Impl* movers = nullptr;

    [[nodiscard]] bool reads(int rank) const;
    [[nodiscard]] bool writes(int rank) const;
    /// Ranks of the team of all that are in the team of movers; a rank of that is a place in it.
    [[nodiscard]] std::vector<int> mover_ranks() const;
};

/// Collective over `caller`. Ranks that die on the way, or fall silent once there is a team of all,
/// are left out; the same outcome on all others.
Result<CopySetup> set_up_copy(MPI_Comm caller, const std::vector<std::string>& from,
                              const std::string& to, const CopyOptions& options);

}  // namespace splitcast::api
