#pragma once

#include <cstdint>
#include <string>

namespace splitcast::topology {

/// What a node is made of, as far as hwloc finds out. Numbers that are not known are 0.
struct Inventory {
    std::int64_t memory = 0;  ///< bytes
    int packages = 0;
    int numa_nodes = 0;
    int cores = 0;
    int processing_units = 0;  ///< hardware threads
    std::string processor;     ///< the model, in its maker's words
};

/// Of this node, whole, whatever part of it the process may use. Loads the machine's topology (some
/// milliseconds).
[[nodiscard]] Inventory local_inventory();

}  // namespace splitcast::topology
