// Broadcasts through the C interface.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.h"
#include "subject.hpp"

#include <chrono>

namespace {

class InC final : public Job {
public:
    explicit InC(const Arguments& arguments)
        : arguments_(arguments),
          settings_(arguments.all_settings()),
          code_(splitcast_team_create(MPI_COMM_WORLD, nullptr, &team_)) {}
    ~InC() override { splitcast_team_free(&team_); }
    InC(const InC&) = delete;
    InC& operator=(const InC&) = delete;
    InC(InC&&) = delete;
    InC& operator=(InC&&) = delete;

    [[nodiscard]] std::string refused() const override {
        return code_ == SPLITCAST_SUCCESS ? "" : splitcast_last_error();
    }
    std::vector<Answer> round(std::uint64_t salt) override {
        const int rank = world_rank();
        auto buffer = before(arguments_.size, salt, arguments_.holds(rank) ? rank : -1, rank);
        splitcast_report report{};
        const auto begin = std::chrono::steady_clock::now();
        const int code =
            splitcast_broadcast(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE,
                                arguments_.root, team_, settings_.c_str(), &report);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        Answer answer;
        answer.verdict = splitcast_error_string(code);
        answer.right = buffer == payload(arguments_.size, salt);
        answer.seconds = took.count();
        answer.failed = failed();
        if (code == SPLITCAST_SUCCESS) {
            answer.verdict = "success";
            answer.report = {{"epochs", report.epochs},
                             {"failed_ranks", report.failed_ranks},
                             {"bytes_repaired", report.bytes_repaired}};
        } else {
            answer.text = splitcast_last_error();
        }
        return {answer};
    }
    std::string survivors(MPI_Comm& comm) override {
        return splitcast_team_survivors(team_, &comm) == SPLITCAST_SUCCESS ? ""
                                                                           : splitcast_last_error();
    }

private:
    std::vector<int> failed() const {
        int count = 0;
        splitcast_team_failed(team_, 0, nullptr, &count);
        std::vector<int> ranks(static_cast<std::size_t>(count));
        splitcast_team_failed(team_, count, ranks.data(), &count);
        return ranks;
    }
    const Arguments& arguments_;
    std::string settings_;
    splitcast_team* team_ = nullptr;
    int code_;
};

}  // namespace

std::unique_ptr<Job> make_c_job(const Arguments& arguments) {
    return std::make_unique<InC>(arguments);
}
