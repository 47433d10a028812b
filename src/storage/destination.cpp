#include "storage/destination.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace splitcast::storage {

namespace {

/// Hands the parts of a pattern to `text(string_view)` and `letter(char)`, until one of them
/// returns an error.
template <class Text, class Letter>
std::optional<Error> walk(std::string_view pattern, Text text, Letter letter) {
    std::size_t at = 0;
    while (at < pattern.size()) {
        const auto percent = pattern.find('%', at);
        text(pattern.substr(at, percent - at));
        if (percent == std::string_view::npos) break;
        if (percent + 1 == pattern.size()) {
            return Error{
                Status::argument,
                fmt::format("{}: a single % at the end; %% stands for a percent sign", pattern)};
        }
        if (auto error = letter(pattern[percent + 1])) return error;
        at = percent + 2;
    }
    return std::nullopt;
}

/// A name that was put into the pattern must stay one part of the path, and the part that the user
/// sees.
bool safe(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

}  // namespace

Result<bool> per_rank(std::string_view pattern) {
    bool found = false;
    auto error = walk(
        pattern, [](std::string_view) {},
        [&](char letter) -> std::optional<Error> {
            found = found || letter == 'r';
            if (std::string_view("hrj%").find(letter) != std::string_view::npos)
                return std::nullopt;
            return Error{Status::argument,
                         fmt::format("{}: %{} stands for nothing; there are %h (host), %r (rank), "
                                     "%j (job) and %% (a percent sign)",
                                     pattern, letter)};
        });
    if (error) return *error;
    return found;
}

Result<std::string> expand(std::string_view pattern, const DestinationNames& names) {
    if (auto known = per_rank(pattern); !known) return known.error();
    std::string path;
    auto error = walk(
        pattern, [&](std::string_view text) { path += text; },
        [&](char letter) -> std::optional<Error> {
            const std::string name = letter == 'h'   ? names.host
                                     : letter == 'r' ? std::to_string(names.rank)
                                     : letter == 'j' ? names.job
                                                     : "%";
            path += name;
            if (safe(name)) return std::nullopt;
            return Error{Status::argument,
                         name.empty()
                             ? fmt::format("{}: %{} is not known here", pattern, letter)
                             : fmt::format("{}: %{} is {}, which cannot be part of a file name",
                                           pattern, letter, name)};
        });
    if (error) return *error;
    if (path.empty()) return Error{Status::argument, "the destination is empty"};
    if (path.find('\0') != std::string::npos) {
        return Error{Status::argument, "the destination has a zero byte in its name"};
    }
    return path;
}

bool names_folder(const std::string& path) {
    struct stat facts{};
    return path.ends_with('/') || (::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode));
}

std::string short_host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    const std::string full = name.data();
    return full.substr(0, full.find('.'));
}

std::string job_id() {
    constexpr std::array variables{"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID",
                                   "FLUX_JOB_ID",  "JOB_ID",    "PMIX_NAMESPACE"};
    for (const char* variable : variables) {
        const char* value = std::getenv(variable);
        if (value == nullptr || *value == '\0') continue;
        std::string id = value;
        // Launchers that have no job ids make up names such as "prterun-host-123@1".
        std::ranges::replace_if(
            id,
            [](char c) {
                return std::string_view(
                           "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_@[]")
                           .find(c) == std::string_view::npos;
            },
            '_');
        return id;
    }
    return {};
}

}  // namespace splitcast::storage
