// A tree that is kept when its copy is interrupted, and taken up by the next one.

#include "storage/batches.hpp"
#include "storage/remove_tree.hpp"
#include "storage/sources.hpp"
#include "storage/staged_file.hpp"
#include "storage/staged_tree.hpp"
#include "storage/tree_reader.hpp"
#include "storage/unfinished.hpp"
#include "support/folder.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace splitcast;
using namespace splitcast::storage;

namespace {

constexpr std::int64_t chunk = Journal::chunk;
constexpr const char* partial = ".copy.splitcast-partial";

std::string text_of(std::size_t size, int seed) {
    std::string text(size, '\0');
    tests::Random random(static_cast<std::uint64_t>(seed));
    for (char& c : text) c = static_cast<char>(random.next());
    return text;
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

void write_at(const fs::path& path, std::int64_t offset, const std::string& text) {
    std::fstream file(path, std::ios::in | std::ios::out);
    file.seekp(offset);
    file << text;
    REQUIRE(file.good());
}

std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// One of everything, in an order in which each stands before and behind data: 3 chunks and more.
void make_source(const fs::path& top) {
    fs::create_directories(top / "b/deep/deeper");
    fs::create_directories(top / "empty");
    write(top / "a", text_of(1'000'001, 1));
    write(top / "b/deep/large", text_of(9'000'003, 2));
    write(top / "b/deep/deeper/small", "small");
    write(top / "b/nothing", "");
    fs::create_symlink("deep/large", top / "b/link");
    fs::create_hard_link(top / "a", top / "b/twin");
    REQUIRE(::mkfifo((top / "c").c_str(), 0640) == 0);
    write(top / "sparse", "");
    fs::resize_file(top / "sparse", 6 << 20);
    write_at(top / "sparse", 1 << 20, text_of(2 << 20, 3));
    write_at(top / "sparse", 4 << 20, text_of(1 << 16, 4));
    write(top / "z", text_of(2'000'000, 5));
    fs::create_directory(top / "zz");
    fs::permissions(top / "a", static_cast<fs::perms>(0440));
    fs::permissions(top / "z", static_cast<fs::perms>(0755));
    fs::permissions(top / "b/deep/deeper", static_cast<fs::perms>(0500));
    fs::permissions(top / "zz", static_cast<fs::perms>(::geteuid() == 0 ? 0 : 0555));
}

/// What is there, in a way that can be compared: kind, permissions, content and further names.
std::map<std::string, std::string> picture(const fs::path& top) {
    std::map<std::string, std::string> found;
    std::map<ino_t, std::string> first;
    std::vector<fs::path> paths{top};
    for (const auto& entry : fs::recursive_directory_iterator(top)) paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const fs::path& path : paths) {
        struct stat facts{};
        REQUIRE(::lstat(path.c_str(), &facts) == 0);
        const std::string name = path.lexically_relative(top).string();
        std::string& text = found[name];
        text = std::to_string(facts.st_mode) + " ";
        if (S_ISLNK(facts.st_mode)) text += fs::read_symlink(path).string();
        if (!S_ISREG(facts.st_mode)) continue;
        const std::string content = read(path);
        text += first.try_emplace(facts.st_ino, name).first->second + " ";
        text += digest_of(std::as_bytes(std::span(content))).text();
    }
    return found;
}

/// A source, and copies of it that are interrupted and taken up.
class Copying {
public:
    Copying() {
        ::umask(0);
        make_source(folder_ / "source");
        look();
    }
    ~Copying() {
        ::umask(022);
        remove("source");
        remove("copy");
        remove(partial);
    }
    Copying(const Copying&) = delete;
    Copying& operator=(const Copying&) = delete;

    void look() {
        auto found = walk({folder_ / "source"}, false);
        REQUIRE(found);
        sources_ = std::move(*found);
        stream_.resize(static_cast<std::size_t>(totals(sources_.catalogue).data));
        TreeReader reader(sources_.catalogue, sources_.places, TreeReader::Of::source);
        REQUIRE(reader.fill(stream_));
        digest_ = *reader.finish();
    }

    StagedTree::Options options{.keep = true};

    [[nodiscard]] std::int64_t length() const { return std::ssize(stream_); }

    [[nodiscard]] Result<std::unique_ptr<StagedTree>> create() const {
        const CatalogueTotals sum = totals(sources_.catalogue);
        return StagedTree::create(
            folder_.path(), {{.name = "copy", .folder = true}},
            {.bytes = sum.data, .entries = sum.entries, .largest = sum.largest}, options);
    }

