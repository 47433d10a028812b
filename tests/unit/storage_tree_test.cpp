#include "storage/remove_tree.hpp"
#include "storage/sources.hpp"
#include "storage/staged_tree.hpp"
#include "storage/tree_reader.hpp"
#include "storage/unfinished.hpp"
#include "support/folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace splitcast;
using namespace splitcast::storage;

namespace {

using tests::Folder;

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

void make_source(const fs::path& top) {
    fs::create_directories(top / "sub/empty");
    write(top / "sub/file", "content");
    write(top / "zero", "");
    fs::create_symlink("file", top / "sub/link");
    fs::create_hard_link(top / "sub/file", top / "twin");
}

/// All that a copy does with it before it gets its name.
Result<std::unique_ptr<StagedTree>> stage(const std::string& source, const std::string& folder,
                                          StagedTree::Item item, bool replace = false) {
    auto found = walk({source}, false);
    REQUIRE(found);
    const CatalogueTotals sum = totals(found->catalogue);
    auto tree = StagedTree::create(
        folder, {std::move(item)},
        {.bytes = sum.data, .entries = sum.entries, .largest = sum.largest}, {.replace = replace});
    if (!tree) return tree;
    std::vector<std::byte> bytes(static_cast<std::size_t>(sum.data));
    TreeReader reader(found->catalogue, found->places, TreeReader::Of::source);
    REQUIRE(reader.fill(bytes));
    const auto read = reader.finish();
    REQUIRE(read);
    REQUIRE((*tree)->begin(found->catalogue));
    // Byte by byte: what belongs together need not come together.
    for (const std::byte byte : bytes) REQUIRE((*tree)->take({&byte, 1}));
    const auto written = (*tree)->finish();
    REQUIRE(written);
    CHECK(*written == *read);
    const auto again = (*tree)->read_back();
    REQUIRE(again);
    CHECK(*again == *read);
    return tree;
}

void check_copy(const fs::path& top) {
    CHECK(read(top / "sub/file") == "content");
    CHECK(read(top / "zero").empty());
    CHECK(fs::is_empty(top / "sub/empty"));
    CHECK(fs::read_symlink(top / "sub/link") == "file");
    CHECK(fs::equivalent(top / "twin", top / "sub/file"));
}

/// Without the rights of the super-user, who may move whatever there is.
class Ordinary {
public:
    explicit Ordinary(const std::string& folder) : before_(::geteuid()) {
        constexpr uid_t nobody = 65534;
        if (before_ != 0) return;
        REQUIRE(::chown(folder.c_str(), nobody, nobody) == 0);
        REQUIRE(::seteuid(nobody) == 0);
    }
    Ordinary(const Ordinary&) = delete;
    Ordinary& operator=(const Ordinary&) = delete;
    ~Ordinary() {
        if (before_ == 0) static_cast<void>(::seteuid(0));
    }

private:
    uid_t before_;
};

}  // namespace

TEST_CASE("a tree is named when it is complete, and not before") {
    const Folder folder;
    make_source(folder / "source");
    {
        auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true});
        REQUIRE(tree);
        CHECK(!fs::exists(folder / "copy"));
        REQUIRE(folder.names().size() == 2);
        struct stat facts{};
        REQUIRE(::stat((folder / folder.names()[0]).c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0700);
        REQUIRE((*tree)->publish());
        check_copy(folder / "copy");
        (*tree)->settle();
    }
    CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
    check_copy(folder / "copy");
}

TEST_CASE("to read a copy back is no access to it") {
    const Folder folder;
    make_source(folder / "source");
    const auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true});
    REQUIRE(tree);
    const std::string file = folder / folder.names().front() / "0/sub/file";
    const std::array<timespec, 2> times{
        {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);
    REQUIRE((*tree)->read_back());
    struct stat facts{};
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    CHECK(facts.st_atim.tv_sec == 1);
}

