#pragma once

#include <nlohmann/json.hpp>
#include <unistd.h>

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

private:
    std::filesystem::path folder_;
    int rank_;
    std::FILE* lines_;
};