    /// Begins, or goes on.
    [[nodiscard]] std::unique_ptr<StagedTree> open() const {
        auto tree = create();
        REQUIRE(tree);
        REQUIRE((*tree)->begin(sources_.catalogue));
        const auto held = (*tree)->resume(
            {.length = length(),
             .sample = digest_of(encode(sources_.catalogue, Encoding::comparable))});
        REQUIRE(held);
        CHECK(*held == (*tree)->held());
        return std::move(*tree);
    }

    /// From what it holds on, in pieces as they would arrive.
    void feed(StagedTree& tree, std::int64_t below) const {
        constexpr std::int64_t piece = 700'001;
        for (std::int64_t at = tree.held(); at < below; at += piece) {
            const auto count = std::min(piece, below - at);
            REQUIRE(tree.take(std::span(stream_).subspan(static_cast<std::size_t>(at),
                                                         static_cast<std::size_t>(count))));
        }
    }

    void interrupt(std::int64_t below) const {
        const auto tree = open();
        feed(*tree, below);
    }

    /// To the end. How much of it was there.
    std::int64_t complete() const {
        const auto tree = open();
        const std::int64_t held = tree->held();
        feed(*tree, length());
        const auto written = tree->finish();
        REQUIRE(written);
        CHECK(*written == digest_);
        const auto again = tree->read_back();
        REQUIRE(again);
        CHECK(*again == digest_);
        REQUIRE(tree->publish());
        tree->settle();
        CHECK(picture(folder_ / "copy") == picture(folder_ / "source"));
        struct stat facts{};
        REQUIRE(::stat((folder_ / "copy/sparse").c_str(), &facts) == 0);
        CHECK(facts.st_blocks * 512 < 4 << 20);
        return held;
    }

    /// Whatever the permissions of what is in it.
    void remove(const std::string& name) const { remove_tree(AT_FDCWD, path(name).c_str()); }

