#include "cli/output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>

namespace splitcast::cli {

void Voice::say(std::string_view text) const {
    if (speaks && !quiet) fmt::print(stderr, "splitcast: {}\n", text);
}

void Voice::detail(std::string_view text) const {
    if (verbose > 0) say(text);
}

void Voice::print(const nlohmann::json& object) const {
    if (!speaks) return;
    // Names of files are bytes; what is no UTF-8 cannot be written as JSON, and is replaced rather
    // than refused.
    const std::string text = object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    fmt::print(stdout, "{}\n", text);
    std::fflush(stdout);
}

ExitCode Voice::fail(std::string_view command, const Error& error) const {
    const ExitCode code = exit_code(error.status);
    if (!speaks) return code;
    fmt::print(stderr, "splitcast {}: error: {}\n", command, error.text);
    if (json) {
        print({{"command", command},
               {"success", false},
               {"exit_code", static_cast<int>(code)},
               {"error", {{"kind", name(code)}, {"text", error.text}}}});
    }
    return code;
}

std::string size_text(double bytes) {
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024) return fmt::format("{:.0f} bytes", bytes);
    std::size_t unit = 0;
    for (bytes /= 1024; bytes >= 1024 && unit + 1 < units.size(); bytes /= 1024) ++unit;
    return fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 2 : bytes < 100 ? 1 : 0, units[unit]);
}

std::string time_text(double seconds) {
    return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 3 : seconds < 100 ? 2 : 1);
}

}  // namespace splitcast::cli
