#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace splitcast::cli {

/// What is wrong with --jobid=`wanted` in the job that this process runs in, as the environment of
/// Slurm and other schedulers tells it; nothing if it names that job. As sbcast's, `wanted` may be
/// JOB, JOB.STEP or ARRAYJOB_TASK.
[[nodiscard]] std::optional<std::string> wrong_job(std::string_view wanted);

}  // namespace splitcast::cli
