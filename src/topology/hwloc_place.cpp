#include "topology/hwloc_place.hpp"

#include <hwloc.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <type_traits>

namespace splitcast::topology {

namespace {

using Topology =
    std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, decltype(&hwloc_topology_destroy)>;
using Cpuset = std::unique_ptr<std::remove_pointer_t<hwloc_bitmap_t>, decltype(&hwloc_bitmap_free)>;

Topology new_topology() {
    hwloc_topology_t raw = nullptr;
    return {hwloc_topology_init(&raw) == 0 ? raw : nullptr, &hwloc_topology_destroy};
}

Cpuset new_cpuset() { return {hwloc_bitmap_alloc(), &hwloc_bitmap_free}; }

// The only object of a type that covers the whole set; -1 if the set spans several or the machine
// has none.
std::int32_t covering(hwloc_topology_t topology, hwloc_const_cpuset_t cpus, hwloc_obj_type_t type) {
    const int depth = hwloc_get_type_depth(topology, type);
    if (depth == HWLOC_TYPE_DEPTH_UNKNOWN || depth == HWLOC_TYPE_DEPTH_MULTIPLE) return -1;
    for (hwloc_obj_t object = hwloc_get_obj_by_depth(topology, depth, 0); object != nullptr;
         object = object->next_cousin) {
        if (object->cpuset != nullptr && hwloc_bitmap_isincluded(cpus, object->cpuset) != 0) {
            return static_cast<std::int32_t>(object->logical_index);
        }
    }
    return -1;
}

collectives::Place place_of(hwloc_topology_t topology, hwloc_const_cpuset_t cpus) {
    return {.numa = covering(topology, cpus, HWLOC_OBJ_NUMANODE),
            .cache = covering(topology, cpus, HWLOC_OBJ_L3CACHE),
            .core = covering(topology, cpus, HWLOC_OBJ_CORE)};
}

collectives::Place find_local_place() {
    const Topology topology = new_topology();
    const Cpuset cpus = new_cpuset();
    if (!topology || !cpus || hwloc_topology_load(topology.get()) != 0) return {};
    if (hwloc_get_cpubind(topology.get(), cpus.get(), HWLOC_CPUBIND_PROCESS) != 0) return {};
    return place_of(topology.get(), cpus.get());
}

}  // namespace

collectives::Place local_place() {
    static const collectives::Place place = find_local_place();
    return place;
}

Result<collectives::Place> place_on(const std::string& xml_or_synthetic, const std::string& cpus) {
    const Topology topology = new_topology();
    const Cpuset set = new_cpuset();
    if (!topology || !set) return Error{Status::memory, "hwloc could not be set up"};
    const bool is_file = std::ifstream(xml_or_synthetic).good();
    const int described =
        is_file ? hwloc_topology_set_xml(topology.get(), xml_or_synthetic.c_str())
                : hwloc_topology_set_synthetic(topology.get(), xml_or_synthetic.c_str());
    if (described != 0 || hwloc_topology_load(topology.get()) != 0) {
        return Error{Status::argument,
                     "'" + xml_or_synthetic +
                         "' is neither an hwloc XML file nor a synthetic description: " +
                         std::strerror(errno)};
    }
    if (hwloc_bitmap_list_sscanf(set.get(), cpus.c_str()) != 0 ||
        hwloc_bitmap_iszero(set.get()) != 0) {
        return Error{Status::argument, "'" + cpus + "' is not a list of processors such as 0-3,8"};
    }
    return place_of(topology.get(), set.get());
}

std::string hwloc_version() {
    const unsigned version = hwloc_get_api_version();
    return std::to_string(version >> 16U) + "." + std::to_string(version >> 8U & 0xFFU) + "." +
           std::to_string(version & 0xFFU);
}

}  // namespace splitcast::topology
