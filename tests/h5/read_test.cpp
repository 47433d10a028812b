// HDF5 datasets to memory of every rank: everything that a file can hold, against what HDF5 itself
// reads.

#include "h5/samples.hpp"
#include "splitcast/h5.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using splitcast::Status;
using splitcast::Team;
namespace h5 = splitcast::h5;

namespace {

std::uint64_t seed() {
    const char* given = std::getenv("SPLITCAST_SEED");
    return given == nullptr ? 20240607 : std::strtoull(given, nullptr, 10);
}

int world_rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

/// A folder of this run, made and removed by rank 0.
class Folder {
public:
    Folder() {
        std::array<char, 64> name{"/tmp/splitcast-h5-test.XXXXXX"};
        if (world_rank() == 0) REQUIRE(mkdtemp(name.data()) != nullptr);
        MPI_Bcast(name.data(), name.size(), MPI_BYTE, 0, MPI_COMM_WORLD);
        path_ = name.data();
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        MPI_Barrier(MPI_COMM_WORLD);
        if (world_rank() == 0 && std::system(("rm -rf " + path_).c_str()) != 0)
            std::fprintf(stderr, "%s stays\n", path_.c_str());
    }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

Team make_team() {
    auto team = Team::create(MPI_COMM_WORLD, "probe=off");
    if (!team) FAIL(team.error().text);
    return std::move(*team);
}

/// The sample file, made by rank 0.
std::string sample(const Folder& folder) {
    const std::string path = folder.file("sample.h5");
    if (world_rank() == 0) {
        INFO("SPLITCAST_SEED=" << seed());
        REQUIRE(samples::make(path, seed()));
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return path;
}

/// What HDF5 reads, as elements of `type` (negative: the native one).
std::vector<std::byte> expected(const std::string& file, const std::string& path,
                                const h5::Selection& selection = {}, hid_t type = -1) {
    const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t set = H5Dopen2(opened, path.c_str(), H5P_DEFAULT);
    REQUIRE(set >= 0);
    const hid_t space = H5Dget_space(set);
    if (!selection.start.empty()) {
        REQUIRE(H5Sselect_hyperslab(space, H5S_SELECT_SET, selection.start.data(),
                                    selection.stride.empty() ? nullptr : selection.stride.data(),
                                    selection.count.data(),
                                    selection.block.empty() ? nullptr : selection.block.data()) >=
                0);
    }
    const hsize_t count = static_cast<hsize_t>(H5Sget_select_npoints(space));
    const hid_t stored = H5Dget_type(set);
    const hid_t memory = type >= 0 ? H5Tcopy(type) : H5Tget_native_type(stored, H5T_DIR_ASCEND);
    std::vector<std::byte> data(count * H5Tget_size(memory));
    const hid_t room = H5Screate_simple(1, &count, nullptr);
    if (count > 0) {
        REQUIRE(H5Dread(set, memory, room, space, H5P_DEFAULT, data.data()) >= 0);
    }
    for (const hid_t id : {room, memory, stored, space}) H5Idec_ref(id);
    H5Dclose(set);
    H5Fclose(opened);
    return data;
}

void check_equal(const h5::Dataset& dataset, const std::vector<std::byte>& wanted) {
    INFO(dataset.path());
    REQUIRE(dataset.bytes() == static_cast<std::int64_t>(wanted.size()));
    CHECK((wanted.empty() || std::memcmp(dataset.data(), wanted.data(), wanted.size()) == 0));
}

}  // namespace

TEST_CASE("datasets of every kind arrive as HDF5 reads them") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    for (const std::int64_t batch : {std::int64_t{8} << 20, std::int64_t{5000}}) {
        for (const std::string& path : samples::fixed()) {
            INFO(path << ", batch " << batch);
            h5::Options options;
            options.batch = batch;
            options.root = team.size() - 1;
            const auto dataset = h5::read(team, file, path, options);
            if (!dataset) FAIL(dataset.error().text);
            check_equal(*dataset, expected(file, path));
        }
    }
}

TEST_CASE("strings and sequences of variable length") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    for (const std::int64_t batch : {std::int64_t{8} << 20, std::int64_t{20000}}) {
        h5::Options options;
        options.batch = batch;
        for (const std::string path : {"/texts", "/few_texts", "/chunked/texts"}) {
            INFO(path);
            const auto dataset = h5::read(team, file, path, options);
            if (!dataset) FAIL(dataset.error().text);
            auto wanted = expected(file, path);
            REQUIRE(dataset->bytes() == static_cast<std::int64_t>(wanted.size()));
            const auto* got = static_cast<char* const*>(dataset->data());
            auto* texts = reinterpret_cast<char**>(wanted.data());
            bool equal = true;
            for (std::int64_t i = 0; i < dataset->elements(); ++i) {
                equal = equal && std::strcmp(got[i], texts[i]) == 0;
                H5free_memory(texts[i]);
            }
            CHECK(equal);
        }
        const auto records = h5::read(team, file, "/variable/records", options);
        if (!records) FAIL(records.error().text);
        struct Record {
            std::int64_t id;
            const char* name;
            hvl_t values;
        };
        const auto values = records->values<Record>();
        if (!values) FAIL(values.error().text);
        REQUIRE(values->size() == 3000);
        CHECK((*values)[2999].id == 2999);
        CHECK(std::string((*values)[2999].name) == "an odd one");
    }
}

