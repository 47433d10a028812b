#include "fault/launcher.hpp"

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace splitcast::fault {

namespace {
constexpr std::chrono::milliseconds late_start{100};
}  // namespace

bool started_by_srun() {
    const char* job = std::getenv("PMIX_NAMESPACE");
    return job != nullptr && std::string_view(job).starts_with("slurm.pmix.");
}

void wait_for_late_starters() {
    if (started_by_srun()) std::this_thread::sleep_for(late_start);
}

}  // namespace splitcast::fault
