#pragma once

#include <execinfo.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

/// What one rank tells tests/fault/harness.py: files in a folder that the harness made for the run.
///
///   pid.<rank>          its process id, so that the harness can signal it, look into it, end it
///   rank.<rank>.jsonl   one JSON object a line, in the order in which things happened
///   end.<rank>          how it ended, if `tell_the_end` was asked for: "status N", or the stack of
///                       a crash
///
/// A line is written by a single write() when it is complete: a rank that is killed leaves whole
/// lines behind. Ranks are those of MPI_COMM_WORLD.
class Record {
public:
    Record(std::filesystem::path folder, int rank)
        : folder_(std::move(folder)),
          rank_(rank),
          lines_(std::fopen((folder_ / ("rank." + std::to_string(rank) + ".jsonl")).c_str(), "a")) {
        if (lines_ == nullptr) {
            std::fprintf(stderr, "rank %d: cannot write into %s\n", rank, folder_.c_str());
            std::exit(2);
        }
        const auto unfinished = folder_ / ("pid." + std::to_string(rank) + ".new");
        std::ofstream(unfinished) << getpid() << '\n';
        std::filesystem::rename(unfinished, folder_ / ("pid." + std::to_string(rank)));
    }
    Record(const Record&) = delete;
    Record& operator=(const Record&) = delete;
    Record(Record&&) = delete;
    Record& operator=(Record&&) = delete;
    ~Record() { std::fclose(lines_); }

    /// Adds an event with its fields.
    void event(const char* name, nlohmann::json fields = nlohmann::json::object()) {
        fields["event"] = name;
        fields["rank"] = rank_;
        const auto replace = nlohmann::json::error_handler_t::replace;
        const std::string line = fields.dump(-1, ' ', false, replace) + '\n';
        std::fwrite(line.data(), 1, line.size(), lines_);
        std::fflush(lines_);
    }

    /// From now on the way in which this process ends is written down.
    void tell_the_end() {
        end() = open((folder_ / ("end." + std::to_string(rank_))).c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        on_exit([](int status, void* /*nothing*/) { dprintf(end(), "status %d\n", status); },
                nullptr);
        std::array<void*, 1> warm{};
        backtrace(warm.data(), 1);  // loads what must not be loaded in a signal handler
        for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM})
            std::signal(number, crashed);
    }

private:
    static int& end() {
        static int file = -1;
        return file;
    }
    static void crashed(int number) {
        dprintf(end(), "signal %d\n", number);
        std::array<void*, 50> frames{};
        backtrace_symbols_fd(frames.data(), backtrace(frames.data(), 50), end());
        std::signal(number, SIG_DFL);
        std::raise(number);
    }

    std::filesystem::path folder_;
    int rank_;
    std::FILE* lines_;
};
