#pragma once

#include "cli/output.hpp"
#include "splitcast/copy.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// Telling how far a copy is.
namespace splitcast::cli {

/// --progress: nothing, a line that is drawn again and again, or a new line every so many seconds.
struct ProgressWish {
    enum class How { automatic, none, redraw, lines };
    How how = How::automatic;
    double seconds = 0;  ///< between two lines
};

/// "auto", "yes", "no" or a number of seconds; nothing if it is none of them.
[[nodiscard]] std::optional<ProgressWish> parse_progress(std::string_view text);

/// Can a line on stderr be drawn again: is it a terminal, or passed on to one by mpirun? What a
/// launcher on another host, or one that hides behind a daemon (srun), makes of it cannot be known.
[[nodiscard]] bool reaches_a_terminal();

/// Bytes per second over the last few seconds.
class Rate {
public:
    void add(double seconds, std::int64_t bytes);
    [[nodiscard]] double bytes_per_second() const;

private:
    static constexpr double memory = 3;
    struct Point {
        double seconds;
        std::int64_t bytes;
    };
    std::deque<Point> points_;
};

/// "1.25 GiB of 4.00 GiB, 31%, 812 MiB/s, 0:03 left, 8 ranks".
[[nodiscard]] std::string text(const CopyProgress& progress, double bytes_per_second);

/// Shows it on stderr. `automatic` draws where that reaches a terminal and else says nothing.
class ProgressDisplay {
public:
    ProgressDisplay(ProgressWish wish, const Voice& voice);
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;
    ~ProgressDisplay() { clear(); }

    /// For CopyOptions::progress, empty where nothing is to be shown; valid as long as this is.
    [[nodiscard]] std::function<void(const CopyProgress&)> callback();

    /// Takes the drawn line away, for others to write.
    void clear();

private:
    void show(const CopyProgress& progress);

    ProgressWish wish_;
    Rate rate_;
    double next_ = 0;  ///< when the next line is due
    bool drawn_ = false;
};

}  // namespace splitcast::cli
