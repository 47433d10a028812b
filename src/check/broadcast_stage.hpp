#pragma once

#include "check/cast.hpp"
#include "check/crew.hpp"
#include "check/pair_stage.hpp"
#include "check/report.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::check {

/// splitcast's own broadcasts, with integrity on: every node as the root of all, in groups by
/// chance, and with faults on purpose. The report is filled on rank 0.
class BroadcastStage {
public:
    /// `size` of a large one; `rate` of the links, in bytes per second, as far as it is known.
    BroadcastStage(Crew& crew, const Options& options, std::int64_t size, double rate,
                   const Progress& say);

    // False: stopped. `deadline` is on rank 0's clock.
    [[nodiscard]] bool roots(double deadline, Report& report);
    [[nodiscard]] bool groups(double deadline, Report& report);
    [[nodiscard]] bool drill(Report& report);
    [[nodiscard]] bool kill(Report& report);

    /// Who sent bad bytes without being told to.
    [[nodiscard]] std::vector<Spoilt> spoilt() const;

private:
    struct Turn {
        double rate = collectives::unknown;
        double small = collectives::unknown;
        double as_member = collectives::unknown;
    };
    [[nodiscard]] std::optional<Team> make_team(MPI_Comm comm, const std::string& more);
    [[nodiscard]] bool one(Team& team, std::vector<std::byte>& buffer, int root,
                           const std::vector<int>& members, double& seconds);
    [[nodiscard]] bool rotation(Team& team, const std::vector<int>& roots, Turn& turn);
    [[nodiscard]] bool grouping(std::uint64_t number, Turn& turn);
    [[nodiscard]] bool hand_in(const Turn& turn, double deadline, bool may_stop,
                               const std::function<void(const Crew::Gathered&)>& take,
                               bool& enough);
    void take_wrong(const Crew::Gathered& gathered);

    Crew& crew_;
    const Options& options_;
    const Progress& say_;
    std::vector<std::byte> large_;
    std::vector<std::byte> small_;
    double rate_;
    std::uint64_t key_ = 0;
    int broadcasts_ = 0;
    std::map<int, int> spoilers_;                // times, by rank
    double wrong_ = 0;                           // broadcasts of which this rank got wrong bytes,
    double wrong_root_ = -1;                     // and the last one's root
    std::map<int, std::pair<int, int>> wrongs_;  // on rank 0: by rank, how often, and the last root
};

}  // namespace splitcast::check
