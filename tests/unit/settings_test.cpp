#include "collectives/settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <set>
#include <string>
#include <tuple>

using namespace splitcast::collectives;

namespace {

std::string error_of(const std::vector<Layer>& layers) {
    const auto result = resolve(layers);
    const auto* error = std::get_if<std::string>(&result);
    return error == nullptr ? "" : *error;
}

std::string error_of(const std::string& name, const std::string& value) {
    return error_of({{Origin::call, {{name, value}}}});
}

Resolved resolved(const std::vector<Layer>& layers) {
    auto result = resolve(layers);
    REQUIRE(std::holds_alternative<Resolved>(result));
    return std::get<Resolved>(result);
}

Resolved::Entry entry(const Resolved& resolved, std::string_view name) {
    for (std::size_t i = 0; i < parameters().size(); ++i) {
        if (parameters()[i].name == name) return resolved.entries[i];
    }
    return {"no such parameter", Origin::standard};
}

Bytes size_of(std::string_view text) {
    const auto result = parse_size(text);
    return std::holds_alternative<Bytes>(result) ? std::get<Bytes>(result) : -1;
}

}  // namespace

TEST_CASE("Sizes are read with binary units", "[settings]") {
    const auto [text, bytes] = GENERATE(table<std::string, Bytes>({
        {"0", 0},
        {"200000", 200000},
        {"64K", 65536},
        {"64k", 65536},
        {"64KiB", 65536},
        {"64 KB", 65536},
        {" 1.5M ", 1572864},
        {"2G", Bytes{2} << 30},
        {"1T", Bytes{1} << 40},
        {"12B", 12},
        {"0.5K", 512},
        {"9223372036854775807", std::numeric_limits<Bytes>::max()},
    }));
    INFO(text);
    CHECK(size_of(text) == bytes);
}

TEST_CASE("What is no size is refused in words", "[settings]") {
    const std::string text =
        GENERATE("", " ", "K", "B", "i", "abc", "-1", "+1", "64X", "64KK", "64i", "64iB", "1e3",
                 "0x10", "1..5", ".5K", "1.5", "0.3K", "nan", "inf", "9223372036854775808",
                 "8388608T", "9007199254740993.0");
    INFO(text);
    const auto result = parse_size(text);
    REQUIRE(std::holds_alternative<std::string>(result));
    CHECK(std::get<std::string>(result).find("is not a size") != std::string::npos);
}

TEST_CASE("Assignments are read as a list", "[settings]") {
    CHECK(std::get<Assignments>(parse_assignments("")).empty());
    CHECK(std::get<Assignments>(parse_assignments("  ")).empty());
    CHECK(std::get<Assignments>(parse_assignments(" segment = 64K ,probe=no")) ==
          Assignments{{"segment", "64K"}, {"probe", "no"}});
    CHECK(std::get<Assignments>(parse_assignments("a=b=c,d=")) ==
          Assignments{{"a", "b=c"}, {"d", ""}});
    CHECK(std::get<std::string>(parse_assignments("segment")) ==
          R"(settings: name=value is expected, not "segment")");
    CHECK(std::holds_alternative<std::string>(parse_assignments("a=1,")));
    CHECK(std::holds_alternative<std::string>(parse_assignments("a=1,,b=2")));
    CHECK(std::holds_alternative<std::string>(parse_assignments("=1")));
}

TEST_CASE("A site file has one assignment a line, and comments", "[settings]") {
    CHECK(std::get<Assignments>(parse_site_file("")).empty());
    CHECK(std::get<Assignments>(
              parse_site_file("# the cluster\n\n segment = 1M # fast links\r\nprobe=no")) ==
          Assignments{{"segment", "1M"}, {"probe", "no"}});
    CHECK(std::get<std::string>(parse_site_file("probe = no\n\nsegment 1M\n")) ==
          R"(line 3: name=value is expected, not "segment 1M")");
}

TEST_CASE("Without assignments the defaults hold", "[settings]") {
    const auto result = resolved({});
    CHECK(result.settings == Settings{});
    REQUIRE(result.entries.size() == parameters().size());
    for (const auto& item : result.entries) CHECK(item.origin == Origin::standard);
    CHECK(entry(result, "staging").value == "8M");
    CHECK(entry(result, "drop_in_minimum").value == "64K");
    CHECK(entry(result, "probe").value == "yes");
    CHECK(entry(result, "latency").value == "0");
}