TEST_CASE("hyperslabs of every layout") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    const std::vector<std::pair<std::string, h5::Selection>> parts{
        {"/table", {{3, 2, 1}, {100, 5, 2}, {}, {}}},
        {"/table", {{3, 0, 0}, {50, 3, 2}, {7, 4, 3}, {5, 2, 1}}},
        {"/chunked/deflate", {{63, 99}, {2, 2}, {}, {}}},
        {"/chunked/deflate", {{5, 7}, {30, 10}, {31, 32}, {13, 29}}},
        {"/chunked/deflate", {{0, 0}, {1000, 333}, {}, {}}},
        {"/chunked/deflate", {{999, 332}, {1, 1}, {}, {}}},
        {"/chunked/deflate", {{1, 1}, {1, 1}, {1, 1}, {900, 300}}},
        {"/chunked/sparse", {{0, 0}, {150, 3}, {2, 66}, {1, 60}}},
        {"/chunked/scale_offset", {{776}, {3}, {777}, {2}}},
        {"/compact", {{10}, {20}, {4}, {}}},
        {"/records", {{17}, {4000}, {2}, {}}},
    };
    for (const auto& [path, selection] : parts) {
        for (const std::int64_t batch : {std::int64_t{8} << 20, std::int64_t{3000}}) {
            INFO(path << " from " << selection.start[0] << ", batch " << batch);
            h5::Options options;
            options.selection = selection;
            options.batch = batch;
            const auto dataset = h5::read(team, file, path, options);
            if (!dataset) FAIL(dataset.error().text);
            check_equal(*dataset, expected(file, path, selection));
        }
    }
    h5::Options options;
    options.selection = {{8999, 0}, {1, 3}, {}, {}};
    const auto texts = h5::read(team, file, "/texts", options);
    if (!texts) FAIL(texts.error().text);
    CHECK(texts->elements() == 3);
}

TEST_CASE("into the caller's memory, as the caller's type") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    for (const std::string path : {"/big_endian", "/chunked/scale_offset", "/chunked/sparse"}) {
        INFO(path);
        const auto wanted = expected(file, path, {}, H5T_NATIVE_DOUBLE);
        std::vector<std::byte> buffer(wanted.size());
        h5::Options options;
        options.memory_type = H5T_NATIVE_DOUBLE;
        options.batch = 10000;
        const auto traffic = h5::read_into(team, file, path, buffer.data(),
                                           static_cast<std::int64_t>(buffer.size()), options);
        if (!traffic) FAIL(traffic.error().text);
        CHECK(buffer == wanted);
        const auto wrong = h5::read_into(
            team, file, path, buffer.data(),
            static_cast<std::int64_t>(buffer.size()) - (team.rank() == 0 ? 8 : 0), options);
        REQUIRE(!wrong);
        CHECK(wrong.error().status == Status::argument);
    }
}

TEST_CASE("shape, type and attributes come along") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    const auto dataset = h5::read(team, file, "/chunked/deflate");
    if (!dataset) FAIL(dataset.error().text);
    CHECK(dataset->dims() == std::vector<hsize_t>{1000, 333});
    CHECK(H5Tequal(dataset->type(), H5T_NATIVE_DOUBLE) > 0);
    CHECK(dataset->values<double>().ok());
    CHECK(!dataset->values<float>().ok());
    const auto units = dataset->text_attribute("units");
    REQUIRE(units.ok());
    CHECK(units.value() == "erg per gram");
    const auto time = dataset->number_attribute("time");
    REQUIRE(time.ok());
    CHECK(time.value() == 0.125);
    CHECK(!dataset->text_attribute("time").ok());
    CHECK(!dataset->number_attribute("no such attribute").ok());
}

