#pragma once

#include <string>
#include <string_view>

namespace splitcast::topology {

/// The switches above this node as Slurm tells them to a process that srun started, in one word:
/// "top.s2", from the outermost to the one that the node hangs on. Under an mpirun inside of a job,
/// which hands the batch script's variables on to all nodes, its daemon on this node is asked
/// instead, the process's parent. Empty if neither knows, or the cluster's topology is flat; and if
/// the node's name in Slurm is not its host name.
[[nodiscard]] std::string slurm_switches();

/// The same from variables as they are in /proc/PID/environ (NAME=VALUE, each ended by a zero).
[[nodiscard]] std::string slurm_switches_in(std::string_view environment, std::string_view node);

}  // namespace splitcast::topology
