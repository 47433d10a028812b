#include "cli/commands.hpp"
#include "cli/copy_options.hpp"
#include "cli/session.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace splitcast::cli;

constexpr const char* description =
    "splitcast: files to all nodes of a job at the speed of the wire, by MPI.\n\n"
    "Run it as an MPI program, one process per node or more:\n"
    "  mpirun -n 8 splitcast copy data.h5 /local/data.h5";

/// Says what the command line parser wants to say, from one process.
ExitCode after_parsing(const CLI::App& app, const CLI::ParseError& outcome, bool speaks) {
    std::ostringstream out;
    std::ostringstream err;
    const bool asked = app.exit(outcome, out, err) == 0;  // --help, --version
    if (speaks) {
        std::cout << out.str() << std::flush;
        std::cerr << (asked ? err.str() : "splitcast: " + err.str()) << std::flush;
    } else if (!asked) {
        // Launchers end a job when its first process fails: let the one that speaks be heard.
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    return asked ? ExitCode::success : ExitCode::usage;
}

ExitCode run(int argc, char** argv) {
    Voice voice;
    voice.speaks = first_process();
    Action action;
    CLI::App app(description, "splitcast");
    app.set_version_flag("--version", "splitcast " + std::string(splitcast::version()));
    app.require_subcommand(1);
    app.footer("splitcast COMMAND --help tells more about a command.\n\n" + exit_code_help());
    for (const auto add : {add_copy, add_bench, add_check, add_info}) add(app, voice, action);
#ifdef SPLITCAST_WITH_H5
    add_h5(app, voice, action);
#endif
    std::vector<std::string> arguments(argv + 1, argv + argc);
    if (argc > 1 && arguments.front() == "copy") spell_out_codec(arguments);
    std::ranges::reverse(arguments);  // as the parser wants them
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& outcome) {
        return after_parsing(app, outcome, voice.speaks);
    }
    return action();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return static_cast<int>(run(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "splitcast: error: %s\n", error.what());
    }
    const int code = static_cast<int>(ExitCode::internal);
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized != 0 && finalized == 0)
        MPI_Abort(MPI_COMM_WORLD, code);  // the others would wait for ever
    return code;
}
