#include "sim/scenario_file.hpp"

#include "sim/world.hpp"

#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace splitcast::sim {

namespace {

constexpr std::string_view line_below = "---\n";

template <class T>
T take(std::istream& in) {
    T value{};
    in >> value;
    return value;
}

std::size_t take_rank(std::istream& in, const Scenario& scenario) {
    const Rank rank = take<Rank>(in);
    if (rank < 0 || rank >= scenario.ranks()) throw std::invalid_argument("no such rank");
    return static_cast<std::size_t>(rank);
}

void set_call(Call& call, const std::string& word, std::istream& in) {
    if (word == "root") {
        in >> call.root;
    } else if (word == "bytes") {
        in >> call.length;
    } else if (word == "segment") {
        in >> call.segment_bytes;
    } else {
        throw std::invalid_argument("not a part of a call: " + word);
    }
}

void set_ranks(Scenario& scenario, Rank ranks) {
    const auto n = static_cast<std::size_t>(ranks);
    scenario.placement = Placement::flat(ranks);
    scenario.calls.assign(n, {});
    scenario.enters.assign(n, 0);
    scenario.memory.assign(n, {});
}

using Setter = std::function<void(Scenario&, std::istream&)>;

Setter for_all_calls(const char* word) {
    return [word](Scenario& s, std::istream& in) {
        set_call(s.calls.at(0), word, in);
        s.calls.assign(s.calls.size(), s.calls[0]);
    };
}

void set_moment(Scenario& scenario, Blow& blow, std::string word, std::istream& in) {
    if (word == "at") {
        in >> blow.at;
        return;
    }
    if (word == "when") {
        blow.whose = static_cast<Rank>(take_rank(in, scenario));
        word = take<std::string>(in);
    }
    for (int kind = 0; kind < Moment::kinds; ++kind) {
        if (word == name(static_cast<Moment::Kind>(kind))) blow.of_kind = kind;
    }
    if (blow.of_kind < 0 && word != "moment")
        throw std::invalid_argument("no such moment: " + word);
    in >> blow.moment;
}

// "die 3 send 5", "stop 2 at 40 for 5000", "cut 1,2 at 30", "die 0 when 3 renew 0".
Setter blow(Blow::Kind kind) {
    return [kind](Scenario& scenario, std::istream& in) {
        Blow blow{.kind = kind, .ranks = {}, .silent = scenario.silent};
        std::istringstream ranks(take<std::string>(in));
        for (std::string one; std::getline(ranks, one, ',');) {
            std::istringstream number(one);
            blow.ranks.push_back(static_cast<Rank>(take_rank(number, scenario)));
        }
        blow.whose = blow.ranks.at(0);
        set_moment(scenario, blow, take<std::string>(in), in);
        std::string word;
        if (in >> word) {
            if (word != "for") throw std::invalid_argument("for how long?");
            in >> blow.lasts;
        } else {
            in.clear(std::ios::eofbit);
        }
        scenario.blows.push_back(std::move(blow));
    };
}

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> all = {
        {"ranks", [](Scenario& s, std::istream& in) { set_ranks(s, take<Rank>(in)); }},
        {"root", for_all_calls("root")},
        {"bytes", for_all_calls("bytes")},
        {"segment", for_all_calls("segment")},
        {"groups",
         [](Scenario& s, std::istream& in) {
             Shape shape;
             in >> shape.group_size >> shape.children >> shape.local_fanout;
             for (Call& call : s.calls) call.shape = shape;
         }},
        {"nodes",
         [](Scenario& s, std::istream& in) {
             std::vector<Place> places(s.calls.size());
             for (Place& place : places) in >> place.node;
             s.placement = Placement(std::move(places));
         }},
        {"enter", [](Scenario& s, std::istream& in) { in >> s.enters[take_rank(in, s)]; }},
        {"call",
         [](Scenario& s, std::istream& in) {
             Call& call = s.calls[take_rank(in, s)];
             set_call(call, take<std::string>(in), in);
         }},
        {"holds",
         [](Scenario& s, std::istream& in) {
             s.repair = true;
             s.held.resize(s.calls.size(), Holdings(s.call(0).segmentation().count()));
             Holdings& held = s.held[take_rank(in, s)];
             for (Segment segment = 0; in >> segment;) held.add(segment);
             in.clear(std::ios::eofbit);
         }},
        {"resumes",
         [](Scenario& s, std::istream& in) {
             s.resume = true;
             std::vector<Holdings> held;
             for (Rank rank = 0; rank < s.ranks(); ++rank) held.push_back(s.held_by(rank));
             s.held = std::move(held);
             Holdings& part = s.held[take_rank(in, s)];
             for (Segment segment = 0; in >> segment;) part.add(segment);
             in.clear(std::ios::eofbit);
         }},
        {"window",
         [](Scenario& s, std::istream& in) {
             in >> s.window.initial >> s.window.smallest >> s.window.largest;
         }},
        {"depth", [](Scenario& s, std::istream& in) { in >> s.receive_depth; }},
        {"message", [](Scenario& s, std::istream& in) { in >> s.delays.message; }},
        {"report", [](Scenario& s, std::istream& in) { in >> s.delays.report; }},
        {"eager", [](Scenario& s, std::istream& in) { in >> s.delays.eager_percent; }},
        {"recovery",
         [](Scenario& s, std::istream&) {
             s.recovery = true;
             s.pulse = {.period = 100, .timeout = 500};
             s.obituary = 5;
         }},
        {"detect",
         [](Scenario& s, std::istream& in) {
             const auto how = take<std::string>(in);
             if (how != "mpi" && how != "beats") throw std::invalid_argument("detect mpi or beats");
             s.silent = how == "beats";
         }},
        {"watch",
         [](Scenario& s, std::istream& in) {
             const auto whom = take<std::string>(in);
             if (whom != "peers" && whom != "root")
                 throw std::invalid_argument("watch peers or root");
             s.peer_beats = whom == "peers";
             s.root_beats = whom == "root";
         }},
        {"mirror",
         [](Scenario& s, std::istream& in) {
             s.mirrors.push_back(static_cast<Rank>(take_rank(in, s)));
         }},
        {"resend",
         [](Scenario& s, std::istream& in) {
             const auto who = take<std::string>(in);
             s.resend = who == "root"     ? Resend::root
                        : who == "mirror" ? Resend::mirror
                                          : Resend::survivors;
         }},
        {"beat", [](Scenario& s, std::istream& in) { in >> s.pulse.period >> s.pulse.timeout; }},
        {"obituary", [](Scenario& s, std::istream& in) { in >> s.obituary; }},
        {"ballot",
         [](Scenario& s, std::istream& in) {
             s.ballots.resize(s.calls.size(), no_ballot);
             s.late_ballots.resize(s.calls.size());
             const std::size_t rank = take_rank(in, s);
             in >> s.ballots[rank] >> s.late_ballots[rank];
         }},
        {"all_here", [](Scenario& s, std::istream&) { s.all_here = true; }},
        {"deaf", [](Scenario& s, std::istream&) { s.deaf = true; }},
        {"die", blow(Blow::Kind::die)},
        {"stop", blow(Blow::Kind::stop)},
        {"cut", blow(Blow::Kind::cut)},
        {"corrupt", blow(Blow::Kind::corrupt)},
        {"leave", blow(Blow::Kind::leave)},
        {"engine", [](Scenario& s, std::istream&) { s.level = Scenario::Level::engine; }},
        {"ring",
         [](Scenario& s, std::istream& in) {
             Scenario::Memory& memory = s.memory[take_rank(in, s)];
             in >> memory.ring;
             memory.sink = true;
         }},
    };
    return all;
}