    [[nodiscard]] fs::path path(const std::string& name) const { return folder_ / name; }
    /// Of what is there of an interrupted copy.
    [[nodiscard]] fs::path left(const std::string& name) const {
        return folder_ / partial / "0" / name;
    }
    [[nodiscard]] std::vector<std::string> names() const { return folder_.names(); }
    [[nodiscard]] const std::vector<std::byte>& stream() const { return stream_; }

private:
    tests::Folder folder_;
    Sources sources_;
    std::vector<std::byte> stream_;
    Digest digest_;
};

std::int64_t whole_chunks(std::int64_t below, std::int64_t length) {
    return below == length ? length : below / chunk * chunk;
}

TEST_CASE("a tree is taken up wherever it was interrupted") {
    const Copying copying;
    const std::int64_t length = copying.length();
    std::vector<std::int64_t> places{0, 1, length - 1, length};
    for (std::int64_t at = chunk; at < length; at += chunk) {
        for (const std::int64_t more : {-1, 0, 1}) places.push_back(at + more);
    }
    // Around the ends of files and of stretches without holes.
    for (const std::int64_t end : {1'000'001, 1'000'006, 10'000'009, 10'000'009 + (2 << 20)}) {
        for (const std::int64_t more : {-1, 0, 1}) places.push_back(end + more);
    }
    for (const std::int64_t place : places) {
        INFO("interrupted at " << place << " of " << length);
        copying.interrupt(place);
        CHECK(copying.names() == std::vector<std::string>{partial, "source"});
        CHECK(copying.complete() == whole_chunks(place, length));
        CHECK(copying.names() == std::vector<std::string>{"copy", "source"});
        copying.remove("copy");
    }
}

TEST_CASE("a tree that was taken up can be interrupted again, whatever has come of it") {
    const Copying copying;
    const std::int64_t length = copying.length();
    copying.interrupt(chunk + 5);
    copying.interrupt(2 * chunk + 9);
    {
        const auto tree = copying.open();
        CHECK(tree->held() == 2 * chunk);
        copying.feed(*tree, length);
        SECTION("before it is finished") {}
        SECTION("when folders have their permissions") { CHECK(tree->finish()); }
        SECTION("when it has its name") {
            CHECK(tree->finish());
            CHECK(tree->publish());
        }
        SECTION("by a signal handler") {
            CHECK(tree->finish());
            CHECK(tree->publish());
            unfinished::remove_all();
            CHECK(copying.names() == std::vector<std::string>{partial, "source"});
        }
    }
    CHECK(copying.names() == std::vector<std::string>{partial, "source"});
    CHECK(copying.complete() == length);
}

TEST_CASE("what is there can be read for others while more is written") {
    const Copying copying;
    copying.interrupt(2 * chunk + 9);
    const auto tree = copying.open();
    const auto reader = tree->reader();
    const auto from = GENERATE(std::int64_t{0}, std::int64_t{1'000'001}, chunk + 3);
    reader->skip(from);
    copying.feed(*tree, copying.length());
    std::vector<std::byte> bytes(static_cast<std::size_t>(tree->held() - from));
    REQUIRE(reader->fill(bytes));
    CHECK(std::ranges::equal(
        bytes, std::span(copying.stream()).subspan(static_cast<std::size_t>(from), bytes.size())));
}

TEST_CASE("what others have made of it is not taken over") {
    const Copying copying;
    copying.interrupt(3 * chunk);
    std::int64_t held = 3 * chunk;
    const fs::path victim = copying.path("victim");
    write(victim, "untouched");
    SECTION("other bytes at the front") {
        fs::permissions(copying.left("a"), static_cast<fs::perms>(0640));
        write_at(copying.left("a"), 9, "something else");
        held = 0;
    }
    SECTION("other bytes behind") {
        write_at(copying.left("b/deep/large"), 5 << 20, "something else");
        held = chunk;
    }
    SECTION("a file is gone") {
        fs::remove(copying.left("a"));
        held = 0;
    }
    SECTION("a folder is gone") {
        fs::remove_all(copying.left("b"));
        held = 0;
    }
    SECTION("a file is longer") {
        fs::permissions(copying.left("a"), static_cast<fs::perms>(0640));
        fs::resize_file(copying.left("a"), 1'000'002);
        held = 0;
    }
    SECTION("a file is shorter") {
        fs::resize_file(copying.left("b/deep/large"), 7 << 20);
        held = chunk;
    }
    SECTION("a file is a folder now") {
        fs::remove(copying.left("b/deep/large"));
        fs::create_directories(copying.left("b/deep/large/in/it"));
        held = 0;
    }
    SECTION("a file is a link to the same bytes") {
        fs::copy_file(copying.left("b/deep/large"), copying.path("elsewhere"));
        fs::remove(copying.left("b/deep/large"));
        fs::create_symlink(copying.path("elsewhere"), copying.left("b/deep/large"));
        held = 0;
    }
    SECTION("a file is a second name of the same bytes") {
        fs::copy_file(copying.left("b/deep/large"), copying.path("elsewhere"));
        fs::remove(copying.left("b/deep/large"));
        fs::create_hard_link(copying.path("elsewhere"), copying.left("b/deep/large"));
        held = 0;
    }
    SECTION("a folder is a link to the same folder") {
        fs::rename(copying.left("b"), copying.path("elsewhere"));
        fs::create_directory_symlink(copying.path("elsewhere"), copying.left("b"));
        held = 0;
    }
    SECTION("data in a hole") {
        write_at(copying.left("sparse"), 10, "x");
        held = 2 * chunk;
    }
    SECTION("what has no data is something else") {
        fs::remove(copying.left("b/link"));
        fs::create_symlink(victim, copying.left("b/link"));
        fs::remove(copying.left("b/twin"));
        fs::create_hard_link(victim, copying.left("b/twin"));
        fs::remove(copying.left("c"));
        fs::create_directories(copying.left("c/in"));
    }
    SECTION("there is more in it") {
        write(copying.left("b/more"), "more");
        fs::create_directories(copying.left("more/and"));
        write(copying.path(partial) / "7", "another item");
        fs::create_directory(copying.path(partial) / "left");
    }
    SECTION("a file is somebody else's") {
        if (::geteuid() == 0) {
            REQUIRE(::chown(copying.left("b/deep/large").c_str(), 65534, 65534) == 0);
            held = 0;
        }
    }
    SECTION("permissions are others") {
        fs::permissions(copying.left("a"), static_cast<fs::perms>(0666));
        fs::permissions(copying.left("b"), static_cast<fs::perms>(0));
        fs::permissions(copying.path(partial), static_cast<fs::perms>(0777));
    }
    SECTION("the journal is of another source") {
        fs::permissions(copying.path("source/z"), static_cast<fs::perms>(0600));
        const_cast<Copying&>(copying).look();
        held = 0;
    }
    SECTION("the journal is gone") {
        fs::remove(copying.path(partial) / "journal");
        held = 0;
    }
    CHECK(copying.complete() == held);
    CHECK(read(victim) == "untouched");
    if (fs::is_regular_file(copying.path("elsewhere")))
        CHECK(fs::hard_link_count(copying.path("elsewhere")) == 1);
}

TEST_CASE("what a copy has replaced is not taken for the copy") {
    Copying copying;
    copying.options.replace = true;
    REQUIRE(copying.complete() == 0);
    REQUIRE(copying.names() == std::vector<std::string>{"copy", "source"});
    SECTION("after a process that was killed") {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                const auto tree = copying.open();
                copying.feed(*tree, copying.length());
                ::_exit(tree->finish() && tree->publish() ? 0 : 1);
            } catch (...) {
                ::_exit(2);
            }
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(status == 0);
        CHECK(copying.names() == std::vector<std::string>{partial, "copy", "source"});
    }
    SECTION("after one that failed") {
        const auto tree = copying.open();
        copying.feed(*tree, copying.length());
        REQUIRE(tree->finish());
        REQUIRE(tree->publish());
        SECTION("by itself") { tree->withdraw(); }
        SECTION("by a signal handler") { unfinished::remove_all(); }
        CHECK(copying.names() == std::vector<std::string>{"copy", "source"});
    }
    CHECK(picture(copying.path("copy")) == picture(copying.path("source")));
    CHECK(copying.complete() == 0);
}

