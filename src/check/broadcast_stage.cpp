#include "check/broadcast_stage.hpp"

#include "collectives/tournament.hpp"

#include <mpi.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace splitcast::check {

using collectives::Limit;
using collectives::Needed;
using collectives::Series;
using collectives::stand;
using collectives::Standings;
using collectives::unknown;

namespace {

constexpr std::size_t small_size = 1024;
constexpr int least_repetitions = 3;
// Enough others to compare suspects with.
constexpr std::size_t others = 8;

enum Column : std::size_t {
    rate_column,
    small_column,
    member_column,
    wrong_column,
    root_column,
    columns
};

std::vector<int> all_of(int nodes) {
    std::vector<int> ranks(static_cast<std::size_t>(nodes));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
}

std::vector<int> outliers(const Standings& standings) {
    std::vector<int> nodes;
    for (std::size_t i = 0; i < standings.nodes.size(); ++i) {
        if (standings.nodes[i].outlier) nodes.push_back(static_cast<int>(i));
    }
    return nodes;
}

double higher(double a, double b) { return std::isnan(a) ? b : std::isnan(b) ? a : std::max(a, b); }

}  // namespace

BroadcastStage::BroadcastStage(Crew& crew, const Options& options, std::int64_t size, double rate,
                               const Progress& say)
    : crew_(crew),
      options_(options),
      say_(say),
      large_(static_cast<std::size_t>(size)),
      small_(std::min(small_size, large_.size())),
      rate_(rate),
      key_(options.seed << 20U) {}

std::vector<Spoilt> BroadcastStage::spoilt() const {
    std::vector<Spoilt> list;
    for (const auto& [rank, times] : spoilers_) list.push_back({.from = rank, .times = times});
    return list;
}

std::optional<Team> BroadcastStage::make_team(MPI_Comm comm, const std::string& more) {
    auto team = Team::create(
        comm, fmt::format("integrity=yes,timeout={}{}", std::max(options_.patience, 1.0), more));
    if (team) return std::move(team).value();
    say_(team.error().text);
    crew_.stuck();
    return std::nullopt;
}

// False: it did not end well, and the next meeting will hear of it. `members` are the crew's ranks
// of the team.
bool BroadcastStage::one(Team& team, std::vector<std::byte>& buffer, int root,
                         const std::vector<int>& members, double& seconds) {
    const Cast outcome = cast(team, buffer, root, ++key_, 2 * options_.patience);
    ++broadcasts_;
    seconds = outcome.seconds;
    const auto name = [&](int rank) { return members[static_cast<std::size_t>(rank)]; };
    for (const int rank : outcome.spoilers) ++spoilers_[name(rank)];
    if (outcome.wrong) {
        ++wrong_;
        wrong_root_ = name(root);
    }
    if (outcome.stuck || outcome.error) {
        crew_.stuck();
    } else if (!outcome.failed.empty()) {
        crew_.accuse(name(outcome.failed.front()));
    } else {
        return true;
    }
    return false;
}

bool BroadcastStage::rotation(Team& team, const std::vector<int>& roots, Turn& turn) {
    const std::vector<int> members = all_of(crew_.size());
    for (const int root : roots) {
        crew_.enters(fmt::format("broadcasting from rank {}", root));
        double large = 0;
        double small = 0;
        if (!one(team, large_, root, members, large)) return false;
        if (!one(team, small_, root, members, small)) return false;
        if (root != crew_.rank()) continue;
        turn.rate = static_cast<double>(large_.size()) / std::max(large, 1e-9);
        turn.small = small;
    }
    return true;
}

void BroadcastStage::take_wrong(const Crew::Gathered& gathered) {
    for (std::size_t rank = 0; rank < gathered.size(); ++rank) {
        const auto times = static_cast<int>(gathered[rank][wrong_column]);
        if (times > 0) {
            wrongs_[static_cast<int>(rank)] = {times,
                                               static_cast<int>(gathered[rank][root_column])};
        }
    }
}

bool BroadcastStage::hand_in(const Turn& turn, double deadline, bool may_stop,
                             const std::function<void(const Crew::Gathered&)>& take, bool& enough) {
    const std::array<double, columns> mine{turn.rate, turn.small, turn.as_member, wrong_,
                                           wrong_root_};
    const auto decided = crew_.meet("broadcasting", mine, 1, [&](const Crew::Gathered& gathered) {
        take_wrong(gathered);
        take(gathered);
        return std::vector{may_stop && now() > deadline ? 1.0 : 0.0};
    });
    enough = !decided || decided->front() != 0;
    return decided.has_value();
}

