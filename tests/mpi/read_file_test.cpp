#include "mpi/payload.hpp"
#include "splitcast/file.h"
#include "splitcast/file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>

using namespace splitcast;
namespace fs = std::filesystem;

namespace {

/// A folder that all ranks know, made and removed by rank 0.
class Folder {
public:
    Folder() {
        std::array<char, 64> name{"/tmp/splitcast-read.XXXXXX"};
        if (world_rank() == 0 && mkdtemp(name.data()) == nullptr) std::abort();
        MPI_Bcast(name.data(), name.size(), MPI_CHAR, 0, MPI_COMM_WORLD);
        path_ = name.data();
    }
    ~Folder() {
        MPI_Barrier(MPI_COMM_WORLD);
        if (world_rank() == 0) fs::remove_all(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    /// Written by rank 0.
    std::string file(const std::string& name, const std::vector<unsigned char>& bytes) const {
        const fs::path path = path_ / name;
        if (world_rank() == 0) {
            std::ofstream(path, std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
        }
        MPI_Barrier(MPI_COMM_WORLD);
        return path;
    }

private:
    fs::path path_;
};

bool same(const FileContents& contents, const std::vector<unsigned char>& bytes,
          std::size_t offset = 0) {
    const std::span<const std::byte> all = std::as_bytes(std::span(bytes));
    return contents.bytes().size() + offset <= all.size() &&
           std::ranges::equal(contents.bytes(), all.subspan(offset, contents.bytes().size()));
}

/// The same text on all ranks.
bool alike(const std::string& text) {
    std::array<char, 2000> first{};
    std::copy_n(text.begin(), std::min(text.size(), first.size() - 1), first.begin());
    MPI_Bcast(first.data(), first.size(), MPI_CHAR, 0, MPI_COMM_WORLD);
    return text.substr(0, first.size() - 1) == first.data();
}

int shared_names() {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/dev/shm")) {
        if (entry.path().filename().string().starts_with("splitcast-")) ++count;
    }
    return count;
}

using Read = Result<FileContents> (*)(Team&, const std::string&, const ReadOptions&);
constexpr std::array ways{Read(read_file), Read(read_file_shared)};

}  // namespace

TEST_CASE("files of many lengths, whole and in part") {
    const Folder folder;
    auto team = Team::create(MPI_COMM_WORLD).value();
    for (const std::size_t length : {0UL, 1UL, 4096UL, 100'001UL, 9'000'001UL}) {
        const auto bytes = payload(length, length);
        const std::string path = folder.file("data", bytes);
        for (const Read read : ways) {
            const auto all = read(team, path, {});
            REQUIRE(all);
            CHECK(all->bytes().size() == length);
            CHECK(same(*all, bytes));
            CHECK(all->shared() == (read == ways[1]));
            CHECK(reinterpret_cast<std::uintptr_t>(all->bytes().data()) % 4096 == 0);

            const auto half = static_cast<std::int64_t>(length / 2);
            const auto part = read(team, path, {.offset = half});
            REQUIRE(part);
            CHECK(part->bytes().size() == length - length / 2);
            CHECK(part->offset() == half);
            CHECK(same(*part, bytes, length / 2));

            const auto piece = read(team, path, {.offset = half / 2, .length = half});
            REQUIRE(piece);
            CHECK(piece->bytes().size() == length / 2);
            CHECK(same(*piece, bytes, length / 2 / 2));
        }
    }
}

TEST_CASE("another reader, and a communicator instead of a team") {
    const Folder folder;
    const auto bytes = payload(300'000, 3);
    const std::string path = folder.file("data", bytes);
    const int last = world_size() - 1;
    // The others have no such file.
    const std::string mine = world_rank() == last ? path : "/nowhere";
    const auto contents = read_file(MPI_COMM_WORLD, mine, {.root = last}, "segment=16K");
    REQUIRE(contents);
    CHECK(same(*contents, bytes));
    CHECK(contents->reader() == last);
    const auto shared = read_file_shared(MPI_COMM_WORLD, mine, {.root = last});
    REQUIRE(shared);
    CHECK(same(*shared, bytes));
}

TEST_CASE("the contents outlive their team, and leave no name") {
    const Folder folder;
    const auto bytes = payload(1'000'000, 4);
    const std::string path = folder.file("data", bytes);
    std::optional<FileContents> shared;
    std::optional<FileContents> own;
    MPI_Barrier(MPI_COMM_WORLD);
    const int before = shared_names();
    MPI_Barrier(MPI_COMM_WORLD);
    {
        auto team = Team::create(MPI_COMM_WORLD).value();
        shared = read_file_shared(team, path).value();
        own = read_file(team, path).value();
    }
    CHECK(same(*shared, bytes));
    CHECK(same(*own, bytes));
    MPI_Barrier(MPI_COMM_WORLD);
    // Other tests on this machine may come and go meanwhile; ours would stay.
    CHECK(shared_names() <= before + 2);
    if (world_rank() % 2 == 0) shared.reset();  // freed one by one
    MPI_Barrier(MPI_COMM_WORLD);
    if (shared) CHECK(same(*shared, bytes));
}

TEST_CASE("what cannot be read is the same error on every rank") {
    const Folder folder;
    const std::string path = folder.file("data", payload(1000, 5));
    const std::string folder_path = fs::path(path).parent_path();
    const std::string pipe = folder_path + "/pipe";
    if (world_rank() == 0) mkfifo(pipe.c_str(), 0600);
    auto team = Team::create(MPI_COMM_WORLD).value();
    struct Wrong {
        std::string path;
        ReadOptions options;
        Status status;
        std::string word;
    };
    for (const Read read : ways) {
        for (const Wrong& wrong :
             {Wrong{folder_path + "/none", {}, Status::source, "No such file"},
              Wrong{"", {}, Status::source, "No such file"},
              Wrong{folder_path, {}, Status::source, "is a folder"},
              Wrong{pipe, {}, Status::source, "not a regular file"},
              Wrong{"/dev/zero", {}, Status::source, "not a regular file"},
              Wrong{path, {.offset = 1001}, Status::source, "has 1000 bytes"},
              Wrong{path, {.offset = 1, .length = 1000}, Status::source, "has 1000 bytes"},
              Wrong{path, {.offset = -1}, Status::argument, "part of any file"},
              Wrong{path, {.length = -2}, Status::argument, "part of any file"},
              Wrong{path, {.root = world_size()}, Status::argument, "not a rank"},
              Wrong{path, {.root = -1}, Status::argument, "not a rank"}}) {
            const auto outcome = read(team, wrong.path, wrong.options);
            REQUIRE_FALSE(outcome);
            CHECK(outcome.error().status == wrong.status);
            CHECK(outcome.error().text.find(wrong.word) != std::string::npos);
            CHECK(alike(outcome.error().text));
        }
        CHECK(read(team, path, {}));  // the team goes on
    }
}

TEST_CASE("more than there is memory for") {
    const Folder folder;
    const std::string path = folder.file("data", {});
    // Sparse: 16 TiB without a block.
    if (world_rank() == 0 && truncate(path.c_str(), 1L << 43) != 0) return;
    MPI_Barrier(MPI_COMM_WORLD);
    auto team = Team::create(MPI_COMM_WORLD).value();
    for (const Read read : ways) {
        const auto outcome = read(team, path, {});
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().status == Status::memory);
        CHECK(alike(outcome.error().text));
    }
}

TEST_CASE("shared memory cannot be written to") {
    const Folder folder;
    const std::string path = folder.file("data", payload(10'000, 6));
    const auto shared = read_file_shared(MPI_COMM_WORLD, path).value();
    // The kernel refuses to write to it for us, too: no signal is needed to find out.
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    REQUIRE(write(ends[1], "x", 1) == 1);
    CHECK(::read(ends[0], const_cast<std::byte*>(shared.bytes().data()), 1) == -1);
    CHECK(errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("files by the C interface") {
    const Folder folder;
    const auto bytes = payload(200'000, 7);
    const std::string path = folder.file("data", bytes);
    splitcast_team* team = nullptr;
    REQUIRE(splitcast_team_create(MPI_COMM_WORLD, nullptr, &team) == SPLITCAST_SUCCESS);
    splitcast_file* file = nullptr;
    REQUIRE(splitcast_read_file(path.c_str(), 0, -1, 0, team, &file) == SPLITCAST_SUCCESS);
    CHECK(splitcast_file_size(file) == 200'000);
    CHECK(std::memcmp(splitcast_file_data(file), bytes.data(), bytes.size()) == 0);
    REQUIRE(splitcast_file_free(&file) == SPLITCAST_SUCCESS);
    CHECK(file == nullptr);
    REQUIRE(splitcast_read_file_shared(path.c_str(), 100, 1000, 0, team, &file) ==
            SPLITCAST_SUCCESS);
    REQUIRE(splitcast_team_free(&team) == SPLITCAST_SUCCESS);
    CHECK(splitcast_file_size(file) == 1000);
    CHECK(std::memcmp(splitcast_file_data(file), bytes.data() + 100, 1000) == 0);
    splitcast_file_free(&file);
    REQUIRE(splitcast_team_create(MPI_COMM_WORLD, nullptr, &team) == SPLITCAST_SUCCESS);
    CHECK(splitcast_read_file(nullptr, 0, -1, 0, team, &file) == SPLITCAST_ERR_SOURCE);
    CHECK(file == nullptr);
    CHECK(std::string(splitcast_last_error()).find("No such file") != std::string::npos);
    CHECK(splitcast_read_file("x", 0, -1, 0, nullptr, &file) == SPLITCAST_ERR_ARGUMENT);
    CHECK(splitcast_file_free(&file) == SPLITCAST_SUCCESS);
    splitcast_team_free(&team);
}
