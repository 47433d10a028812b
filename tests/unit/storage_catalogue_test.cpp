#include "storage/batches.hpp"
#include "storage/catalogue.hpp"
#include "storage/compression.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

using namespace splitcast;
using namespace splitcast::storage;

namespace {

/// Less than `end`.
std::size_t below(tests::Random& random, std::size_t end) {
    return static_cast<std::size_t>(random.next() % end);
}

Entry folder(std::int32_t parent, std::string name) {
    Entry entry{.kind = Kind::folder, .parent = parent, .name = std::move(name)};
    entry.mode = 0755;
    return entry;
}

Entry file(std::int32_t parent, std::string name, std::int64_t size) {
    Entry entry{.parent = parent, .name = std::move(name)};
    entry.mode = 0644;
    entry.size = size;
    if (size > 0) entry.extents = {{0, size}};
    return entry;
}

Entry twin(std::int32_t parent, std::string name, std::int32_t of) {
    Entry entry{.kind = Kind::twin, .parent = parent, .name = std::move(name)};
    entry.twin_of = of;
    return entry;
}

Entry link(std::int32_t parent, std::string name, std::string target) {
    Entry entry{.kind = Kind::link, .parent = parent, .name = std::move(name)};
    entry.target = std::move(target);
    return entry;
}

/// One of everything.
Catalogue sample() {
    Catalogue catalogue;
    auto& entries = catalogue.entries;
    entries.push_back(folder(-1, "0"));
    entries.push_back(file(0, "a\nb \xff", 5));
    entries.push_back(folder(0, "c"));
    entries.push_back(twin(2, "again", 1));
    entries.push_back(link(2, "link", "../../etc"));
    entries.push_back({.kind = Kind::pipe, .parent = 2, .name = "pipe", .mode = 0640});
    entries.push_back(file(2, "sparse", std::int64_t{1} << 40));
    entries.back().extents = {{4096, 10}, {std::int64_t{1} << 39, 4096}};
    entries.push_back(file(2, "vast", 1 << 20));
    entries.back().extents.clear();
    entries.push_back(file(-1, "1", 0));
    entries[1].modified = {-5, 999'999'999};
    entries[1].accessed = {1'700'000'000, 1};
    entries[1].owner = UINT32_MAX;
    entries[1].mode = 07777;
    entries[1].attributes = {{"user.empty", ""}, {"user.text", std::string("zero\0in it", 10)}};
    return catalogue;
}

/// Decoded as it is, sound or not.
Result<Catalogue> through(const Catalogue& catalogue) { return decode(encode(catalogue)); }

Result<Catalogue> with(const Entry& entry) {
    Catalogue catalogue = sample();
    catalogue.entries.insert(catalogue.entries.begin() + 8, entry);
    return through(catalogue);
}

void refused(const Result<Catalogue>& result) {
    REQUIRE(!result);
    CHECK(result.error().status == Status::integrity);
}

}  // namespace

TEST_CASE("a catalogue comes through as it was") {
    const Catalogue catalogue = sample();
    const auto found = through(catalogue);
    REQUIRE(found);
    CHECK(*found == catalogue);
    CHECK(found->items() == 2);
    CHECK(found->path(3) == "c/again");
    CHECK(found->path(0).empty());
    CHECK(found->item(6) == 0);
    CHECK(found->item(8) == 1);
    CHECK(totals(*found) == CatalogueTotals{.files = 4,
                                            .folders = 2,
                                            .entries = 9,
                                            .bytes = 5 + (std::int64_t{1} << 40) + (1 << 20),
                                            .data = 5 + 10 + 4096,
                                            .largest = std::int64_t{1} << 40});
    CHECK(through({})->entries.empty());
}

TEST_CASE("what is compared leaves out when it was read") {
    Catalogue one = sample();
    Catalogue other = sample();
    other.entries[2].accessed.seconds = 7;
    CHECK(encode(one) != encode(other));
    CHECK(encode(one, Encoding::comparable) == encode(other, Encoding::comparable));
    other.entries[2].modified.seconds = 7;
    CHECK(encode(one, Encoding::comparable) != encode(other, Encoding::comparable));
}

TEST_CASE("a catalogue that leads elsewhere is refused") {
    for (const char* name : {"", ".", "..", "a/b", "/etc", "../x"}) {
        INFO("name \"" << name << '"');
        refused(with(file(2, name, 1)));
        refused(with(folder(2, name)));
        refused(with(link(2, name, "x")));
    }
    refused(with(file(2, std::string("a\0b", 3), 1)));
    refused(with(file(2, std::string(256, 'n'), 1)));
    refused(with(file(1, "in a file", 1)));
    refused(with(file(4, "in a link", 1)));
    refused(with(file(3, "in a twin", 1)));
    refused(with(file(2, "link", 1)));  // twice
    refused(with(file(2, "vast", 1)));  // twice
    refused(with(folder(-1, "2")));     // 1 comes first
    refused(with(folder(-1, "etc")));
    refused(with(link(2, "x", "")));
    refused(with(link(2, "x", std::string("a\0b", 3))));
    refused(with(twin(2, "x", 2)));  // of a folder
    refused(with(twin(2, "x", 3)));  // of a twin
    REQUIRE(with(file(2, "x", 1)));
}

TEST_CASE("a catalogue with impossible sizes is refused") {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    refused(with(file(2, "x", most)));  // more than there can be, with the others
    Entry entry = file(2, "x", 100);
    for (const std::vector<Extent>& extents : std::vector<std::vector<Extent>>{
             {{0, 101}}, {{50, 51}}, {{101, 1}}, {{10, 0}}, {{0, 60}, {50, 10}}, {{0, most}}}) {
        entry.extents = extents;
        refused(with(entry));
    }
    entry.extents = {{0, 60}, {60, 40}};
    CHECK(with(entry));
}

TEST_CASE("folders that are nested too deep are refused") {
    Catalogue catalogue;
    catalogue.entries.push_back(folder(-1, "0"));
    for (std::int32_t i = 0; i < deepest; ++i) catalogue.entries.push_back(folder(i, "f"));
    CHECK(through(catalogue));
    catalogue.entries.push_back(folder(deepest, "f"));
    refused(through(catalogue));
}

TEST_CASE("a catalogue that is cut, or spoilt, is refused or sound") {
    const std::vector<std::byte> bytes = encode(sample());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        refused(decode(std::span(bytes).first(length)));
    }
    auto longer = bytes;
    longer.push_back(std::byte{0});
    refused(decode(longer));