TEST_CASE("a tree that is given up leaves nothing, and what it replaced is back") {
    const Folder folder;
    make_source(folder / "source");
    fs::create_directories(folder / "copy/old");
    SECTION("before it had its name") {
        CHECK(stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true));
    }
    SECTION("when it had its name") {
        auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true);
        REQUIRE(tree);
        REQUIRE((*tree)->publish());
        check_copy(folder / "copy");
        CHECK(!fs::exists(folder / "copy/old"));
    }
    SECTION("by a signal handler") {
        auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true);
        REQUIRE(tree);
        SECTION("without") {}
        SECTION("with its name") { REQUIRE((*tree)->publish()); }
        unfinished::remove_all();
        CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
        CHECK(unfinished::ending());
    }
    CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
    CHECK(fs::exists(folder / "copy/old"));
}

TEST_CASE("a folder that its owner may not write to is taken back, too") {
    const Folder folder;
    const Ordinary user(folder.path());
    make_source(folder / "source");
    fs::create_directories(folder / "copy/old");
    {
        auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true);
        REQUIRE(tree);
        REQUIRE((*tree)->publish());
        fs::permissions(folder / "copy", static_cast<fs::perms>(GENERATE(0555, 0)));
        SECTION("when the tree is given up") {}
        SECTION("by a signal handler") { unfinished::remove_all(); }
    }
    CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
    CHECK(fs::exists(folder / "copy/old"));
}

TEST_CASE("what was replaced is not removed if it cannot be put back") {
    const Folder folder;
    make_source(folder / "source");
    fs::create_directories(folder / "copy/old");
    {
        auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true);
        REQUIRE(tree);
        REQUIRE((*tree)->publish());
        fs::rename(folder / "copy", folder / "elsewhere");
        fs::create_directory(folder / "copy");
        SECTION("when the tree is given up") {}
        SECTION("by a signal handler") { unfinished::remove_all(); }
    }
    const std::vector<std::string> names = folder.names();
    REQUIRE(names.size() == 4);
    CHECK(fs::exists(folder / names.front() / "0/old"));
    CHECK(fs::is_empty(folder / "copy"));
}

TEST_CASE("a tree that has settled stays, also when a signal comes") {
    const Folder folder;
    make_source(folder / "source");
    fs::create_directories(folder / "copy/old");
    auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true}, true);
    REQUIRE(tree);
    REQUIRE((*tree)->publish());
    (*tree)->settle();
    unfinished::remove_all();
    CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
    check_copy(folder / "copy");
}