bool BroadcastStage::roots(double deadline, Report& report) {
    if (crew_.size() < 2) return true;
    say_("broadcasts, every node as the root");
    crew_.enters("making a team of all");
    auto team = make_team(crew_.comm(), "");
    const auto nodes = static_cast<std::size_t>(crew_.size());
    Standings standings;
    std::vector<int> turns = all_of(crew_.size());
    for (const bool again : {false, true}) {
        Series series(nodes);
        bool enough = false;
        for (int repetition = 0; repetition < options_.repetitions && !enough; ++repetition) {
            const auto order = collectives::random_order(
                static_cast<int>(turns.size()),
                options_.seed + static_cast<std::uint64_t>(1000 * (again ? 2 : 1) + repetition));
            std::vector<int> roots;
            for (const int i : order) roots.push_back(turns[static_cast<std::size_t>(i)]);
            Turn turn;
            if (!team || !rotation(*team, roots, turn)) {
                // To be freed it would have to be over.
                if (team) static_cast<void>(new Team(std::move(*team)));
                team.reset();
            }
            const auto take = [&](const Crew::Gathered& gathered) {
                for (std::size_t i = 0; i < nodes; ++i) {
                    series[i].push_back(gathered[i][rate_column]);
                }
            };
            const bool may_stop = !again || repetition + 1 >= least_repetitions;
            if (!hand_in(turn, deadline, may_stop, take, enough)) return false;
        }
        const auto found = crew_.meet("judging roots", {}, nodes + 1, [&](const Crew::Gathered&) {
            const auto now_found = stand(series, {.factor = options_.slow});
            standings = again ? confirmed(standings, now_found) : now_found;
            const auto suspects = outliers(standings);
            std::vector<double> answer(nodes + 1);
            answer.front() = static_cast<double>(suspects.size());
            std::ranges::copy(suspects, answer.begin() + 1);
            return answer;
        });
        if (!found) return false;
        const auto suspects = static_cast<std::ptrdiff_t>(found->front());
        if (again || suspects == 0) break;
        turns.assign(found->begin() + 1, found->begin() + 1 + suspects);
        const std::size_t wanted = turns.size() + others;
        for (const int node : collectives::random_order(crew_.size(), options_.seed + 7)) {
            if (turns.size() == wanted) break;
            if (std::ranges::find(turns, node) == turns.end()) turns.push_back(node);
        }
        say_(fmt::format("somebody is suspected: {} roots again", turns.size()));
    }
    if (team) static_cast<void>(team->free());
    if (!crew_.conducts()) return true;
    take_standings(report, Kind::root, standings);
    report.broadcasts += broadcasts_;
    return true;
}

// One cut into groups: each broadcasts on its own, with each member as the root.
bool BroadcastStage::grouping(std::uint64_t number, Turn& turn) {
    crew_.enters("broadcasting in groups");
    // Groups differ in size, and so in how many broadcasts each makes; all keys are to agree again.
    key_ = (options_.seed << 20U) + (number << 12U);
    const int size = collectives::group_size_for(crew_.size());
    const auto cut = collectives::random_groups(crew_.size(), size, options_.seed + number);
    const auto mine = std::ranges::find_if(cut, [&](const std::vector<int>& group) {
        return std::ranges::find(group, crew_.rank()) != group.end();
    });
    const auto place = std::ranges::find(*mine, crew_.rank()) - mine->begin();
    MPI_Comm comm = MPI_COMM_NULL;
    if (MPI_Comm_split(crew_.comm(), static_cast<int>(mine - cut.begin()), static_cast<int>(place),
                       &comm) != MPI_SUCCESS) {
        crew_.stuck();
        return false;
    }
    const Fault none("");  // SPLITCAST_FAULT speaks of ranks of all nodes
    auto team = make_team(comm, fmt::format(",probe=no,bandwidth={}",
                                            static_cast<std::int64_t>(std::max(rate_, 1.0))));
    if (!team) return false;
    for (int root = 0; root < static_cast<int>(mine->size()); ++root) {
        double seconds = 0;
        if (!one(*team, large_, root, *mine, seconds)) {
            static_cast<void>(new Team(std::move(*team)));
            return false;
        }
        const double rate = static_cast<double>(large_.size()) / std::max(seconds, 1e-9);
        if (root == place) {
            turn.rate = rate;
        } else {
            turn.as_member = higher(turn.as_member, rate);
        }
    }
    static_cast<void>(team->free());
    MPI_Comm_free(&comm);
    key_ = (options_.seed << 20U) + ((number + 1) << 12U);
    return true;
}

