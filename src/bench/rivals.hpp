#pragma once

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// The broadcasts that splitcast is measured against, all of them inside one process, so that a
/// benchmark can call them in turn and every contender meets the same noise.
///
/// A rival is asked for by a name:
///
///     shipped                     MPI_Bcast as the library chooses to do it
///     tuned:ALGORITHM[:SIZE[:N]]  Open MPI's coll/tuned, held to one algorithm
///     adapt[:ALGORITHM[:SIZE]]    Open MPI's coll/adapt
///     han[:SIZE[:ALGORITHM]]      Open MPI's coll/han; ALGORITHM is libnbc's, between nodes
///     sm, xhc, acoll, ...         any other collective component of Open MPI, as it comes
///
/// ALGORITHM is the library's own word for it: pipeline, chain, binary_tree, knomial and so on.
/// SIZE is that of a segment, in bytes, or with k or m behind it; 0 is none. N is the number of
/// chains of `chain` or the radix of `knomial`.
///
/// Open MPI picks a component for a communicator when that is made, and what coll/tuned was told
/// then stays with it; but adapt, han and the radix of knomial look at process-wide variables in
/// every call. Hence activate().
namespace splitcast::bench {

class ControlVariables;
struct Setting;

/// One rival with a communicator of its own. Everything here is collective over that communicator,
/// and all ranks go through the rivals in the same order. Destroy it before MPI_Finalize.
class Rival {
public:
    Rival(std::string name, MPI_Comm communicator, std::shared_ptr<ControlVariables> variables,
          std::vector<Setting> while_running);
    Rival(Rival&& other) noexcept;
    Rival& operator=(Rival&& other) noexcept;
    Rival(const Rival&) = delete;
    Rival& operator=(const Rival&) = delete;
    ~Rival();

    const std::string& name() const { return name_; }

    /// Makes the process-wide variables what this rival needs. bcast() does it too, but a benchmark
    /// does it before the clock starts.
    void activate();

    /// Broadcasts bytes from root, in several calls when they are more than one MPI_Bcast takes.
    /// Returns MPI's error code.
    int bcast(void* buffer, MPI_Count bytes, int root);

private:
    std::string name_;
    MPI_Comm communicator_ = MPI_COMM_NULL;
    std::shared_ptr<ControlVariables> variables_;
    std::vector<Setting> while_running_;
    int user_ = 0;  // who this is to variables_
};

/// How the ranks of a communicator lie on nodes, as far as rivals care.
struct Spread {
    int ranks = 1;
    int nodes = 1;
    int most_ranks_on_a_node = 1;
};

/// Collective.
Spread spread_of(MPI_Comm communicator);

/// The rivals worth trying where ranks are spread like this: each algorithm with the segment sizes
/// among which its best lies. That is many; screen() finds those that come into question.
std::vector<std::string> default_rivals(const Spread& spread);

/// Makes the rivals named. Collective over base. One that is unknown or not to be had here is left
/// out, and rank 0 says so on stderr with the reason: a rival that would run something else than
/// its name says is not to be had.
std::vector<Rival> make_rivals(MPI_Comm base, std::span<const std::string> names);

}  // namespace splitcast::bench
