#pragma once

#include "cli/exit_codes.hpp"
#include "splitcast/error.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace splitcast::cli {

/// Who says how much. Text for people goes to stderr, results and --json to stdout.
struct Voice {
    bool speaks = true;  ///< one process of all does
    bool quiet = false;  ///< errors only
    int verbose = 0;     ///< 1: a line for each copy; 2: the settings, too
    bool json = false;

    /// "splitcast: TEXT" on stderr, unless quiet.
    void say(std::string_view text) const;
    /// The same, if verbose.
    void detail(std::string_view text) const;
    /// One object on stdout.
    void print(const nlohmann::json& object) const;
    /// A failure, in words on stderr and as an object of `command` on stdout if --json. Its exit
    /// code.
    ExitCode fail(std::string_view command, const Error& error) const;
};

/// "1.5 GiB".
[[nodiscard]] std::string size_text(double bytes);

/// "0.123 s".
[[nodiscard]] std::string time_text(double seconds);

}  // namespace splitcast::cli
