// The program of most cases in tests/fault/cases.py: some broadcasts, and what each rank made of
// them. Under MPI it behaves as a user's program should: it goes on with the survivors.
//
//   subject FOLDER --size 3M --broadcasts 3 --root 0 --mode blocking --seed 7 [--pause MS]
//
// FOLDER receives what every rank saw (record.hpp). The content of a broadcast follows from the
// seed and its number; whoever does not send begins with other bytes.

#include "subject.hpp"

#include "collectives/settings.hpp"
#include "mpi/payload.hpp"
#include "record.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

bool Arguments::holds(int rank) const {
    return rank == root || std::ranges::find(mirrors, rank) != mirrors.end();
}

std::string Arguments::all_settings() const {
    std::string text = settings;
    std::string ranks;
    for (const int mirror : mirrors) ranks += (ranks.empty() ? "" : "+") + std::to_string(mirror);
    if (!ranks.empty()) text += (text.empty() ? "mirrors=" : ",mirrors=") + ranks;
    return text;
}

namespace {

void say(Record& record, int number, const Answer& answer) {
    record.event("verdict", {{"broadcast", number},
                             {"verdict", answer.verdict},
                             {"text", answer.text},
                             {"right", answer.right},
                             {"seconds", answer.seconds},
                             {"report", answer.report},
                             {"failed", answer.failed}});
}

/// The ranks that are left are to be able to work together on a communicator of their own.
void meet(Job& job, Record& record) {
    MPI_Comm comm = MPI_COMM_NULL;
    if (const std::string why = job.survivors(comm); !why.empty()) {
        record.event("survivors", {{"text", why}});
        return;
    }
    int size = 0;
    MPI_Comm_size(comm, &size);
    const int rank = world_rank();
    std::vector<int> ranks(static_cast<std::size_t>(size), -1);
    const int code = MPI_Allgather(&rank, 1, MPI_INT, ranks.data(), 1, MPI_INT, comm);
    if (code == MPI_SUCCESS) {
        record.event("survivors", {{"ranks", ranks}});
    } else {
        record.event("survivors", {{"text", "MPI_Allgather: " + std::to_string(code)}});
    }
    MPI_Comm_free(&comm);
}

void run(const Arguments& arguments, Record& record) {
    const auto job = arguments.mode == "c" ? make_c_job(arguments) : make_job(arguments);
    if (const std::string why = job->refused(); !why.empty()) {
        record.event("no team", {{"text", why}});
        return;
    }
    for (int number = 1; number <= arguments.broadcasts;) {
        record.event("enter", {{"broadcast", number}});
        const auto salt = arguments.seed * 1000 + static_cast<std::uint64_t>(number);
        for (const Answer& answer : job->round(salt)) say(record, number++, answer);
        std::this_thread::sleep_for(std::chrono::milliseconds(arguments.pause));
    }
    record.event("all said");
    if (arguments.survivors) meet(*job, record);
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Broadcasts, for tests in which ranks fail");
    app.add_option("FOLDER", arguments.folder)->required();
    app.add_option("--size", arguments.size_text, "bytes, as 3M");
    app.add_option("--broadcasts", arguments.broadcasts);
    app.add_option("--root", arguments.root);
    app.add_option("--mode", arguments.mode)
        ->check(CLI::IsMember(
            {"blocking", "nonblocking", "late", "persistent", "strided", "teams", "large", "c"}));
    app.add_option("--seed", arguments.seed);
    app.add_option("--pause", arguments.pause, "milliseconds after each broadcast");
    app.add_option("--compute", arguments.compute, "milliseconds between start and wait (late)");
    app.add_option("--settings", arguments.settings, "name=value,... of each call");
    app.add_option("--mirror", arguments.mirrors, "ranks that hold the bytes, too");
    app.add_option("--differ", arguments.differ, "a mirror one of whose bytes is another");
    app.add_flag("!--alone", arguments.survivors, "do not meet on a communicator at the end");
    CLI11_PARSE(app, argc, argv);
    const auto size = splitcast::collectives::parse_size(arguments.size_text);
    if (!std::holds_alternative<splitcast::collectives::Bytes>(size)) {
        std::fprintf(stderr, "%s\n", std::get<std::string>(size).c_str());
        return 2;
    }
    arguments.size = static_cast<std::size_t>(std::get<splitcast::collectives::Bytes>(size));

    std::signal(SIGPIPE, SIG_IGN);  // docs/launching.md
    int provided = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    Record record(arguments.folder, world_rank());
    record.tell_the_end();
    run(arguments, record);
    MPI_Finalize();
    record.event("finalized");
    return 0;
}