    tests::Random random(20261122);
    for (int run = 0; run < 20'000; ++run) {
        auto spoilt = bytes;
        for (auto count = 1 + below(random, 3); count > 0; --count) {
            spoilt[below(random, spoilt.size())] = static_cast<std::byte>(random.next());
        }
        const auto found = decode(spoilt);
        if (!found) continue;
        // Whatever it says, it says it within bounds; and what is sound comes through again.
        CHECK(*through(*found) == *found);
    }
    for (int run = 0; run < 20'000; ++run) {
        std::vector<std::byte> noise(below(random, 60));
        for (auto& byte : noise) byte = static_cast<std::byte>(random.next());
        static_cast<void>(decode(noise));
    }
}

TEST_CASE("batches cover a stream") {
    constexpr std::int64_t mebibyte = 1 << 20;
    const std::int64_t length = GENERATE_COPY(values<std::int64_t>(
        {0, 1, mebibyte - 1, mebibyte, mebibyte + 1, 3 * mebibyte, 15 * mebibyte, 15 * mebibyte + 1,
         31 * mebibyte, 31 * mebibyte + 1, 1000 * mebibyte + 7}));
    const Batches batches(length);
    std::int64_t end = 0;
    for (std::int64_t i = 0; i < batches.count(); ++i) {
        CHECK(batches.offset(i) == end);
        CHECK(batches.size(i) > 0);
        CHECK(batches.size(i) <= Batches::largest);
        if (i + 1 < batches.count())
            CHECK(batches.size(i) ==
                  std::min(mebibyte << std::min<std::int64_t>(i, 20), Batches::largest));
        end += batches.size(i);
    }
    CHECK(end == length);
}

TEST_CASE("what was packed is unpacked") {
    const Codec codec = GENERATE(Codec::lz4, Codec::zstd);
    Compressor compressor(codec);
    std::vector<std::byte> plain(300'000);
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::byte>(i / 100);
    std::vector<std::byte> packed(compressor.bound(plain.size()));
    const std::size_t size = compressor.pack(plain, packed);
    REQUIRE(size > 0);
    REQUIRE(size < plain.size() / 10);
    packed.resize(size);
    std::vector<std::byte> again(plain.size());
    REQUIRE(compressor.unpack(packed, again));
    CHECK(again == plain);

    std::vector<std::byte> other(plain.size() - 1);
    CHECK(!compressor.unpack(packed, other));
    other.resize(plain.size() + 1);
    CHECK(!compressor.unpack(packed, other));
    CHECK(!compressor.unpack(std::span(packed).first(size / 2), again));
    tests::Random random(7);
    for (int run = 0; run < 200; ++run) {
        auto spoilt = packed;
        for (int i = 0; i < 5; ++i)
            spoilt[below(random, size)] = static_cast<std::byte>(random.next());
        static_cast<void>(compressor.unpack(spoilt, again));
    }
}

TEST_CASE("noise is sent as it is") {
    const Codec codec = GENERATE(Codec::lz4, Codec::zstd);
    tests::Random random(1);
    std::vector<std::byte> noise(100'000);
    for (auto& byte : noise) byte = static_cast<std::byte>(random.next());
    Compressor compressor(codec);
    std::vector<std::byte> packed(compressor.bound(noise.size()));
    CHECK(compressor.pack(noise, packed) == 0);
    CHECK(measure(codec, noise).pack == 0);
}

TEST_CASE("the codec is the one that gets most through") {
    const CodecSpeed lz4{.ratio = 2, .pack = 600e6, .unpack = 2e9};
    const CodecSpeed zstd{.ratio = 3, .pack = 300e6, .unpack = 900e6};
    CHECK(choose_codec(12e6, lz4, zstd) == Codec::zstd);   // 100 Mbit/s: the ratio counts
    CHECK(choose_codec(125e6, lz4, zstd) == Codec::zstd);  // 1 Gbit/s: 250 against 300 MB/s
    CHECK(choose_codec(150e6, lz4, zstd) == Codec::lz4);   // zstd is at its end, lz4 is not
    CHECK(choose_codec(1.2e9, lz4, zstd) == Codec::none);  // 10 Gbit/s: the link is faster
    CHECK(choose_codec(0, lz4, zstd) == Codec::none);      // memory
    const CodecSpeed nothing;                              // did not get smaller
    CHECK(choose_codec(12e6, nothing, nothing) == Codec::none);
    CHECK(choose_codec(12e6, {.ratio = 1.05, .pack = 1e9, .unpack = 1e9}, nothing) == Codec::none);
}
