#include "collectives/fault_spec.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>

using namespace splitcast::collectives;

namespace {

std::vector<FaultRule> rules_of(const std::string& text) {
    const auto result = parse_faults(text);
    const auto* problem = std::get_if<std::string>(&result);
    INFO((problem == nullptr ? "" : *problem));
    REQUIRE(problem == nullptr);
    return std::get<std::vector<FaultRule>>(result);
}

FaultRule rule_of(const std::string& text) {
    const auto rules = rules_of(text);
    REQUIRE(rules.size() == 1);
    return rules[0];
}

std::string error_of(const std::string& text) {
    const auto result = parse_faults(text);
    const auto* problem = std::get_if<std::string>(&result);
    return problem == nullptr ? "" : *problem;
}

/// The trigger of the first of the rules' ranks.
FaultTrigger trigger_of(const std::string& text) {
    const auto rules = rules_of(text);
    return {rules, rules.at(0).ranks.at(0)};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A fault text gives its rules in order", "[fault]") {
    const auto rules = rules_of(
        "kill:rank=3,at=relay:50%; stop:rank=2,at=survey;corrupt : rank = 1 , at = send : 10 , "
        "bit=3;delay:rank=4,at=regroup,ms=500; kill:rank=5+0,broadcast=2,at=decide;"
        "exit:rank=6,at=return,code=9;stop:rank=7,at=enter,for=250;");
    REQUIRE(rules.size() == 7);
    CHECK(rules[0] == FaultRule{.ranks = {3}, .point = FaultPoint::relay, .percent = 50});
    CHECK(rules[1] ==
          FaultRule{.action = FaultAction::stop, .ranks = {2}, .point = FaultPoint::survey});
    CHECK(rules[2] == FaultRule{.action = FaultAction::corrupt,
                                .ranks = {1},
                                .point = FaultPoint::send,
                                .time = 10,
                                .bit = 3});
    CHECK(rules[3] == FaultRule{.action = FaultAction::delay,
                                .ranks = {4},
                                .point = FaultPoint::regroup,
                                .milliseconds = 500});
    CHECK(rules[4] == FaultRule{.ranks = {0, 5}, .point = FaultPoint::decide, .broadcast = 2});
    CHECK(rules[5] ==
          FaultRule{
              .action = FaultAction::exit, .ranks = {6}, .point = FaultPoint::leave, .code = 9});
    CHECK(rules[6] == FaultRule{.action = FaultAction::stop,
                                .ranks = {7},
                                .point = FaultPoint::enter,
                                .milliseconds = 250});
}

TEST_CASE("An empty fault text has no rules", "[fault]") {
    CHECK(rules_of("").empty());
    CHECK(rules_of(" ; ;\n").empty());
}

TEST_CASE("Every point has its name, and a rule's text gives the rule again", "[fault]") {
    for (const auto& info : fault_points()) {
        CHECK(text(info.point) == info.name);
        CHECK(&fault_points()[static_cast<std::size_t>(info.point)] == &info);
        CHECK(rule_of("kill:rank=0,at=" + std::string(info.name)).point == info.point);
    }
    const std::string text_of_rule =
        GENERATE("kill:rank=3,at=relay:50%", "stop:rank=2,at=survey",
                 "stop:rank=2,at=survey:2,for=100", "corrupt:rank=1,at=send:10,bit=3",
                 "corrupt:rank=1,at=relay:3,bit=0,to=2", "delay:rank=4,at=regroup,ms=500",
                 "kill:rank=0+5,at=decide,broadcast=2", "exit:rank=6,at=return,code=9");
    CHECK(text(rule_of(text_of_rule)) == text_of_rule);
}

TEST_CASE("What is no rule is refused with the piece and what was expected", "[fault]") {
    CHECK(error_of("kil:rank=1,at=send") ==
          R"(fault "kil": expected one of the actions kill, stop, corrupt, delay, exit, )"
          "as in kill:rank=3,at=relay:50%");
    CHECK(error_of("kill:rank=1,at=send;delay:rank=1,at=send,ms=soon") ==
          R"(fault "ms=soon": expected milliseconds, 1 to 86400000)");
    CHECK(error_of("kill:at=send") ==
          R"(fault "kill:at=send": rank= is missing; expected a rank, or several different ones )"
          "as 1+3+4");
    CHECK(error_of("kill:rank=1,at=send,ms=5") ==
          R"(fault "ms=5": expected name=value, with one of the names rank, at, broadcast)");
    CHECK(error_of("kill:rank=1,rank=2,at=send") == R"(fault "rank=2": rank is given twice)");
    CHECK(error_of("corrupt:rank=1,at=regroup") ==
          R"(fault "corrupt:rank=1,at=regroup": there is no segment to corrupt; expected one of )"
          "the points receive, relay, send");
    const auto far = error_of("kill:rank=1,at=lunch");
    CHECK(contains(far, R"("at=lunch")"));
    for (const auto& info : fault_points()) CHECK(contains(far, info.name));

    const std::string wrong = GENERATE(
        "kill", "kill:", ":rank=1,at=send", "kill:rank=1", "kill:rank=,at=send",
        "kill:rank=-1,at=send", "kill:rank=1+,at=send", "kill:rank=1+1,at=send",
        "kill:rank=x,at=send", "kill:rank=4294967296,at=send",
        "kill:rank=1,at=send:", "kill:rank=1,at=send:0", "kill:rank=1,at=send:-1",
        "kill:rank=1,at=send:101%", "kill:rank=1,at=send:%", "kill:rank=1,at=send:1.5",
        "kill:rank=1,at=send,broadcast=0", "kill:rank=1,at=send,", "kill:rank=1,,at=send",
        "delay:rank=1,at=send", "delay:rank=1,at=send,ms=0", "stop:rank=1,at=send,for=0",
        "exit:rank=1,at=send,code=256", "corrupt:rank=1,at=send,bit=-1",
        "corrupt:rank=1,at=send,to=x", "corrupt:rank=1,at=receive,to=2", "kill:rank=1,at=send,to=2",
        "kill rank=1 at=send", "kill:rank=1,at=send kill:rank=2");
    INFO(wrong);
    CHECK(error_of(wrong).starts_with("fault \""));
    CHECK((contains(error_of(wrong), "expected") || contains(error_of(wrong), "twice")));
}

TEST_CASE("A rule concerns its ranks only", "[fault]") {
    const auto rules = rules_of("kill:rank=1+3,at=enter");
    for (Rank rank = 0; rank < 5; ++rank) {
        FaultTrigger trigger(rules, rank);
        const bool mine = rank == 1 || rank == 3;
        CHECK(trigger.armed() == mine);
        CHECK(trigger.at(FaultPoint::enter, 0, 1).has_value() == mine);
        CHECK_FALSE(trigger.armed());
    }
    CHECK_FALSE(FaultTrigger().at(FaultPoint::enter, 0, 1));
}

TEST_CASE("A rule fires at the first hit, and once", "[fault]") {
    auto trigger = trigger_of("kill:rank=1,at=relay");
    CHECK_FALSE(trigger.at(FaultPoint::enter, 0, 1));
    CHECK_FALSE(trigger.at(FaultPoint::send, 0, 1));
    CHECK(trigger.at(FaultPoint::relay, 0, 1) == rule_of("kill:rank=1,at=relay"));
    CHECK_FALSE(trigger.at(FaultPoint::relay, 0, 1));
    CHECK_FALSE(trigger.at(FaultPoint::relay, 0, 2));
}

TEST_CASE("A share waits until as much is held", "[fault]") {
    auto trigger = trigger_of("kill:rank=1,at=relay:50%");
    CHECK_FALSE(trigger.at(FaultPoint::relay, 49, 1));
    CHECK_FALSE(trigger.at(FaultPoint::receive, 80, 1));
    CHECK(trigger.at(FaultPoint::relay, 51, 1));
    CHECK(trigger_of("kill:rank=1,at=enter:0%").at(FaultPoint::enter, 0, 1));
}

TEST_CASE("A count is of this rank's passes, in the broadcast if one is named", "[fault]") {
    auto any = trigger_of("corrupt:rank=1,at=send:3");
    CHECK_FALSE(any.at(FaultPoint::send, 0, 1));
    CHECK_FALSE(any.at(FaultPoint::send, 0, 1));
    CHECK(any.at(FaultPoint::send, 0, 2));

    auto link = trigger_of("corrupt:rank=1,at=send:2,to=3");
    CHECK_FALSE(link.at(FaultPoint::send, 0, 1, 2));
    CHECK_FALSE(link.at(FaultPoint::send, 0, 1, 3));
    CHECK_FALSE(link.at(FaultPoint::send, 0, 1));
    CHECK(link.at(FaultPoint::send, 0, 1, 3));
    auto named = trigger_of("corrupt:rank=1,at=send:2,broadcast=2");
    for (int i = 0; i < 5; ++i) CHECK_FALSE(named.at(FaultPoint::send, 0, 1));
    CHECK_FALSE(named.at(FaultPoint::send, 0, 2));
    CHECK_FALSE(named.at(FaultPoint::send, 0, 3));
    CHECK(named.at(FaultPoint::send, 0, 2));
}

TEST_CASE("Of two rules that are due the first goes first", "[fault]") {
    auto trigger = trigger_of("delay:rank=1,at=notice,ms=5;kill:rank=1,at=notice");
    CHECK(trigger.at(FaultPoint::notice, 10, 1)->action == FaultAction::delay);
    CHECK(trigger.armed());
    CHECK(trigger.at(FaultPoint::notice, 10, 1)->action == FaultAction::kill);
    CHECK_FALSE(trigger.armed());
}

TEST_CASE("A rule for a rank that does not exist is told", "[fault]") {
    const auto wrong = [](std::string_view text, Rank ranks) {
        return check_ranks(std::get<std::vector<FaultRule>>(parse_faults(text)), ranks);
    };
    CHECK_FALSE(wrong("", 1));
    CHECK_FALSE(wrong("kill:rank=0+3,at=enter", 4));
    CHECK_FALSE(wrong("corrupt:rank=1,at=send,to=3", 4));
    CHECK(wrong("kill:rank=0,at=enter; kill:rank=1+4,at=relay:50%", 4) ==
          "fault \"kill:rank=1+4,at=relay:50%\": there is no rank 4; expected 0 to 3");
    CHECK(wrong("corrupt:rank=1,at=send,to=4", 4) ==
          "fault \"corrupt:rank=1,at=send,bit=0,to=4\": there is no rank 4; expected 0 to 3");
    CHECK(wrong("kill:rank=1,at=enter", 1) ==
          "fault \"kill:rank=1,at=enter\": there is no rank 1; expected 0");
}
