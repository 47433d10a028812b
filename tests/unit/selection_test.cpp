#include "collectives/selection.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using splitcast::collectives::Bytes;
using splitcast::collectives::Choice;
using splitcast::collectives::choose;
using splitcast::collectives::Links;
using splitcast::collectives::Settings;

namespace {

constexpr Bytes kib = 1 << 10;
constexpr Bytes mib = 1 << 20;

Links ethernet(double megabits) {
    return {.latency = 100e-6,
            .bandwidth = megabits * 1e6 / 8,
            .overhead = 10e-6,
            .shared_memory = false,
            .measured = true};
}

}  // namespace

TEST_CASE("every choice is one that a schedule can be made of") {
    for (const int units : {1, 2, 3, 4, 8, 17, 64, 1000, 4096}) {
        for (Bytes length = 0; length < 4096 * mib; length = length * 7 + 1) {
            for (const Links& links :
                 {ethernet(100), ethernet(100000), Links{.shared_memory = true}}) {
                const Choice choice = choose(length, units, links, {});
                CAPTURE(units, length, choice.text());
                CHECK(choice.shape.group_size >= 1);
                CHECK(choice.shape.group_size <= std::max(1, units - 1));
                CHECK(choice.shape.children >= 1);
                CHECK(choice.segment_bytes >= 1);
                CHECK(choice.window_limit >= choice.window);
                CHECK(choice.receive_depth >= 1);
                CHECK(choice.seconds >= 0);
            }
        }
    }
}

TEST_CASE("what is set is kept") {
    Settings settings;
    settings.group_size = 3;
    settings.children = 2;
    settings.segment = 12345;
    settings.window = 5;
    settings.receive_depth = 9;
    settings.local_fanout = 7;
    const Choice choice = choose(16 * mib, 20, ethernet(1000), settings);
    CHECK(choice.shape.group_size == 3);
    CHECK(choice.shape.children == 2);
    CHECK(choice.shape.local_fanout == 7);
    CHECK(choice.segment_bytes == 12345);
    CHECK(choice.window == 5);
    CHECK(choice.window_limit == 5);
    CHECK(choice.receive_depth == 9);
}

TEST_CASE("more data, larger segments; more units, more groups than one") {
    const Links links = ethernet(100);
    Bytes before = 0;
    for (const Bytes length : {64 * kib, 1 * mib, 16 * mib, 256 * mib}) {
        const Bytes segment = choose(length, 8, links, {}).segment_bytes;
        CHECK(segment >= before);
        before = segment;
    }
    const Choice wide = choose(16 * mib, 1000, links, {});
    CHECK(wide.shape.group_size < 999);
    CHECK(wide.shape.group_size > 1);
}

TEST_CASE("the model expects what the lower bound allows, and not much more, for large data") {
    for (const int units : {2, 4, 8, 16, 64}) {
        const Links links = ethernet(100);
        const Choice choice = choose(64 * mib, units, links, {});
        const double bound = static_cast<double>(64 * mib) / links.bandwidth;
        CAPTURE(units, choice.text());
        CHECK(choice.seconds >= bound);
        CHECK(choice.seconds <= 1.05 * bound);
    }
}

TEST_CASE("the reason is one line that names what matters") {
    const std::string text = choose(16 * mib, 8, ethernet(100), {}).text();
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find("8 nodes") != std::string::npos);
    CHECK(text.find("100 Mbit/s") != std::string::npos);
    CHECK(text.find("measured") != std::string::npos);
    CHECK(text.size() < 200);  // fits the C interface's report
}
