#pragma once

#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "splitcast/copy.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace splitcast::cli {

/// What `splitcast copy` is asked to do.
struct CopyArguments {
    std::vector<std::string> sources;
    std::string destination;
    CopyOptions options;
    ProgressWish progress;
    bool send_libs = false;
    std::vector<std::string> excluded;  ///< folders whose libraries are not sent
    std::vector<std::string>
        from_outside;  ///< "SPLITCAST_FORCE=yes": what the environment asks for
};

/// The command line of `splitcast copy`, as text and numbers.
class CopyCommandLine {
public:
    /// Options are added to `command`; this must stay where it is until the command line is parsed.
    void add_to(CLI::App& command, Voice& voice);
    CopyCommandLine() = default;
    CopyCommandLine(const CopyCommandLine&) = delete;
    CopyCommandLine& operator=(const CopyCommandLine&) = delete;

    /// After parsing: adds what the environment says, and checks what can be checked without ranks.
    /// Throws CLI::ValidationError.
    CopyArguments finish(CLI::App& command);

private:
    void add_what(CLI::App& command);
    void add_how(CLI::App& command);
    void add_libraries(CLI::App& command);
    void add_voice(CLI::App& command, Voice& voice);
    void take_environment(CLI::App& command);
    [[nodiscard]] std::string settings_text(const CLI::App& command) const;

    CopyArguments arguments_;
    std::vector<std::string> names_;  ///< sources, then the destination
    std::vector<std::string> settings_;
    std::string size_;
    std::string timeout_;
    std::string fanout_;
    std::string job_;
    std::string compression_ = "none";
    std::string progress_ = "auto";
    std::string exclude_ = "/lib,/usr/lib,/lib64,/usr/lib64";
};

/// What CLI11 does not understand: -Clz4 as with sbcast, and "-C lz4" as people write it, become
/// --compress=lz4. A file of that name is "./lz4" behind a -C without a codec.
void spell_out_codec(std::vector<std::string>& arguments);

}  // namespace splitcast::cli
