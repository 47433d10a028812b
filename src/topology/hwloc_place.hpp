#pragma once

#include "collectives/placement.hpp"
#include "splitcast/error.hpp"

#include <string>

namespace splitcast::topology {

/// Where the calling process runs within its node: NUMA node, shared cache and core that its
/// binding (or, where it is not bound, nothing) tells; what is not known is -1. `node` and
/// `switch_id` are left to the caller. Loads the machine's topology once per process (some
/// milliseconds); if hwloc cannot, nothing is known, and that is fine.
[[nodiscard]] collectives::Place local_place();

/// The same for a process bound to `cpus` (a list such as "0-3,8") on another machine, described by
/// hwloc's XML
/// (`lstopo machine.xml`) or a synthetic description ("numa:2 l3:2 core:4 pu:2"): for tests and for
/// understanding a machine one is not on.
[[nodiscard]] Result<collectives::Place> place_on(const std::string& xml_or_synthetic,
                                                  const std::string& cpus);

/// "2.12.0", of the library in use.
[[nodiscard]] std::string hwloc_version();

}  // namespace splitcast::topology
