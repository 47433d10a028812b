#include "topology/hwloc_inventory.hpp"

#include <hwloc.h>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace splitcast::topology {

Inventory local_inventory() {
    Inventory inventory;
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return inventory;
    using Topology =
        std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, decltype(&hwloc_topology_destroy)>;
    const Topology topology(raw, &hwloc_topology_destroy);
    hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(raw) != 0) return inventory;
    const auto count = [raw](hwloc_obj_type_t type) {
        return std::max(hwloc_get_nbobjs_by_type(raw, type), 0);
    };
    const hwloc_obj_t machine = hwloc_get_root_obj(raw);
    inventory.memory = static_cast<std::int64_t>(machine->total_memory);
    inventory.packages = count(HWLOC_OBJ_PACKAGE);
    inventory.numa_nodes = count(HWLOC_OBJ_NUMANODE);
    inventory.cores = count(HWLOC_OBJ_CORE);
    inventory.processing_units = count(HWLOC_OBJ_PU);
    const hwloc_obj_t package = hwloc_get_obj_by_type(raw, HWLOC_OBJ_PACKAGE, 0);
    const char* model =
        package == nullptr ? nullptr : hwloc_obj_get_info_by_name(package, "CPUModel");
    if (model != nullptr) inventory.processor = model;
    return inventory;
}

}  // namespace splitcast::topology