TEST_CASE("what dead processes have left is removed, what living ones are at is not") {
    const Folder folder;
    make_source(folder / "source");
    const std::string dead = ".copy.0123456789abcdef.splitcast";
    const std::string alive = ".copy.0123456789abcdee.splitcast";
    const std::vector<std::string> others{".copy.splitcast", ".copy.0123456789abcdef.other",
                                          ".copies.0123456789abcdef.splitcast"};
    fs::create_directories(folder / dead / "a/b/c");
    fs::create_directories(folder / alive);
    for (const auto& name : others) fs::create_directories(folder / name);
    const int lock = ::open((folder / alive).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
    CHECK(stage(folder / "source", folder.path(), {.name = "copy", .folder = true}));
    CHECK(!fs::exists(folder / dead));
    CHECK(fs::exists(folder / alive));
    for (const auto& name : others) CHECK(fs::exists(folder / name));
    ::close(lock);
}

TEST_CASE("what is in the way is not followed, and not replaced") {
    const Folder folder;
    make_source(folder / "source");
    fs::create_directories(folder / "elsewhere");
    fs::create_symlink("elsewhere", folder / "copy");
    const StagedTree::Item item{.name = "copy", .folder = true};
    CHECK(!stage(folder / "source", folder.path(), item));
    CHECK(!stage(folder / "source", folder.path(), item, true));
    fs::remove(folder / "copy");

    // Somebody has put symbolic links where folders and files are to be made.
    auto found = walk({(folder / "source").string()}, false);
    REQUIRE(found);
    auto tree = StagedTree::create(folder.path(), {item}, {}, {});
    REQUIRE(tree);
    const std::string staging = folder.names().front();
    REQUIRE(staging.ends_with(".splitcast"));
    SECTION("for the copy") { fs::create_symlink(folder / "elsewhere", folder / staging / "0"); }
    SECTION("for a folder in it") {
        REQUIRE((*tree)->begin(found->catalogue));
        fs::create_directories(folder / staging / "0");
        fs::create_symlink(folder / "elsewhere", folder / staging / "0/sub");
    }
    if (!fs::exists(folder / staging / "0/sub")) REQUIRE((*tree)->begin(found->catalogue));
    const std::vector<std::byte> bytes(7);
    const auto taken = (*tree)->take(bytes);
    REQUIRE(!taken);
    CHECK(taken.error().status == Status::destination);
    CHECK(taken.error().text.find("File exists") != std::string::npos);
    CHECK(fs::is_empty(folder / "elsewhere"));
    tree->reset();
    CHECK(fs::is_directory(folder / "elsewhere"));
    CHECK(folder.names() == std::vector<std::string>{"elsewhere", "source"});
}

TEST_CASE("a name that was taken meanwhile is left alone") {
    const Folder folder;
    make_source(folder / "source");
    auto tree = stage(folder / "source", folder.path(), {.name = "copy", .folder = true});
    REQUIRE(tree);
    write(folder / "copy", "somebody else's");
    const auto published = (*tree)->publish();
    REQUIRE(!published);
    CHECK(published.error().status == Status::destination);
    tree->reset();
    CHECK(read(folder / "copy") == "somebody else's");
    CHECK(folder.names() == std::vector<std::string>{"copy", "source"});
}

TEST_CASE("trees are removed whatever they are like") {
    const Folder folder;
    fs::path deep = folder / "tree";
    for (int depth = 0; depth < 300; ++depth) deep /= "folder";
    fs::create_directories(deep);
    for (int file = 0; file < 2000; ++file) write(folder / "tree" / std::to_string(file), "x");
    fs::create_directories(folder / "tree/closed/inner");
    write(folder / "tree/closed/inner/file", "x");
    fs::permissions(folder / "tree/closed/inner", fs::perms::none);
    fs::permissions(folder / "tree/closed", fs::perms::none);
    fs::create_directories(folder / "outside");
    write(folder / "outside/file", "x");
    fs::create_directory_symlink(folder / "outside", folder / "tree/link");
    fs::create_directory_symlink(folder / "outside", folder / "link");

    const int parent = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = 42;
    CHECK(remove_tree(parent, "tree"));
    CHECK(remove_tree(parent, "link"));
    CHECK(remove_tree(parent, "none"));
    CHECK(errno == 42);
    ::close(parent);
    CHECK(folder.names() == std::vector<std::string>{"outside"});
    CHECK(fs::exists(folder / "outside/file"));
}

TEST_CASE("a source that changes is noticed") {
    const Folder folder;
    make_source(folder / "source");
    auto found = walk({(folder / "source").string()}, false);
    REQUIRE(found);
    TreeReader reader(found->catalogue, found->places, TreeReader::Of::source);
    std::vector<std::byte> bytes(7);
    SECTION("shorter") { fs::resize_file(folder / "source/sub/file", 3); }
    SECTION("longer") { fs::resize_file(folder / "source/sub/file", 30); }
    SECTION("gone") { fs::remove(folder / "source/sub/file"); }
    SECTION("the folder is gone") { fs::rename(folder / "source/sub", folder / "source/other"); }
    SECTION("another kind") {
        fs::remove(folder / "source/sub/file");
        REQUIRE(::mkfifo((folder / "source/sub/file").c_str(), 0600) == 0);
    }
    SECTION("a symbolic link") {
        fs::rename(folder / "source/sub/file", folder / "source/sub/moved");
        fs::create_symlink("moved", folder / "source/sub/file");
    }
    SECTION("an empty file") {
        REQUIRE(reader.fill(bytes));
        write(folder / "source/zero", "no more");
        const auto done = reader.finish();
        REQUIRE(!done);
        CHECK(done.error().text.find("source/zero") != std::string::npos);
        return;
    }
    const auto filled = reader.fill(bytes);
    REQUIRE(!filled);
    CHECK(filled.error().status == Status::source);
    CHECK(filled.error().text.find("source/sub/file") != std::string::npos);
}