TEST_CASE("a whole group") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    const auto group = h5::read_group(team, file, "/chunked");
    if (!group) FAIL(group.error().text);
    for (const h5::Dataset& dataset : group->datasets) {
        const auto& fixed = samples::fixed();
        if (std::find(fixed.begin(), fixed.end(), dataset.path()) != fixed.end())
            check_equal(dataset, expected(file, dataset.path()));
    }
    CHECK(group->datasets.size() == 12);
    // A link in it leads to a dataset with an attribute that refers to one that is not in it.
    REQUIRE(group->left_out.size() == 1);
    CHECK(group->left_out.front().starts_with("/chunked/hard: attribute see"));
    const auto all = h5::read_group(team, file, "/");
    if (!all) FAIL(all.error().text);
    CHECK(all->datasets.size() == samples::fixed().size() + samples::variable().size() + 1);
}

TEST_CASE("one copy per node, which nobody can write to") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    auto nodes = h5::Nodes::create(team, team.size() - 1);
    if (!nodes) FAIL(nodes.error().text);
    CHECK(nodes->count() == 1);
    for (const std::string& path : samples::fixed()) {
        INFO(path);
        const auto dataset = h5::share(*nodes, file, path);
        if (!dataset) FAIL(dataset.error().text);
        CHECK(dataset->shared());
        check_equal(*dataset, expected(file, path));
        if (dataset->bytes() > 0) {
            // The kernel says so: a system call that would write there fails.
            std::array<int, 2> ends{};
            REQUIRE(pipe(ends.data()) == 0);
            REQUIRE(::write(ends[1], "x", 1) == 1);
            CHECK(::read(ends[0], const_cast<void*>(dataset->data()), 1) == -1);
            ::close(ends[0]);
            ::close(ends[1]);
        }
    }
    const auto texts = h5::share(*nodes, file, "/texts");
    REQUIRE(!texts);
    CHECK(texts.error().status == Status::argument);
    const auto again = h5::share(*nodes, file, "/table");
    CHECK(again.ok());
}

TEST_CASE("what is wrong is told on every rank, with HDF5's stack") {
    const Folder folder;
    const std::string file = sample(folder);
    Team team = make_team();
    // Only the reader's arguments count.
    const bool reads = team.rank() == 0;
    SECTION("no such file") {
        const auto got = h5::read(team, reads ? folder.file("missing.h5") : file, "/table");
        REQUIRE(!got);
        CHECK(got.error().status == Status::source);
        CHECK(got.error().text.find("missing.h5") != std::string::npos);
        CHECK(got.error().text.find("H5Fopen") != std::string::npos);
        CHECK(got.error().text.find("rank 0 on ") != std::string::npos);
    }
    SECTION("no such dataset") {
        const auto got = h5::read(team, file, reads ? "/nothing" : "/table");
        REQUIRE(!got);
        CHECK(got.error().status == Status::source);
        CHECK(got.error().text.find("H5Oopen") != std::string::npos);
    }
    SECTION("a group is no dataset") {
        const auto got = h5::read(team, file, "/chunked");
        REQUIRE(!got);
        CHECK(got.error().status == Status::argument);
    }
    SECTION("a hyperslab that reaches beyond") {
        h5::Options options;
        options.selection = {{690, 0, 0}, {11, 1, 1}, {}, {}};
        const auto got = h5::read(team, file, "/table", options);
        REQUIRE(!got);
        CHECK(got.error().status == Status::argument);
    }
    SECTION("roots that differ") {
        h5::Options options;
        options.root = reads ? 0 : team.size() - 1;
        const auto got = h5::read(team, file, "/table", options);
        if (team.size() > 1) {
            REQUIRE(!got);
            CHECK(got.error().status == Status::mismatch);
        }
    }
    SECTION("a root that is not there") {
        h5::Options options;
        options.root = 77;
        CHECK(!h5::read(team, file, "/table", options).ok());
    }
    SECTION("one rank without a buffer") {
        h5::Options options;
        std::vector<double> buffer(std::size_t{700} * 11 * 5);
        const bool last = team.rank() == team.size() - 1;
        const auto got =
            h5::read_into(team, file, "/table", last ? nullptr : buffer.data(),
                          static_cast<std::int64_t>(buffer.size() * sizeof(double)), options);
        REQUIRE(!got);
        CHECK(got.error().status == Status::argument);
        CHECK(got.error().text.find("rank " + std::to_string(team.size() - 1)) !=
              std::string::npos);
    }
    // Nothing of it is left.
    const auto dataset = h5::read(team, file, "/table");
    if (!dataset) FAIL(dataset.error().text);
    check_equal(*dataset, expected(file, "/table"));
}

