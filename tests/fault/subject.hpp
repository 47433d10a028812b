#pragma once

#include <mpi.h>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// What subject.cpp was called with.
struct Arguments {
    std::string folder;
    std::string size_text = "1M";
    std::size_t size = 0;
    int broadcasts = 1;
    int root = 0;
    std::string mode = "blocking";
    std::uint64_t seed = 1;
    int pause = 0;
    int compute = 0;
    std::string settings;
    std::vector<int> mirrors;
    int differ = -1;
    bool survivors = true;

    [[nodiscard]] bool holds(int rank) const;
    /// What the call is given: `settings`, and who the mirrors are.
    [[nodiscard]] std::string all_settings() const;
};

/// What one broadcast came to on this rank.
struct Answer {
    std::string verdict;
    std::string text;
    bool right = false;
    double seconds = 0;
    nlohmann::json report = nullptr;
    std::vector<int> failed;  ///< of the team, till now
};

/// A way to broadcast, through one of splitcast's interfaces.
class Job {
public:
    Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    Job(Job&&) = delete;
    Job& operator=(Job&&) = delete;
    virtual ~Job() = default;

    /// Why there is no team; empty if there is one.
    [[nodiscard]] virtual std::string refused() const = 0;
    /// One round: usually one broadcast, in an order that all ranks share.
    virtual std::vector<Answer> round(std::uint64_t salt) = 0;
    /// A communicator of the ranks that are left, or why there is none.
    virtual std::string survivors(MPI_Comm& comm) = 0;
};

[[nodiscard]] std::unique_ptr<Job> make_job(const Arguments& arguments);
[[nodiscard]] std::unique_ptr<Job> make_c_job(const Arguments& arguments);
