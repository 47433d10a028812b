#include "cli/progress.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace splitcast::cli {

namespace {

using How = ProgressWish::How;

/// "0:03", "2:15:00".
std::string duration(double seconds) {
    const auto all = static_cast<long long>(std::ceil(std::min(seconds, 1e9)));
    const long long hours = all / 3600;
    const long long minutes = all / 60 % 60;
    if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, all % 60);
    return fmt::format("{}:{:02}", minutes, all % 60);
}

/// mpirun gives its ranks a pipe for stderr and copies what comes out of it to its own, at once. It
/// is the parent of the ranks on its own host. (The terminal that it gives them for stdout says
/// nothing: they get it even if mpirun writes to a file.)
bool mpirun_has_a_terminal() {
    const std::string parent = fmt::format("/proc/{}/", ::getppid());
    std::string name;
    std::getline(std::ifstream(parent + "comm"), name);
    constexpr std::array<std::string_view, 4> launchers{"prterun", "mpirun", "mpiexec", "prte"};
    if (std::ranges::find(launchers, name) == launchers.end()) return false;
    const int file =
        ::open((parent + "fd/2").c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    const bool terminal = ::isatty(file) != 0;
    ::close(file);
    return terminal;
}

}  // namespace

std::optional<ProgressWish> parse_progress(std::string_view text) {
    if (text == "auto") return ProgressWish{};
    if (text == "yes") return ProgressWish{How::redraw};
    if (text == "no") return ProgressWish{How::none};
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    const bool fits = seconds > 0 && seconds <= 1e6;  // false for what is not a number
    if (!fits) return std::nullopt;
    return ProgressWish{How::lines, seconds};
}

bool reaches_a_terminal() { return ::isatty(STDERR_FILENO) != 0 || mpirun_has_a_terminal(); }

void Rate::add(double seconds, std::int64_t bytes) {
    points_.push_back({seconds, bytes});
    while (points_.size() > 2 && points_[1].seconds <= seconds - memory) points_.pop_front();
}

double Rate::bytes_per_second() const {
    if (points_.empty()) return 0;
    const Point first = points_.size() > 1 ? points_.front() : Point{0, 0};
    const double seconds = points_.back().seconds - first.seconds;
    return seconds > 0 ? static_cast<double>(points_.back().bytes - first.bytes) / seconds : 0;
}

std::string text(const CopyProgress& progress, double bytes_per_second) {
    const auto done = static_cast<double>(progress.bytes);
    const auto total = static_cast<double>(progress.total);
    const double part = total > 0 ? std::floor(100 * done / total) : 100;
    std::string line = fmt::format("{} of {}, {:.0f}%, {}/s", size_text(done), size_text(total),
                                   part, size_text(bytes_per_second));
    if (bytes_per_second > 0)
        line += fmt::format(", {} left", duration((total - done) / bytes_per_second));
    return line + fmt::format(", {} {}", progress.ranks, progress.ranks == 1 ? "rank" : "ranks");
}

ProgressDisplay::ProgressDisplay(ProgressWish wish, const Voice& voice) : wish_(wish) {
    if (!voice.speaks || voice.quiet) {
        wish_.how = How::none;
    } else if (wish_.how == How::automatic) {
        wish_.how = reaches_a_terminal() ? How::redraw : How::none;
    }
    next_ = wish_.seconds;
}

std::function<void(const CopyProgress&)> ProgressDisplay::callback() {
    if (wish_.how == How::none) return {};
    return [this](const CopyProgress& progress) { show(progress); };
}

void ProgressDisplay::show(const CopyProgress& progress) {
    rate_.add(progress.seconds, progress.bytes);
    if (wish_.how == How::lines && progress.seconds < next_) return;
    const std::string line = "splitcast: " + text(progress, rate_.bytes_per_second());
    if (wish_.how == How::lines) {
        next_ = progress.seconds + wish_.seconds;
        fmt::print(stderr, "{}\n", line);
    } else {
        // Back to the beginning, the text, and the rest of the line emptied.
        fmt::print(stderr, "\r{}\033[K", line);
        std::fflush(stderr);
        drawn_ = true;
    }
}

void ProgressDisplay::clear() {
    if (!drawn_) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    drawn_ = false;
}

}  // namespace splitcast::cli
