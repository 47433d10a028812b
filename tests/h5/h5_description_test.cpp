#include "h5/description.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace splitcast::h5;

namespace {

Description example() {
    Description description;
    description.path = "/state";
    description.batch = 12345;
    description.image = Bytes(100, std::byte{7});
    Item item;
    item.path = "/state/field";
    item.way = Way::chunks;
    item.dims = {1ULL << 33, 5};
    item.element = 8;
    item.chunks = 3;
    item.stored = 1ULL << 40;
    item.sparse = true;
    item.selection = {{1, 2, 3, 4}, {0, 1, 5, 1}};
    description.items = {Item{}, item};
    description.left_out = {"/a: why", ""};
    return description;
}

}  // namespace

TEST_CASE("a description comes out as it went in") {
    const Description put = example();
    const auto got = decode_description(encode(put));
    REQUIRE(got);
    CHECK(got->path == put.path);
    CHECK(got->batch == put.batch);
    CHECK(got->image == put.image);
    CHECK(got->items == put.items);
    CHECK(got->left_out == put.left_out);
}

TEST_CASE("a description that is cut short, or goes on, is refused") {
    const Bytes whole = encode(example());
    for (std::size_t length = 0; length < whole.size(); ++length)
        REQUIRE(!decode_description(std::span(whole).first(length)));
    Bytes longer = whole;
    longer.push_back(std::byte{0});
    CHECK(!decode_description(longer));
}

TEST_CASE("a description with any one byte spoilt does no harm") {
    const Bytes whole = encode(example());
    for (std::size_t i = 0; i < whole.size(); ++i) {
        Bytes spoilt = whole;
        spoilt[i] ^= std::byte{0xff};
        (void)decode_description(spoilt);  // refused or not: nothing is read beyond its end
    }
}

TEST_CASE("a table of chunks, and the chunks after it") {
    const std::vector<ChunkEntry> chunks{{0, 10, 0}, {1ULL << 40, 0, 3}, {7, 5, 0xffffffff}};
    Bytes batch = encode_table(chunks);
    CHECK(batch.size() == table_bytes(chunks.size()));
    CHECK(!decode_table(batch));
    batch.resize(batch.size() + 15);
    const auto got = decode_table(batch);
    REQUIRE(got);
    CHECK(*got == chunks);
    batch.pop_back();
    CHECK(!decode_table(batch));
    CHECK(!decode_table({}));
    const std::vector<ChunkEntry> none;
    CHECK(decode_table(encode_table(none))->empty());
}

TEST_CASE("batches are full, but never of nothing") {
    const std::vector<ChunkEntry> chunks{{0, 100, 0}, {1, 100, 0}, {2, 5000, 0}, {3, 1, 0}};
    CHECK(batch_of(chunks, 1) == 1);
    CHECK(batch_of(chunks, table_bytes(2) + 200) == 2);
    CHECK(batch_of(chunks, table_bytes(2) + 199) == 1);
    CHECK(batch_of(std::span(chunks).subspan(2), 1000) == 1);
    CHECK(batch_of(chunks, 1 << 20) == 4);
    CHECK(batch_of({}, 10) == 0);
}
