#include "bench/rivals.hpp"

#include "bench/control_variables.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace splitcast::bench {

namespace {

constexpr std::string_view shipped = "shipped";

/// What it takes to make a rival; or, in error, why it cannot be.
struct Recipe {
    std::string component;  // the collective component to prefer; none for the library's own choice
    std::vector<Setting> at_creation;
    std::vector<Setting> while_running;
    std::string error;
};

Recipe preferring(std::string component) {
    Recipe recipe;
    recipe.component = std::move(component);
    return recipe;
}

Recipe refusal(std::string why) {
    Recipe recipe;
    recipe.error = std::move(why);
    return recipe;
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    for (;;) {
        const auto colon = text.find(':');
        words.emplace_back(text.substr(0, colon));
        if (colon == std::string_view::npos) return words;
        text.remove_prefix(colon + 1);
    }
}

std::optional<long long> number_in(const std::string& text) {
    long long value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, value);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    if (failure != std::errc{} || value < 0 || value > (1 << 20)) return std::nullopt;
    if (unit.empty()) return value;
    if (unit == "k" || unit == "K") return value << 10;
    if ((unit == "m" || unit == "M") && value < 2048) return value << 20;
    return std::nullopt;
}

Recipe tuned(const std::vector<std::string>& words, ControlVariables& variables) {
    const std::string prefix = "coll_tuned_bcast_algorithm";
    if (words.size() < 2 || words.size() > 4) return refusal("wants tuned:ALGORITHM[:SEGMENT[:N]]");
    const auto algorithm = variables.value_of(prefix, words[1]);
    if (!algorithm || *algorithm == 0)
        return refusal("Open MPI's coll/tuned has no algorithm '" + words[1] + "' here");
    const auto segment = words.size() > 2 ? number_in(words[2]) : 0;
    if (!segment) return refusal("'" + words[2] + "' is no segment size");

    Recipe recipe = preferring("tuned");
    recipe.at_creation = {{"coll_tuned_use_dynamic_rules", 1},
                          {prefix, *algorithm},
                          {prefix + "_segmentsize", *segment}};
    if (words.size() > 3) {
        const auto fan = number_in(words[3]);
        if (!fan || *fan < 1)
            return refusal("'" + words[3] + "' is no number of chains and no radix");
        if (words[1] == "chain") {
            recipe.at_creation.push_back({prefix + "_chain_fanout", *fan});
        } else if (words[1] == "knomial" && *fan > 1) {
            recipe.while_running.push_back({prefix + "_knomial_radix", *fan});
        } else {
            return refusal("only chain has a number of chains, and only knomial a radix above 1");
        }
    }
    return recipe;
}

/// adapt knows its algorithms by number only.
std::optional<long long> adapt_algorithm(std::string_view word) {
    constexpr std::string_view words[] = {
        "binomial", "in_order_binomial", "binary", "pipeline", "chain", "linear"};
    const auto found = std::find(std::begin(words), std::end(words), word);
    if (found == std::end(words)) return std::nullopt;
    return found - std::begin(words) + 1;
}

Recipe adapt(const std::vector<std::string>& words) {
    if (words.size() > 3) return refusal("wants adapt[:ALGORITHM[:SEGMENT]]");
    Recipe recipe = preferring("adapt");
    if (words.size() > 1) {
        const auto algorithm = adapt_algorithm(words[1]);
        if (!algorithm) return refusal("Open MPI's coll/adapt has no algorithm '" + words[1] + "'");
        recipe.while_running.push_back({"coll_adapt_bcast_algorithm", *algorithm});
    }
    if (words.size() > 2) {
        const auto segment = number_in(words[2]);
        if (!segment) return refusal("'" + words[2] + "' is no segment size");
        recipe.while_running.push_back({"coll_adapt_bcast_segment_size", *segment});
    }
    return recipe;
}

