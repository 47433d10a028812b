#include "topology/slurm_place.hpp"

#include "collectives/switches.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string>

namespace splitcast::topology {

namespace {

std::string_view variable(std::string_view environment, std::string_view name) {
    while (!environment.empty()) {
        const std::string_view entry = environment.substr(0, environment.find('\0'));
        if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
            return entry.substr(name.size() + 1);
        environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
    }
    return {};
}

/// Of a process of ours; empty if it cannot be read.
std::string environment_of(const std::string& process) {
    std::ifstream file("/proc/" + process + "/environ", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string short_host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    const std::string host = name.data();
    return host.substr(0, host.find('.'));
}

}  // namespace

std::string slurm_switches_in(std::string_view environment, std::string_view node) {
    std::string out;
    for (const std::string& name :
         collectives::switch_path(variable(environment, "SLURM_TOPOLOGY_ADDR"),
                                  variable(environment, "SLURM_TOPOLOGY_ADDR_PATTERN"), node)) {
        out += (out.empty() ? "" : ".") + name;
    }
    return out;
}

std::string slurm_switches() {
    const std::string node = short_host_name();
    for (const std::string& process : {std::string("self"), std::to_string(getppid())}) {
        std::string found = slurm_switches_in(environment_of(process), node);
        if (!found.empty()) return found;
    }
    return {};
}

}  // namespace splitcast::topology
