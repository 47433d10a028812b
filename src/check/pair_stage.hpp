#pragma once

#include "check/crew.hpp"
#include "check/pairs.hpp"
#include "check/report.hpp"
#include "collectives/links.hpp"

#include <functional>
#include <string>
#include <vector>

namespace splitcast::check {

/// Tells people how far it is. On rank 0 only.
using Progress = std::function<void(const std::string&)>;

/// Pairs of nodes, and each node's processor: measured in rounds, repeated, judged, and what was
/// found measured again before anybody is named. The report is filled on rank 0.
class PairStage {
public:
    PairStage(Crew& crew, Pairs& pairs, const Options& options, const Progress& say);

    /// Until `deadline` (rank 0's clock), if that is before all repetitions. False: stopped.
    [[nodiscard]] bool run(double deadline, Report& report);

    /// Bytes of a large transfer, the same on all ranks, and the median rate.
    [[nodiscard]] std::int64_t size() const { return size_; }
    [[nodiscard]] double rate() const { return rate_; }
    /// By whom and to whom wrong bytes were sent.
    [[nodiscard]] const std::vector<Spoilt>& spoilt() const { return spoilt_; }

private:
    struct Figures {
        collectives::PairFigures rates;
        collectives::PairFigures latencies;
        collectives::Series processors;
    };
    using Rounds = std::vector<collectives::Matching>;

    [[nodiscard]] bool choose_size(const Rounds& rounds);
    [[nodiscard]] bool measure(const Rounds& rounds, int repetitions, double deadline,
                               Figures& figures);
    [[nodiscard]] bool measure_round(const Rounds& rounds, std::size_t round, double processor,
                                     const Crew::Decide& decide, bool& enough);
    static void enter(const collectives::Matching& matching, const Crew::Gathered& gathered,
                      Figures& figures, std::size_t round);
    void look_for_spoilt(const collectives::Matching& matching, const Crew::Gathered& gathered);

    Crew& crew_;
    Pairs& pairs_;
    const Options& options_;
    const Progress& say_;
    std::int64_t size_ = 0;
    double rate_ = 0;
    std::vector<Spoilt> spoilt_;
};

}  // namespace splitcast::check