Recipe han(const std::vector<std::string>& words, const Spread& spread,
           ControlVariables& variables) {
    // Which component works between the nodes is fixed by MPI_Init, and libnbc unless a user said
    // otherwise; how libnbc goes about it is not.
    const std::string between_nodes = "coll_libnbc_ibcast_algorithm";
    // han finds out at its first call and then hands everything on to what lies below it.
    if (spread.nodes == 1) return refusal("han needs several nodes");
    if (spread.most_ranks_on_a_node == 1)
        return refusal("han stands back where every node has one rank only");
    if (words.size() > 3) return refusal("wants han[:SEGMENT[:ALGORITHM]]");
    Recipe recipe = preferring("han");
    if (words.size() > 1) {
        const auto segment = number_in(words[1]);
        if (!segment || *segment == 0) return refusal("'" + words[1] + "' is no segment size");
        recipe.while_running.push_back({"coll_han_bcast_segsize", *segment});
    }
    if (words.size() > 2) {
        const auto algorithm = variables.value_of(between_nodes, words[2]);
        if (!algorithm || *algorithm == 0)
            return refusal("Open MPI's coll/libnbc has no algorithm '" + words[2] + "' here");
        recipe.while_running.push_back({between_nodes, *algorithm});
    }
    return recipe;
}

Recipe component(const std::string& name, const Spread& spread, ControlVariables& variables) {
    // Those that would silently leave the field to somebody else.
    const bool one_node_only = name == "sm" || name == "xhc";
    if (one_node_only && spread.nodes > 1) return refusal(name + " works within one node only");
    const auto threshold = variables.get("coll_" + name + "_comm_size_thresh");
    if (threshold && spread.ranks < *threshold)
        return refusal(name + " stands back below " + std::to_string(*threshold) + " ranks");
    return preferring(name);
}

Recipe recipe_for(const std::string& name, const Spread& spread, ControlVariables& variables) {
    const auto words = split(name);
    if (name == shipped) return {};
    if (!variables.has("coll_" + words[0] + "_priority"))
        return refusal("this MPI library has no collective component '" + words[0] + "'");
    if (spread.ranks == 1) return refusal("one rank alone has nobody to broadcast to");
    if (words[0] == "tuned") return tuned(words, variables);
    if (words[0] == "adapt") return adapt(words);
    if (words[0] == "han") return han(words, spread, variables);
    if (words.size() > 1) return refusal("'" + words[0] + "' takes no further words");
    return component(words[0], spread, variables);
}

/// Makes the communicator that runs the recipe. MPI_COMM_NULL on failure.
MPI_Comm communicator_for(MPI_Comm base, const Recipe& recipe) {
    MPI_Comm made = MPI_COMM_NULL;
    int status = MPI_SUCCESS;
    if (recipe.component.empty()) {
        status = MPI_Comm_dup(base, &made);
    } else {
        MPI_Info info = MPI_INFO_NULL;
        MPI_Info_create(&info);
        MPI_Info_set(info, "ompi_comm_coll_preference", recipe.component.c_str());
        status = MPI_Comm_dup_with_info(base, info, &made);
        MPI_Info_free(&info);
    }
    return status == MPI_SUCCESS ? made : MPI_COMM_NULL;
}

bool everywhere(MPI_Comm communicator, bool here) {
    int all = here ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, communicator);
    return all == 1;
}

}  // namespace

Rival::Rival(std::string name, MPI_Comm communicator, std::shared_ptr<ControlVariables> variables,
             std::vector<Setting> while_running)
    : name_(std::move(name)),
      communicator_(communicator),
      variables_(std::move(variables)),
      while_running_(std::move(while_running)),
      user_(variables_->new_user()) {}

Rival::Rival(Rival&& other) noexcept
    : name_(std::move(other.name_)),
      communicator_(std::exchange(other.communicator_, MPI_COMM_NULL)),
      variables_(std::move(other.variables_)),
      while_running_(std::move(other.while_running_)),
      user_(other.user_) {}

Rival& Rival::operator=(Rival&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(communicator_, other.communicator_);
    std::swap(variables_, other.variables_);
    std::swap(while_running_, other.while_running_);
    std::swap(user_, other.user_);
    return *this;
}

Rival::~Rival() {
    if (communicator_ != MPI_COMM_NULL) MPI_Comm_free(&communicator_);
}

void Rival::activate() { variables_->apply_for(user_, while_running_); }

