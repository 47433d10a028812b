#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace splitcast::check {

/// The last resort where a wait has no end of its own: collectives of MPI, in which a node that
/// hangs is waited for for ever. When nothing has been heard for `limit` seconds it says so, with
/// this node's name, and ends the job. Whoever does not speak then is the one that hangs.
class Watchdog {
public:
    Watchdog(double limit, std::string name, int exit_code);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// All is well, and this is what comes next.
    void hears(std::string_view during);

private:
    void watch();

    double limit_;
    std::string name_;
    int exit_code_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string during_ = "starting";
    bool heard_ = false;
    bool over_ = false;
    std::thread thread_;
};

}  // namespace splitcast::check