bool BroadcastStage::groups(double deadline, Report& report) {
    if (crew_.size() < 4) return true;
    say_(fmt::format("broadcasts in groups of {}", collectives::group_size_for(crew_.size())));
    const auto nodes = static_cast<std::size_t>(crew_.size());
    const int before = broadcasts_;
    Standings standings;
    std::uint64_t number = 100;
    for (const bool again : {false, true}) {
        Series series(nodes);
        bool enough = false;
        for (int repetition = 0; repetition < options_.repetitions && !enough; ++repetition) {
            Turn turn;
            static_cast<void>(grouping(++number, turn));  // the meeting hears of a failure
            const auto take = [&](const Crew::Gathered& gathered) {
                for (std::size_t i = 0; i < nodes; ++i) {
                    series[i].push_back(
                        std::fmin(gathered[i][rate_column], gathered[i][member_column]));
                }
            };
            if (!hand_in(turn, deadline, repetition + 1 >= least_repetitions, take, enough)) {
                return false;
            }
        }
        // Who shares a group with a slow node is slow with it; so a node has to be slow in each of
        // its groups.
        const auto found = crew_.meet("judging groups", {}, 1, [&](const Crew::Gathered&) {
            const auto now_found = stand(series, {.factor = options_.slow}, Needed::every);
            standings = again ? confirmed(standings, now_found) : now_found;
            return std::vector{outliers(standings).empty() ? 0.0 : 1.0};
        });
        if (!found) return false;
        if (found->front() == 0) break;
        if (!again) say_("somebody is suspected: other groups");
    }
    if (!crew_.conducts()) return true;
    take_standings(report, Kind::groups, standings);
    report.broadcasts += broadcasts_ - before;
    for (const auto& [rank, wrong] : wrongs_) {
        report.findings.push_back(
            {.kind = Kind::integrity,
             .nodes = {rank},
             .text =
                 fmt::format("{} got wrong bytes in {} broadcasts, the last one from {}, and no "
                             "checksum told",
                             report.name(rank), wrong.first, report.name(wrong.second))});
    }
    return true;
}

bool BroadcastStage::drill(Report& report) {
    if (crew_.size() < 2) return true;
    crew_.enters("a segment spoilt on purpose");
    const int root = collectives::random_order(crew_.size(), options_.seed + 11).front();
    const std::vector<int> members = all_of(crew_.size());
    const auto before = spoilers_;
    const double wrong_before = wrong_;
    {
        const Fault fault(fmt::format("corrupt:rank={},at=send:2,bit=77", root));
        auto team = make_team(crew_.comm(), ",segment=16K,probe=no");
        double seconds = 0;
        if (team && !one(*team, large_, root, members, seconds)) {
            static_cast<void>(new Team(std::move(*team)));
            team.reset();
        }
        if (team) static_cast<void>(team->free());
    }
    auto after = std::exchange(spoilers_, before);
    const bool caught = after[root] > (before.contains(root) ? before.at(root) : 0);
    const std::array<double, 2> mine{caught ? 1.0 : 0.0, wrong_ - wrong_before};
    return crew_
        .meet("a segment spoilt on purpose", mine, 0,
              [&](const Crew::Gathered& gathered) {
                  ++report.broadcasts;
                  std::vector<int> blind;
                  for (std::size_t i = 0; i < gathered.size(); ++i) {
                      if (gathered[i][0] == 0 || gathered[i][1] != 0) {
                          blind.push_back(static_cast<int>(i));
                      }
                  }
                  if (blind.empty()) {
                      report.notes.push_back(
                          fmt::format("a segment that {} spoilt on purpose was "
                                      "found, named and repaired",
                                      report.name(root)));
                  } else {
                      report.findings.push_back(
                          {.kind = Kind::integrity,
                           .nodes = blind,
                           .text = fmt::format("{} did not hear of a segment that {} spoilt on "
                                               "purpose",
                                               report.names(blind), report.name(root))});
                  }
                  return std::vector<double>();
              })
        .has_value();
}

bool BroadcastStage::kill(Report& report) {
    if (crew_.size() < 2) return true;
    crew_.enters("a rank killed on purpose");
    const int victim = 1 + collectives::random_order(crew_.size() - 1, options_.seed + 13).front();
    say_(fmt::format("rank {} kills itself now, as --kill wants it", victim));
    const Fault fault(fmt::format("kill:rank={},at=receive:40%", victim));
    auto team = make_team(crew_.comm(), ",segment=16K,probe=no");
    Cast outcome{.error = Error{}};
    if (team) outcome = cast(*team, large_, 0, ++key_, 2 * options_.patience);
    crew_.excuse(victim);
    const bool good = !outcome.stuck && !outcome.error && !outcome.wrong &&
                      outcome.failed == std::vector<int>{victim};
    if (team) static_cast<void>(new Team(std::move(*team)));  // Finalize frees what it can
    const std::array<double, 1> mine{good ? 1.0 : 0.0};
    return crew_
        .meet("a rank killed on purpose", mine, 0,
              [&](const Crew::Gathered& gathered) {
                  ++report.broadcasts;
                  std::vector<int> bad;
                  for (std::size_t i = 0; i < gathered.size(); ++i) {
                      if (static_cast<int>(i) != victim && gathered[i].at(0) == 0) {
                          bad.push_back(static_cast<int>(i));
                      }
                  }
                  if (bad.empty()) {
                      report.notes.push_back(
                          fmt::format("{} was killed on purpose in a broadcast; "
                                      "all others have every byte",
                                      report.name(victim)));
                  } else {
                      report.findings.push_back(
                          {.kind = Kind::alive,
                           .nodes = bad,
                           .text = fmt::format("{} did not get everything when {} was killed on "
                                               "purpose",
                                               report.names(bad), report.name(victim))});
                  }
                  return std::vector<double>();
              })
        .has_value();
}

}  // namespace splitcast::check
