#include "cli/copy_options.hpp"
#include "cli/libraries.hpp"
#include "cli/progress.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace splitcast;
using namespace splitcast::cli;

TEST_CASE("what --progress understands") {
    using How = ProgressWish::How;
    CHECK(parse_progress("auto")->how == How::automatic);
    CHECK(parse_progress("yes")->how == How::redraw);
    CHECK(parse_progress("no")->how == How::none);
    CHECK(parse_progress("2.5")->how == How::lines);
    CHECK(parse_progress("2.5")->seconds == 2.5);
    for (const char* wrong : {"", "0", "-1", "nan", "inf", "1s", "YES", "2.5 "}) {
        CHECK_FALSE(parse_progress(wrong));
    }
}

TEST_CASE("the rate is that of the last few seconds") {
    Rate rate;
    CHECK(rate.bytes_per_second() == 0);
    rate.add(2, 200);
    CHECK(rate.bytes_per_second() == 100);
    for (int second = 3; second <= 10; ++second) rate.add(second, 200 + (second - 2) * 50);
    CHECK(rate.bytes_per_second() == 50);
    for (int second = 11; second <= 20; ++second) rate.add(second, 600);
    CHECK(rate.bytes_per_second() == 0);
}

TEST_CASE("how far a copy is, in words") {
    CHECK(text({.bytes = 0, .total = 4 << 20, .ranks = 8}, 0) ==
          "0 bytes of 4.00 MiB, 0%, 0 bytes/s, 8 ranks");
    CHECK(text({.bytes = 1 << 20, .total = 4 << 20, .ranks = 1}, 1 << 20) ==
          "1.00 MiB of 4.00 MiB, 25%, 1.00 MiB/s, 0:03 left, 1 rank");
    CHECK(
        text({.bytes = 0, .total = 1 << 30, .ranks = 2}, (1 << 30) / 7325.0).find("2:02:05 left") !=
        std::string::npos);
    CHECK(text({.bytes = 0, .total = 0, .ranks = 2}, 0).find("100%") != std::string::npos);
    // What was only just not everything is not called so.
    CHECK(text({.bytes = 999, .total = 1000, .ranks = 2}, 0).find("99%") != std::string::npos);
}

TEST_CASE("a codec may follow -C at once") {
    std::vector<std::string> arguments{"copy", "-Clz4", "-C", "-C=zstd", "-Cx", "--", "-Clz4"};
    spell_out_codec(arguments);
    CHECK(arguments == std::vector<std::string>{"copy", "--compress=lz4", "-C", "--compress=zstd",
                                                "--compress=x", "--", "-Clz4"});
    arguments = {"copy", "-C", "zstd", "source", "-C", "./lz4", "--compress"};
    spell_out_codec(arguments);
    CHECK(arguments == std::vector<std::string>{"copy", "--compress=zstd", "source", "-C", "./lz4",
                                                "--compress"});
}

TEST_CASE("libraries, as ldd tells of them") {
    constexpr const char* said =
        "\tlinux-vdso.so.1 (0x00007ffd3d5d6000)\n"
        "\tlibb.so.2 => /opt/b (old)/libb.so.2 (0x00007f0b1c000000)\n"
        "\tliba.so => /opt/a/liba.so (0x00007f0b1c200000)\n"
        "\tliba.so => /opt/a/liba.so (0x00007f0b1c200000)\n"
        "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0b1be00000)\n"
        "\tlibd.so => /lib64x/libd.so (0x00007f0b1be00000)\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0b1c4d5000)\n";
    const std::vector<std::string> usual{"/lib", "/usr/lib", "/lib64", "/usr/lib64"};
    CHECK(libraries_in(said, "p", usual).value() ==
          std::vector<std::string>{"/lib64x/libd.so", "/opt/a/liba.so", "/opt/b (old)/libb.so.2"});
    CHECK(libraries_in(said, "p", {}).value().size() == 4);
    CHECK(libraries_in(said, "p", std::vector<std::string>{"/"}).value().empty());
    CHECK(libraries_in("\tstatically linked\n", "p", {}).value().empty());
    const auto missing = libraries_in("\tlibx.so => not found\n", "p", usual);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().status == Status::source);
    CHECK(missing.error().text.starts_with("libx.so, which p needs, is not found"));
}
