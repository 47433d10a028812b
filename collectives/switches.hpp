#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace splitcast::collectives {

/// The names that a list in Slurm's short form stands for, in its order: "c[01-03,07],login" is
/// c01, c02, c03, c07 and login; brackets may come more than once in a name ("r[1-2]n[0-3]"), and
/// the last one runs fastest. Otherwise a sentence that says what is wrong with it.
[[nodiscard]] std::variant<std::vector<std::string>, std::string> expand_node_list(
    std::string_view list);

/// The switches above a node, from the outermost to the one that it hangs on.
using SwitchPath = std::vector<std::string>;

/// Where a node is in the network, as Slurm tells it: SLURM_TOPOLOGY_ADDR ("top.s2.c07") and
/// SLURM_TOPOLOGY_ADDR_PATTERN, which says what the parts are ("switch.switch.node"; blocks and
/// whatever else stands above the node are taken for switches). Nothing is known of what does not
/// fit together, and of the address of another node than `node`: a launcher may have handed the
/// variables of its own node on to all others.
[[nodiscard]] SwitchPath switch_path(std::string_view address, std::string_view pattern,
                                     std::string_view node);

/// "top.s2" as a path; the other way round it is the parts with dots between.
[[nodiscard]] SwitchPath path_of(std::string_view word);

/// A number for the innermost switch of each path, for Place::switch_id: the same for the same
/// switch, and such that switches below the same outer switch have neighbouring numbers. Groups,
/// which are cut from ranks in this order, then follow all levels of the network. The numbers
/// follow the order in which switches first occur. -1 for all if one path is empty: half a map
/// would tear neighbours apart.
[[nodiscard]] std::vector<std::int32_t> number_switches(std::span<const SwitchPath> paths);

}  // namespace splitcast::collectives
