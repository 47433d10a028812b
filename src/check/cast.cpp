#include "check/cast.hpp"

#include "bench/payload.hpp"
#include "check/crew.hpp"

#include <cstdlib>
#include <utility>

namespace splitcast::check {

namespace {

constexpr const char* fault_variable = "SPLITCAST_FAULT";

}  // namespace

Cast cast(Team& team, std::vector<std::byte>& buffer, int root, std::uint64_t key,
          double patience) {
    if (team.rank() == root) {
        bench::fill(buffer, key);
    } else {
        bench::poison(buffer);
    }
    Cast outcome;
    auto request = team.start(buffer.data(), static_cast<MPI_Count>(buffer.size()), MPI_BYTE, root);
    if (!request) {
        outcome.error = request.error();
        return outcome;
    }
    const double begin = now();
    while (!request->test()) {
        if (now() - begin < patience) continue;
        outcome.stuck = true;
        // It can be neither ended nor destroyed; the process ends soon.
        static_cast<void>(new Request(std::move(*request)));
        return outcome;
    }
    const auto report = request->wait();
    if (!report) {
        outcome.error = report.error();
        return outcome;
    }
    outcome.seconds = report->seconds;
    outcome.spoilers = report->spoilers;
    outcome.failed = report->failed;
    outcome.wrong = bench::first_wrong(buffer, key).has_value();
    return outcome;
}

Fault::Fault(const std::string& rule) {
    if (const char* before = std::getenv(fault_variable)) before_ = before;
    setenv(fault_variable, rule.c_str(), 1);
}

Fault::~Fault() {
    if (before_) {
        setenv(fault_variable, before_->c_str(), 1);
    } else {
        unsetenv(fault_variable);
    }
}

}  // namespace splitcast::check