TEST_CASE("a tree that is kept has one copy at a time") {
    const Copying copying;
    const auto tree = copying.open();
    const auto second = copying.create();
    REQUIRE_FALSE(second);
    CHECK(second.error().text.find("under way") != std::string::npos);
}

TEST_CASE("a trap in the place of a partial tree") {
    const Copying copying;
    fs::create_directory(copying.path("elsewhere"));
    fs::create_directory_symlink(copying.path("elsewhere"), copying.path(partial));
    const auto tree = copying.create();
    REQUIRE_FALSE(tree);
    CHECK(tree.error().text.find("partial") != std::string::npos);
    CHECK(fs::is_empty(copying.path("elsewhere")));
}

TEST_CASE("a tree that is wrong is not kept, nor is an empty one") {
    const Copying copying;
    SECTION("wrong") {
        const auto tree = copying.open();
        copying.feed(*tree, 2 * chunk);
        tree->discard();
    }
    SECTION("empty") { CHECK(copying.create()); }
    SECTION("empty, by a signal handler") {
        const auto tree = copying.create();
        REQUIRE(tree);
        unfinished::remove_all();
    }
    CHECK(copying.names() == std::vector<std::string>{"source"});
}

TEST_CASE("what a copy of the other kind has left makes way") {
    const Copying copying;
    const std::string file = copying.path("copy");
    {
        REQUIRE(StagedFile::create(file, 10, {.keep = true}));
        write(copying.path(".copy.splitcast-journal"), "journal");
        REQUIRE(fs::is_regular_file(copying.path(partial)));
        const auto held = StagedFile::create(file, 10, {.keep = true});
        const auto refused = copying.create();
        REQUIRE_FALSE(refused);
        CHECK(refused.error().text.find("under way") != std::string::npos);
    }
    copying.interrupt(chunk);
    CHECK(copying.names() == std::vector<std::string>{partial, "source"});
    {
        const auto tree = copying.open();
        const auto refused = StagedFile::create(file, 10, {.keep = true});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().text.find("under way") != std::string::npos);
    }
    CHECK(StagedFile::create(file, 10, {.keep = true}));
    CHECK(fs::is_regular_file(copying.path(partial)));
}

TEST_CASE("batches that lie below an offset") {
    for (const std::int64_t length : {std::int64_t{0}, std::int64_t{1}, std::int64_t{100} << 20}) {
        const Batches batches(length);
        for (std::int64_t batch = 0; batch <= batches.count(); ++batch) {
            const std::int64_t end = batches.offset(batch);
            CHECK(batches.whole_below(end) == batch);
            if (batch > 0) CHECK(batches.whole_below(end - 1) == batch - 1);
            if (batch < batches.count())
                CHECK(batches.whole_below(end + 1) == (end + 1 == length ? batch + 1 : batch));
        }
    }
}

}  // namespace
