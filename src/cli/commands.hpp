#pragma once

#include "cli/exit_codes.hpp"
#include "cli/output.hpp"

#include <functional>

namespace CLI {
class App;
}

namespace splitcast::cli {

/// What the chosen subcommand does, after the command line was understood. Runs on every rank.
using Action = std::function<ExitCode()>;

// Each adds its subcommand to `app`. When it is chosen on the command line, `action` is set;
// `voice` is filled from the subcommand's options and stays valid.
void add_bench(CLI::App& app, Voice& voice, Action& action);
void add_check(CLI::App& app, Voice& voice, Action& action);
void add_copy(CLI::App& app, Voice& voice, Action& action);
void add_h5(CLI::App& app, Voice& voice, Action& action);  // where HDF5 is
void add_info(CLI::App& app, Voice& voice, Action& action);

}  // namespace splitcast::cli