TEST_CASE("The values shown give the same settings again", "[settings]") {
    const auto first = resolved({{Origin::call,
                                  {{"group_size", "7"},
                                   {"children", "2"},
                                   {"local_fanout", "1"},
                                   {"segment", "1.5M"},
                                   {"window", "3"},
                                   {"receive_depth", "9"},
                                   {"probe", "OFF"},
                                   {"bandwidth", "125000000"},
                                   {"latency", "2.75"},
                                   {"staging", "64K"},
                                   {"drop_in_minimum", "0"},
                                   {"survive", "On"},
                                   {"detect", "peers"},
                                   {"heartbeat", "0.05"},
                                   {"timeout", "0.4"},
                                   {"resend", "mirror"},
                                   {"mirrors", "5+3"},
                                   {"integrity", "yes"},
                                   {"report", "true"}}}});
    for (const auto& item : first.entries)
        CHECK(item.origin == Origin::call);  // every parameter has been set
    Layer again{Origin::info, {}};
    for (std::size_t i = 0; i < parameters().size(); ++i) {
        again.values.emplace_back(parameters()[i].name, first.entries[i].value);
    }
    CHECK(resolved({again}).settings == first.settings);
    CHECK(first.settings.segment == 1572864);
    CHECK(entry(first, "segment").value == "1536K");
    CHECK_FALSE(first.settings.probe);
    CHECK(first.settings.latency == 2.75);
}

TEST_CASE("Later layers win, and each value tells where it is from", "[settings]") {
    const auto result =
        resolved({{Origin::site_file, {{"segment", "1M"}, {"window", "4"}, {"children", "3"}}},
                  {Origin::environment, {{"segment", "2M"}, {"window", "5"}}},
                  {Origin::call, {{"segment", "3M"}, {"segment", "4M"}}}});
    CHECK(entry(result, "segment") == Resolved::Entry{"4M", Origin::call});
    CHECK(entry(result, "window") == Resolved::Entry{"5", Origin::environment});
    CHECK(entry(result, "children") == Resolved::Entry{"3", Origin::site_file});
    CHECK(entry(result, "probe") == Resolved::Entry{"yes", Origin::standard});
    CHECK(text(Origin::environment) == "environment");
}

TEST_CASE("An unknown name is an error with the nearest name", "[settings]") {
    CHECK(error_of({{Origin::environment, {{"segmnt", "1M"}}}}) ==
          R"(unknown setting "segmnt" (environment); did you mean "segment"?)");
    CHECK(error_of("groupsize", "4").find(R"(did you mean "group_size"?)") != std::string::npos);
    CHECK(error_of("Window", "4").find(R"(did you mean "window"?)") != std::string::npos);
    CHECK(error_of("local_fanuot", "4").find(R"(did you mean "local_fanout"?)") !=
          std::string::npos);
    const auto far = error_of("colour", "blue");
    CHECK(far.find("did you mean") == std::string::npos);
    for (const auto& info : parameters()) CHECK(far.find(info.name) != std::string::npos);
}

TEST_CASE("A value that cannot be is an error that says what could", "[settings]") {
    CHECK(error_of("group_size", "-1") ==
          "setting group_size=-1 (call): expected a whole number, 0 to 1048576 ranks");
    CHECK(error_of("segment", "big") ==
          "setting segment=big (call): expected a size such as 64K, 0 or 1 to 1G bytes");
    CHECK(error_of("probe", "maybe") == "setting probe=maybe (call): expected yes or no");

    const auto [name, value] = GENERATE(table<std::string, std::string>({
        {"group_size", ""},
        {"group_size", "4.0"},
        {"group_size", "99999999999999999999"},
        {"children",
         "4 "
         "5"},
        {"local_fanout", "0"},
        {"segment", "1G1"},
        {"segment", "1025M"},
        {"staging", "0"},
        {"staging", "1"},
        {"latency", "-1"},
        {"latency", "nan"},
        {"latency", "inf"},
        {"latency", "5us"},
        {"probe", "2"},
    }));
    INFO(name << "=" << value);
    CHECK(error_of(name, value).find("expected") != std::string::npos);
}

TEST_CASE("Fingerprints tell settings apart", "[settings]") {
    CHECK(fingerprint(Settings{}) == fingerprint(Settings{}));
    std::set<std::uint64_t> seen{fingerprint(Settings{})};
    for (const auto& info : parameters()) {
        for (const std::string value : {"77", "78", "77K", "78K", "yes", "no"}) {
            const auto result =
                resolve(std::vector<Layer>{{Origin::call, {{std::string(info.name), value}}}});
            const auto* changed = std::get_if<Resolved>(&result);
            if (changed == nullptr || changed->settings == Settings{}) continue;
            INFO(info.name << "=" << value);
            CHECK(seen.insert(fingerprint(changed->settings)).second);
        }
    }
    CHECK(seen.size() > parameters().size());
    CHECK(fingerprint(resolved({{Origin::call, {{"latency", "-0"}}}}).settings) ==
          fingerprint(Settings{}));
}
