#include "api/effective_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace splitcast::api {

using collectives::Assignments;
using collectives::Layer;
using collectives::Origin;
using collectives::Resolved;

namespace {

constexpr const char* usual_site_file = "/etc/splitcast.conf";

std::string upper(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return out;
}

Result<Assignments> from_site_file() {
    const char* named = std::getenv("SPLITCAST_SITE_FILE");
    const std::string path = named != nullptr ? named : usual_site_file;
    std::ifstream file(path);
    if (!file) {
        if (named == nullptr) return Assignments{};
        return Error{Status::setting,
                     "the site file " + path + " (SPLITCAST_SITE_FILE) cannot be read"};
    }
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = collectives::parse_site_file(text.str());
    if (auto* wrong = std::get_if<std::string>(&parsed)) {
        return Error{Status::setting, "site file " + path + ": " + *wrong};
    }
    return std::get<Assignments>(std::move(parsed));
}

Assignments from_environment() {
    Assignments found;
    for (const auto& parameter : collectives::parameters()) {
        const char* value = std::getenv(("SPLITCAST_" + upper(parameter.name)).c_str());
        if (value != nullptr) found.emplace_back(parameter.name, value);
    }
    return found;
}

Assignments from_info(MPI_Info info) {
    Assignments found;
    if (info == MPI_INFO_NULL) return found;
    for (const auto& parameter : collectives::parameters()) {
        const std::string key = "splitcast_" + std::string(parameter.name);
        std::array<char, MPI_MAX_INFO_VAL + 1> value{};
        int present = 0;
        MPI_Info_get(info, key.c_str(), MPI_MAX_INFO_VAL, value.data(), &present);
        if (present != 0) found.emplace_back(parameter.name, value.data());
    }
    return found;
}

Result<Resolved> resolve_layers(const std::vector<Layer>& layers) {
    auto resolved = collectives::resolve(layers);
    if (auto* wrong = std::get_if<std::string>(&resolved)) return Error{Status::setting, *wrong};
    return std::get<Resolved>(std::move(resolved));
}

}  // namespace

Result<Resolved> effective_settings(std::string_view call, MPI_Info info) {
    auto site = from_site_file();
    if (!site) return site.error();
    auto called = collectives::parse_assignments(call);
    if (auto* wrong = std::get_if<std::string>(&called)) return Error{Status::setting, *wrong};
    return resolve_layers({{Origin::site_file, *site},
                           {Origin::environment, from_environment()},
                           {Origin::info, from_info(info)},
                           {Origin::call, std::get<Assignments>(std::move(called))}});
}

Result<collectives::Settings> settings_for_call(const Resolved& base, std::string_view call) {
    if (call.empty()) return base.settings;
    auto called = collectives::parse_assignments(call);
    if (auto* wrong = std::get_if<std::string>(&called)) return Error{Status::setting, *wrong};
    Layer before{.origin = Origin::standard, .values = {}};
    const auto parameters = collectives::parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        before.values.emplace_back(parameters[i].name, base.entries[i].value);
    }
    auto resolved =
        resolve_layers({before, {Origin::call, std::get<Assignments>(std::move(called))}});
    if (!resolved) return resolved.error();
    return resolved->settings;
}

}  // namespace splitcast::api
