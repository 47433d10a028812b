// The program of most cases in tests/fault/cases.py: some broadcasts on one team, and what each
// rank made of them. Under MPI it behaves as a user's program should: it goes on with the
// survivors.
//
//   subject FOLDER --size 3M --broadcasts 3 --root 0 --mode blocking --seed 7 [--pause MS]
//
// FOLDER receives what every rank saw (record.hpp). The content of a broadcast follows from the
// seed and its number; whoever does not send begins with other bytes.

#include "collectives/settings.hpp"
#include "mpi/payload.hpp"
#include "record.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Arguments {
    std::string folder;
    std::string size = "1M";
    int broadcasts = 1;
    int root = 0;
    std::string mode = "blocking";
    std::uint64_t seed = 1;
    int pause = 0;
    std::string settings;
};

splitcast::Result<splitcast::Report> broadcast(splitcast::Team& team, const Arguments& arguments,
                                               std::vector<unsigned char>& buffer) {
    if (arguments.mode == "blocking") {
        return team.broadcast(buffer, arguments.root, arguments.settings);
    }
    auto request = team.start(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE,
                              arguments.root, arguments.settings);
    if (!request) return request.error();
    while (!request->test()) {
    }
    return request->wait();
}

/// One verdict: what the call returned, and whether the bytes are those that were sent.
nlohmann::json verdict(const splitcast::Team& team,
                       const splitcast::Result<splitcast::Report>& report, bool right) {
    nlohmann::json fields = {{"right", right}, {"failed", team.failed()}};
    if (!report) {
        fields["verdict"] = splitcast::text(report.error().status);
        fields["text"] = report.error().text;
        return fields;
    }
    fields["verdict"] = "success";
    fields["failed"] = report->failed;
    fields["seconds"] = report->seconds;
    fields["report"] = {
        {"bytes", report->bytes},           {"segments", report->segments},
        {"bytes_sent", report->bytes_sent}, {"bytes_received", report->bytes_received},
        {"group_size", report->group_size}, {"groups", report->groups},
        {"children", report->children},     {"choice", report->choice}};
    return fields;
}

void run(splitcast::Team& team, const Arguments& arguments, std::size_t size, Record& record) {
    const int rank = world_rank();
    for (int number = 1; number <= arguments.broadcasts; ++number) {
        const auto salt = arguments.seed * 1000 + static_cast<std::uint64_t>(number);
        auto buffer = before(size, salt, arguments.root, rank);
        record.event("enter", {{"broadcast", number}});
        const auto report = broadcast(team, arguments, buffer);
        auto fields = verdict(team, report, buffer == payload(size, salt));
        fields["broadcast"] = number;
        record.event("verdict", std::move(fields));
        std::this_thread::sleep_for(std::chrono::milliseconds(arguments.pause));
    }
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Broadcasts, for tests in which ranks fail");
    app.add_option("FOLDER", arguments.folder)->required();
    app.add_option("--size", arguments.size, "bytes, as 3M");
    app.add_option("--broadcasts", arguments.broadcasts);
    app.add_option("--root", arguments.root);
    app.add_option("--mode", arguments.mode)->check(CLI::IsMember({"blocking", "nonblocking"}));
    app.add_option("--seed", arguments.seed);
    app.add_option("--pause", arguments.pause, "milliseconds after each broadcast");
    app.add_option("--settings", arguments.settings, "name=value,... of each call");
    CLI11_PARSE(app, argc, argv);
    const auto size = splitcast::collectives::parse_size(arguments.size);
    if (!std::holds_alternative<splitcast::collectives::Bytes>(size)) {
        std::fprintf(stderr, "%s\n", std::get<std::string>(size).c_str());
        return 2;
    }

    int provided = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    Record record(arguments.folder, world_rank());
    {
        auto team = splitcast::Team::create(MPI_COMM_WORLD);
        if (team) {
            run(*team, arguments,
                static_cast<std::size_t>(std::get<splitcast::collectives::Bytes>(size)), record);
        } else {
            record.event("no team", {{"text", team.error().text}});
        }
    }
    MPI_Finalize();
    record.event("finalized");
    return 0;
}
