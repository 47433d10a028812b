#pragma once

#include "bench/comparison.hpp"
#include "bench/memory.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdio>

/// What a comparison looks like: a table for people, in the columns that MPI benchmarks have, or
/// JSON.
namespace splitcast::bench {

/// Writes the table, a row at a time.
class Table {
public:
    Table(std::FILE* file, const Comparison& comparison, const Surroundings& where, bool full);
    void add(const Row& row);

private:
    void add_series(const Row& row);

    std::FILE* file_;
    bool full_;  // a line for each contender, instead of one that compares
    bool alone_;
};

/// What was measured and where; the rows are for its member "sizes".
[[nodiscard]] nlohmann::json to_json(const Comparison& comparison, const Surroundings& where);

/// One size: every time of every contender, and how they compare.
[[nodiscard]] nlohmann::json to_json(const Row& row);

/// The same for memory.
void begin_table(std::FILE* file, const MemoryRun& run, const Surroundings& where);
void add_row(std::FILE* file, const MemoryRow& row);
[[nodiscard]] nlohmann::json to_json(const MemoryRun& run, const Surroundings& where);
[[nodiscard]] nlohmann::json to_json(const MemoryRow& row);

}  // namespace splitcast::bench