int Rival::bcast(void* buffer, MPI_Count bytes, int root) {
    constexpr MPI_Count most = MPI_Count{1} << 30;
    activate();
    auto* place = static_cast<std::byte*>(buffer);
    do {
        const auto now = static_cast<int>(std::min(bytes, most));
        const int status = MPI_Bcast(place, now, MPI_BYTE, root, communicator_);
        if (status != MPI_SUCCESS) return status;
        place += now;
        bytes -= now;
    } while (bytes > 0);
    return MPI_SUCCESS;
}

Spread spread_of(MPI_Comm communicator) {
    Spread spread;
    MPI_Comm node = MPI_COMM_NULL;
    int place = 0;
    MPI_Comm_size(communicator, &spread.ranks);
    MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &place);
    MPI_Comm_size(node, &spread.most_ranks_on_a_node);
    MPI_Comm_free(&node);
    spread.nodes = place == 0 ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &spread.nodes, 1, MPI_INT, MPI_SUM, communicator);
    MPI_Allreduce(MPI_IN_PLACE, &spread.most_ranks_on_a_node, 1, MPI_INT, MPI_MAX, communicator);
    return spread;
}

std::vector<std::string> default_rivals(const Spread& spread) {
    std::vector<std::string> names{std::string(shipped)};
    if (spread.ranks == 1) return names;
    const auto add = [&](const std::string& stem, std::initializer_list<const char*> segments) {
        for (const char* segment : segments) names.push_back(stem + ":" + segment);
    };
    const bool one_node = spread.nodes == 1;
    add("tuned:pipeline", {"1k", "2k", "4k", "8k", "16k", "32k", "64k", "128k"});
    if (one_node) add("tuned:pipeline", {"256k", "512k", "1m"});
    for (const char* tree : {"chain", "split_binary_tree", "binary_tree"}) {
        const std::string stem = std::string("tuned:") + tree;
        if (one_node) {
            add(stem, {"64k", "512k"});
        } else {
            add(stem, {"8k", "32k"});
        }
    }
    for (const char* tree : {"tuned:binomial", "tuned:knomial"}) {
        names.emplace_back(tree);
        add(tree, {one_node ? "512k" : "32k"});
    }
    // These two are never cut into segments.
    names.insert(names.end(), {"tuned:scatter_allgather", "tuned:scatter_allgather_ring"});
    if (one_node) {
        names.insert(names.end(), {"sm", "xhc", "acoll", "adapt:pipeline:512k"});
    } else {
        add("adapt:pipeline", {"8k", "32k"});
        if (spread.most_ranks_on_a_node > 1)
            names.insert(names.end(), {"han:64k", "han:512k", "han:1m:chain", "han:4m:chain"});
    }
    return names;
}

std::vector<Rival> make_rivals(MPI_Comm base, std::span<const std::string> names) {
    int rank = 0;
    MPI_Comm_rank(base, &rank);
    const Spread spread = spread_of(base);
    const auto variables = ControlVariables::of_this_process();
    std::vector<Rival> rivals;
    std::map<std::string, std::string> left_out;  // by reason
    for (const std::string& name : names) {
        Recipe recipe = recipe_for(name, spread, *variables);
        // What is needed later is tried now; each apply() takes back the one before.
        if (recipe.error.empty() &&
            !(variables->apply(recipe.while_running) && variables->apply(recipe.at_creation)))
            recipe.error = "the MPI library does not let its control variables be changed";
        // Ranks that disagree must find out before some of them wait for others in a collective
        // call.
        const bool possible = recipe.error.empty();
        MPI_Comm communicator = MPI_COMM_NULL;
        if (everywhere(base, possible)) {
            communicator = communicator_for(base, recipe);
            if (communicator == MPI_COMM_NULL) recipe.error = "no communicator could be made";
        } else if (possible) {
            recipe.error = "another rank cannot have it";
        }
        variables->restore();
        if (communicator != MPI_COMM_NULL)
            rivals.emplace_back(name, communicator, variables, std::move(recipe.while_running));
        else
            left_out[recipe.error] += " " + name;
    }
    if (rank == 0) {
        for (const auto& [reason, which] : left_out)
            std::fprintf(stderr, "bench: left out:%s (%s)\n", which.c_str(), reason.c_str());
    }
    return rivals;
}

}  // namespace splitcast::bench
