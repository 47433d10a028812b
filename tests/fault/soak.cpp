// Many small broadcasts on one team, in which a rank dies now and then. Does a rank's memory grow,
// does it keep descriptors open, does it make communicators that it does not free?
//
//   soak FOLDER --broadcasts 10000 --size 2000 --every 2000 --seed 7
//
// After every `every` broadcasts the highest rank that is left kills itself, as long as two remain.
// The harness (soak.py) reads what each rank wrote: samples, and one verdict on all.

#include "mpi/payload.hpp"
#include "record.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

struct Arguments {
    std::string folder;
    int broadcasts = 10000;
    std::size_t size = 2000;
    int every = 2000;
    std::uint64_t seed = 1;
};

/// What this process has in memory, in KiB.
long resident() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
    }
    return -1;
}

std::ptrdiff_t descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

/// The number that the next communicator gets: they are given out from the lowest that is free.
int next_communicator() {
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    const int number = MPI_Comm_c2f(comm);
    MPI_Comm_free(&comm);
    return number;
}

void sample(Record& record, int number) {
    record.event("sample", {{"broadcast", number},
                            {"resident", resident()},
                            {"descriptors", descriptors()},
                            {"communicators", next_communicator()}});
}

int left_highest(const splitcast::Team& team) {
    int highest = team.size() - 1;
    const auto failed = team.failed();
    while (std::ranges::find(failed, highest) != failed.end()) --highest;
    return highest;
}

void run(splitcast::Team& team, const Arguments& arguments, Record& record) {
    int wrong = 0;
    for (int number = 1; number <= arguments.broadcasts; ++number) {
        const auto salt = arguments.seed + static_cast<std::uint64_t>(number);
        auto buffer = before(arguments.size, salt, 0, team.rank());
        if (number % arguments.every == 0 && number < arguments.broadcasts &&
            left_highest(team) > 1 && left_highest(team) == team.rank())
            std::raise(SIGKILL);
        const auto report = team.broadcast(buffer, 0);
        if (!report) {
            record.event("failed", {{"broadcast", number}, {"text", report.error().text}});
            return;
        }
        if (buffer != payload(arguments.size, salt)) ++wrong;
        if (number % (arguments.broadcasts / 20) == 0) sample(record, number);
    }
    record.event("verdict", {{"broadcast", 1},
                             {"verdict", "success"},
                             {"right", wrong == 0},
                             {"failed", team.failed()}});
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Many broadcasts, and a death now and then");
    app.add_option("FOLDER", arguments.folder)->required();
    app.add_option("--broadcasts", arguments.broadcasts)->check(CLI::Range(20, 1 << 30));
    app.add_option("--size", arguments.size);
    app.add_option("--every", arguments.every)->check(CLI::PositiveNumber);
    app.add_option("--seed", arguments.seed);
    CLI11_PARSE(app, argc, argv);

    std::signal(SIGPIPE, SIG_IGN);
    int provided = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    Record record(arguments.folder, world_rank());
    record.tell_the_end();
    {
        auto team = splitcast::Team::create(MPI_COMM_WORLD);
        if (team) run(*team, arguments, record);
    }
    MPI_Finalize();
    record.event("finalized");
    return 0;
}
