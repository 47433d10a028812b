#include "cli/job_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

namespace splitcast::cli {

namespace {

std::string value(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? "" : text;
}

/// Every name that the job has; the first is what %j stands for.
std::vector<std::string> names_of_this_job() {
    std::vector<std::string> names;
    for (const char* variable :
         {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID", "JOB_ID"}) {
        if (auto id = value(variable); !id.empty()) {
            names.push_back(std::move(id));
            break;
        }
    }
    const auto add_pair = [&names](const char* first, char between, const char* second) {
        const std::string a = value(first);
        const std::string b = value(second);
        if (!a.empty() && !b.empty()) names.push_back(a + between + b);
    };
    add_pair("SLURM_ARRAY_JOB_ID", '_', "SLURM_ARRAY_TASK_ID");
    return names;
}

}  // namespace

std::optional<std::string> wrong_job(std::string_view wanted) {
    const std::string start = fmt::format(
        "--jobid={}: splitcast copies to the nodes of the job that it runs in, ", wanted);
    const auto names = names_of_this_job();
    if (names.empty()) {
        return start +
               fmt::format("and this is none; start it in that job, as with srun --jobid={}",
                           wanted);
    }
    if (std::ranges::find(names, wanted) != names.end()) return std::nullopt;
    const auto point = wanted.rfind('.');
    // Names of jobs may have points in them, too (PBS).
    if (point != std::string_view::npos &&
        std::ranges::find(names, wanted.substr(0, point)) != names.end()) {
        const std::string step = value("SLURM_STEP_ID");
        if (wanted.substr(point + 1) == step) return std::nullopt;
        return start + fmt::format("and this is step {} of job {}", step.empty() ? "no" : step,
                                   names.front());
    }
    return start + fmt::format(
                       "which is {}; start it in the other, as with srun --jobid={}, or leave the "
                       "option out",
                       names.front(), wanted);
}

}  // namespace splitcast::cli