TEST_CASE("a chunk that is broken in the file") {
    const Folder folder;
    const std::string file = sample(folder);
    if (world_rank() == 0) {
        const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        const hid_t set = H5Dopen2(opened, "/chunked/deflate", H5P_DEFAULT);
        const hsize_t at[2] = {64, 0};
        const std::vector<unsigned char> nonsense(500, 0xab);
        REQUIRE(H5Dwrite_chunk(set, H5P_DEFAULT, 0, at, nonsense.size(), nonsense.data()) >= 0);
        H5Dclose(set);
        H5Fclose(opened);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    Team team = make_team();
    h5::Options options;
    options.batch = 5000;
    const auto got = h5::read(team, file, "/chunked/deflate", options);
    REQUIRE(!got);
    CHECK(got.error().status == Status::integrity);
    CHECK(got.error().text.find("H5Z_pipeline") != std::string::npos);
    CHECK(h5::read(team, file, "/chunked/plain").ok());
}

namespace {

// A filter that changes every byte, as a plugin would be: known where it was registered.
constexpr H5Z_filter_t flipping = 300;
std::size_t flip(unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*,
                 void** data) {
    auto* at = static_cast<unsigned char*>(*data);
    for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<unsigned char>(at[i] ^ 0x5aU);
    return bytes;
}
void register_flip() {
    const H5Z_class2_t filter{H5Z_CLASS_T_VERS, flipping, 1, 1, "flip", nullptr, nullptr, flip};
    REQUIRE(H5Zregister(&filter) >= 0);
}

}  // namespace

TEST_CASE("a filter that some ranks do not have, and one that all have") {
    const Folder folder;
    const std::string file = folder.file("flipped.h5");
    std::vector<std::int32_t> wanted(10000);
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<std::int32_t>(i);
    if (world_rank() == 0) {
        register_flip();
        const hsize_t length = wanted.size();
        const hsize_t chunk = 1000;
        const hid_t opened = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(list, 1, &chunk);
        H5Pset_filter(list, flipping, H5Z_FLAG_MANDATORY, 0, nullptr);
        const hid_t space = H5Screate_simple(1, &length, nullptr);
        const hid_t set =
            H5Dcreate2(opened, "/flipped", H5T_STD_I32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
        REQUIRE(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, wanted.data()) >= 0);
        H5Dclose(set);
        H5Sclose(space);
        H5Pclose(list);
        H5Fclose(opened);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    Team team = make_team();
    if (team.size() > 1) {
        const auto got = h5::read(team, file, "/flipped");
        REQUIRE(!got);
        CHECK(got.error().text.find("rank 1 on ") != std::string::npos);
        CHECK(got.error().text.find("300") != std::string::npos);
        CHECK(got.error().text.find("HDF5 #0") != std::string::npos);
    }
    if (world_rank() != 0) register_flip();
    const auto got = h5::read(team, file, "/flipped");
    if (!got) FAIL(got.error().text);
    CHECK(std::memcmp(got->data(), wanted.data(), wanted.size() * sizeof wanted[0]) == 0);
}

TEST_CASE("a compressed dataset costs the wire what it costs the file") {
    const Folder folder;
    const std::string file = folder.file("field.h5");
    if (world_rank() == 0) REQUIRE(samples::make_field(file, 8192, seed()));
    MPI_Barrier(MPI_COMM_WORLD);
    Team team = make_team();
    const auto dataset = h5::read(team, file, "/field");
    if (!dataset) FAIL(dataset.error().text);
    const h5::Traffic& traffic = dataset->traffic();
    CHECK(traffic.logical_bytes == 8192 * 256 * 8);
    CHECK(traffic.stored_bytes < traffic.logical_bytes / 4);
    // Besides the chunks: their table, 20 bytes each, and a description of a few KiB.
    CHECK(traffic.wire_bytes >= traffic.stored_bytes);
    CHECK(traffic.wire_bytes <= traffic.stored_bytes + 20 * 128 + 8192);
    if (team.rank() != 0) CHECK(traffic.bytes_received <= traffic.wire_bytes);
    check_equal(*dataset, expected(file, "/field"));
}