void read_line(Scenario& scenario, const std::string& line) {
    std::istringstream in(line);
    std::string word;
    if (!(in >> word) || word.starts_with('#')) return;
    const auto setter = setters().find(word);
    if (setter == setters().end()) throw std::invalid_argument("unknown word in: " + line);
    setter->second(scenario, in);
    if (in.fail() || (in >> word)) throw std::invalid_argument("cannot be understood: " + line);
}

}  // namespace

ScenarioFile read_scenario(std::string_view text) {
    ScenarioFile file;
    file.scenario.delays.random = false;
    const std::size_t line = text.find(line_below);
    file.head = text.substr(0, line);
    if (line != std::string_view::npos) file.transcript = text.substr(line + line_below.size());
    std::istringstream in(file.head);
    for (std::string one; std::getline(in, one);) read_line(file.scenario, one);
    return file;
}

std::string play(const Scenario& scenario) {
    std::string out;
    const std::vector<RankPlan> plans = scenario.plans();
    for (std::size_t rank = 0; rank < plans.size(); ++rank) {
        std::istringstream lines(plans[rank].text());
        for (std::string line; std::getline(lines, line);) {
            out += "rank " + std::to_string(rank) + " " + line + "\n";
        }
    }
    out += "\n";
    const Result result = run(scenario, {.transcript = &out});
    if (!result.violation.empty()) out += "violation: " + result.violation + "\n";
    return out;
}

}  // namespace splitcast::sim
