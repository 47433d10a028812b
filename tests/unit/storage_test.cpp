#include "storage/destination.hpp"
#include "storage/digest.hpp"
#include "storage/file_sink.hpp"
#include "storage/file_source.hpp"
#include "storage/folders.hpp"
#include "storage/marker.hpp"
#include "storage/unfinished.hpp"
#include "support/folder.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace splitcast;
using namespace splitcast::storage;

namespace {

using tests::Folder;

std::vector<std::byte> some_bytes(std::size_t count) {
    tests::Random random(count);
    std::vector<std::byte> bytes(count);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
    return bytes;
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

void write_file(const std::string& path, const std::string& text) {
    write_file(path, std::as_bytes(std::span(text)));
}

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<FileSink> sink_for(const std::string& path, std::int64_t length,
                                   StagedFile::Options options = {}) {
    auto sink = FileSink::create(path, length, options);
    if (!sink) INFO(sink.error().text);
    REQUIRE(sink.ok());
    return std::move(*sink);
}

/// All of it in pieces that do not divide the whole.
void offer_all(FileSink& sink, std::span<const std::byte> bytes) {
    constexpr std::size_t piece = 1000;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        sink.offer(static_cast<std::int64_t>(at),
                   bytes.subspan(at, std::min(piece, bytes.size() - at)));
    }
}

std::vector<std::byte> request_all(FileSource& source, std::size_t length,
                                   std::size_t piece = 1000) {
    std::vector<std::byte> bytes(length);
    for (std::size_t at = 0; at < length; at += piece) {
        source.request(static_cast<std::int64_t>(at),
                       std::span(bytes).subspan(at, std::min(piece, length - at)));
    }
    while (source.ready() < static_cast<std::int64_t>(length)) std::this_thread::yield();
    return bytes;
}

template <class T>
void check_fails(const Result<T>& result, Status status, const std::string& words) {
    REQUIRE_FALSE(result.ok());
    INFO(result.error().text);
    CHECK(result.error().status == status);
    CHECK(result.error().text.find(words) != std::string::npos);
}

mode_t mode_of(const std::string& path) {
    struct stat facts{};
    REQUIRE(::lstat(path.c_str(), &facts) == 0);
    return facts.st_mode & 07777;
}

}  // namespace

TEST_CASE("The digest does not depend on how the bytes are cut", "[storage]") {
    const auto bytes = some_bytes(100'000);
    Digester pieces;
    for (std::size_t at = 0, piece = 1; at < bytes.size();
         at += piece, piece = piece * 3 % 7919 + 1) {
        pieces.add(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    CHECK(pieces.digest() == digest_of(bytes));
    // As xxhsum -H2 prints that of nothing.
    CHECK(Digester().digest().text() == "99aa06d3014798d86001c324468d497f");
}

TEST_CASE("A source hands out a file and its digest", "[storage]") {
    const Folder folder;
    const auto bytes = some_bytes(GENERATE(0U, 1U, 999U, 1000U, 123'457U));
    write_file(folder / "a", bytes);
    auto source = FileSource::open(folder / "a");
    REQUIRE(source.ok());
    CHECK((*source)->length() == static_cast<std::int64_t>(bytes.size()));
    CHECK(request_all(**source, bytes.size()) == bytes);
    const auto digest = (*source)->finish();
    REQUIRE(digest.ok());
    CHECK(*digest == digest_of(bytes));
    CHECK_FALSE((*source)->error().has_value());
}

TEST_CASE("What is no readable regular file is refused as a source", "[storage]") {
    const Folder folder;
    check_fails(FileSource::open(folder / "none"), Status::source, "No such file");
    check_fails(FileSource::open(folder / ""), Status::source, "is a folder");
    check_fails(FileSource::open("/dev/null"), Status::source, "not a regular file");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    check_fails(FileSource::open(folder / "pipe"), Status::source, "not a regular file");
    if (::geteuid() != 0) {
        write_file(folder / "secret", "x");
        REQUIRE(::chmod((folder / "secret").c_str(), 0) == 0);
        check_fails(FileSource::open(folder / "secret"), Status::source, "Permission denied");
    }
}

TEST_CASE("A source that shrinks is an error, and nobody waits for it", "[storage]") {
    const Folder folder;
    write_file(folder / "a", some_bytes(10'000));
    auto source = FileSource::open(folder / "a");
    REQUIRE(source.ok());
    fs::resize_file(folder / "a", 5'500);
    request_all(**source, 10'000);  // ends
    REQUIRE((*source)->error().has_value());
    CHECK((*source)->error()->text.find("ends at byte 5500 of 10000") != std::string::npos);
    check_fails((*source)->finish(), Status::source, "became shorter");
}

TEST_CASE("A source that is changed while it is read is an error", "[storage]") {
    const Folder folder;
    write_file(folder / "a", some_bytes(10'000));
    auto source = FileSource::open(folder / "a");
    REQUIRE(source.ok());
    std::this_thread::sleep_for(
        std::chrono::milliseconds(20));  // a tick of the file system's clock
    SECTION("longer") { write_file(folder / "a", some_bytes(10'001)); }
    SECTION("other bytes") {
        std::fstream file(folder / "a", std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(9'000);
        file << "changed";
    }
    request_all(**source, 10'000);
    check_fails((*source)->finish(), Status::source, "changed");
}

TEST_CASE("A copy appears under its name only when it is published", "[storage]") {
    const Folder folder;
    const bool named = GENERATE(false, true);
    const auto bytes = some_bytes(123'457);
    auto sink = sink_for(folder / "a", 123'457, {.named = named});
    offer_all(*sink, bytes);
    const auto digest = sink->seal();
    REQUIRE(digest.ok());
    CHECK(*digest == digest_of(bytes));
    CHECK_FALSE(fs::exists(folder / "a"));
    REQUIRE(sink->file().publish().ok());
    CHECK(content(folder / "a") ==
          std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));

    SECTION("and stays when it is settled") {
        sink->file().settle();
        sink.reset();
        CHECK(folder.names() == std::vector<std::string>{"a"});
    }
    SECTION("and goes when it is withdrawn") {
        sink->file().withdraw();
        CHECK(folder.names().empty());
    }
    SECTION("and goes when it is forgotten") {
        sink.reset();
        CHECK(folder.names().empty());
    }
    SECTION("but not if somebody has put another file there") {
        fs::remove(folder / "a");
        write_file(folder / "a", "theirs");
        sink.reset();
        CHECK(content(folder / "a") == "theirs");
    }
}

TEST_CASE("A copy that is given up half way leaves nothing", "[storage]") {
    const Folder folder;
    const auto bytes = some_bytes(10'000);
    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / "a", 20'000, {.named = named});
    CHECK(folder.names().size() == (named ? 1 : 0));
    offer_all(*sink, bytes);
    SECTION("at once") {}
    SECTION("after the bytes are written") {
        while (sink->taken() < 10'000) std::this_thread::yield();
        check_fails(sink->seal(), Status::internal, "10000 of 20000");
    }
    sink.reset();
    CHECK(folder.names().empty());
}

TEST_CASE("An existing file is an error, or replaced in one step", "[storage]") {
    const Folder folder;
    write_file(folder / "a", "old");
    check_fails(FileSink::create(folder / "a", 3, {}), Status::destination, "exists");
    CHECK(content(folder / "a") == "old");

    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / "a", 3, {.replace = true, .named = named});
    const std::string text = "new";
    offer_all(*sink, std::as_bytes(std::span(text)));
    REQUIRE(sink->seal().ok());
    CHECK(content(folder / "a") == "old");
    REQUIRE(sink->file().publish().ok());
    CHECK(content(folder / "a") == "new");
    SECTION("for good") {
        sink->file().settle();
        sink.reset();
        CHECK(content(folder / "a") == "new");
    }
    SECTION("and can be had back until it is settled") {
        sink.reset();
        CHECK(content(folder / "a") == "old");
    }
    CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("A name that was taken meanwhile is not taken away", "[storage]") {
    const Folder folder;
    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / "a", 0, {.named = named});
    REQUIRE(sink->seal().ok());
    write_file(folder / "a", "theirs");
    check_fails(sink->file().publish(), Status::destination, "File exists");
    sink.reset();
    CHECK(content(folder / "a") == "theirs");
    CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("What must not be replaced is not replaced", "[storage]") {
    const Folder folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    fs::create_directory(folder / "sub");
    check_fails(FileSink::create(folder / "pipe", 1, {.replace = true}), Status::destination,
                "not a regular file");
    check_fails(FileSink::create(folder / "sub", 1, {.replace = true}), Status::destination,
                "is a folder");
    check_fails(FileSink::create(folder / "sub/..", 1, {.replace = true}), Status::destination,
                "is a folder");
    check_fails(FileSink::create(folder / "new/", 1, {}), Status::destination, "is a folder");
    check_fails(FileSink::create(folder / "none/a", 1, {}), Status::destination, "No such file");
    check_fails(FileSink::create(folder / "pipe/a", 1, {}), Status::destination, "Not a directory");
}

TEST_CASE("What somebody puts over a replaced file is left to them", "[storage]") {
    const Folder folder;
    write_file(folder / "a", "old");
    auto sink = sink_for(folder / "a", 0, {.replace = true});
    REQUIRE(sink->seal().ok());
    REQUIRE(sink->file().publish().ok());
    fs::remove(folder / "a");
    write_file(folder / "a", "theirs");
    sink.reset();
    CHECK(content(folder / "a") == "theirs");
    CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("A symbolic link under the final name is replaced and not followed", "[storage]") {
    const Folder folder;
    write_file(folder / "victim", "keep me");
    fs::create_symlink("victim", folder / "a");
    check_fails(FileSink::create(folder / "a", 0, {}), Status::destination, "exists");
    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / "a", 0, {.replace = true, .named = named});
    REQUIRE(sink->seal().ok());
    REQUIRE(sink->file().publish().ok());
    sink->file().settle();
    CHECK(content(folder / "victim") == "keep me");
    CHECK_FALSE(fs::is_symlink(folder / "a"));
}

TEST_CASE("Permissions are those asked for, less the umask, and never special", "[storage]") {
    const Folder folder;
    const mode_t before = ::umask(027);
    const mode_t mode = GENERATE(0644U, 0444U, 0600U, 06755U, 0777U);
    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / "a", 4, {.named = named, .mode = mode});
    const std::string text = "text";
    offer_all(*sink, std::as_bytes(std::span(text)));
    CHECK(sink->seal().ok());
    CHECK(sink->file().publish().ok());
    sink->file().settle();
    ::umask(before);
    CHECK(mode_of(folder / "a") == (mode & 0750U));
    CHECK(content(folder / "a") == "text");
}

TEST_CASE("A long name leaves room for the temporary one", "[storage]") {
    const Folder folder;
    const std::string name(255, 'n');
    const bool named = GENERATE(false, true);
    auto sink = sink_for(folder / name, 0, {.named = named});
    REQUIRE(sink->seal().ok());
    REQUIRE(sink->file().publish().ok());
    sink->file().settle();
    CHECK(folder.names() == std::vector<std::string>{name});
    check_fails(FileSink::create(folder / (name + "n"), 0, {}), Status::destination,
                "name too long");
}

TEST_CASE("A full disk is known before the data moves", "[storage]") {
    const Folder folder;
    fs::create_directory(folder / "small");
    if (::mount("tmpfs", (folder / "small").c_str(), "tmpfs", 0, "size=1m") != 0)
        SKIP("mounting needs the rights");
    check_fails(FileSink::create(folder / "small/a", 2 << 20, {}), Status::destination,
                "No space left");
    auto sink = FileSink::create(folder / "small/b", 512 << 10, {});
    CHECK(sink.ok());
    check_fails(FileSink::create(folder / "small/c", 768 << 10, {}), Status::destination,
                "No space left");
    if (sink.ok()) sink->reset();
    CHECK(fs::is_empty(folder / "small"));
    CHECK(::umount((folder / "small").c_str()) == 0);
}

TEST_CASE("A file that cannot be written keeps taking, and tells", "[storage]") {
    const bool throws = GENERATE(false, true);
    Lane lane([throws](const Lane::Piece& piece) -> Result<void> {
        if (piece.offset >= 300 && throws) throw std::bad_alloc();
        if (piece.offset >= 300) return Error{Status::destination, "the disk is gone"};
        return {};
    });
    REQUIRE(lane.start().ok());
    std::vector<std::byte> bytes(1000);
    for (std::int64_t at = 0; at < 1000; at += 100) {
        lane.give({at, std::span(bytes).subspan(static_cast<std::size_t>(at), 100)});
    }
    lane.drain();
    CHECK(lane.done() == 1000);
    REQUIRE(lane.error().has_value());
    CHECK(lane.error()->text == (throws ? "out of memory" : "the disk is gone"));
}

TEST_CASE("Made folders go again, except where somebody uses them", "[storage]") {
    const Folder folder;
    auto made = MadeFolders::make(folder / "x/y/z");
    REQUIRE(made.ok());
    CHECK(fs::is_directory(folder / "x/y/z"));
    auto second = MadeFolders::make(folder / "x/y/w/");
    REQUIRE(second.ok());
    CHECK(fs::is_directory(folder / "x/y/w"));

    CHECK(made->remove());  // z; y is in use
    CHECK(fs::is_directory(folder / "x/y"));
    CHECK_FALSE(made->remove());
    CHECK(second->remove());
    CHECK(made->remove());
    CHECK(folder.names().empty());

    write_file(folder / "file", "");
    check_fails(MadeFolders::make(folder / "new/../file/sub"), Status::destination,
                "cannot make this folder");
    CHECK(folder.names() == std::vector<std::string>{"file"});
    auto kept = MadeFolders::make(folder / "kept");
    REQUIRE(kept.ok());
    kept->keep();
    CHECK_FALSE(kept->remove());
    CHECK(fs::is_directory(folder / "kept"));
}

TEST_CASE("A signal handler finds what is unfinished", "[storage]") {
    const Folder folder;
    auto made = MadeFolders::make(folder / "x/y");
    REQUIRE(made.ok());
    const Descriptor inside(::open((folder / "x/y").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    write_file(folder / "x/y/unfinished", "half");
    unfinished::add_file(inside.get(), "unfinished");
    write_file(folder / "finished", "whole");
    unfinished::remove_all();
    CHECK(folder.names() == std::vector<std::string>{"finished"});
    made->keep();
}

TEST_CASE("A signal handler takes back what is published and not settled", "[storage]") {
    const Folder folder;
    const bool named = GENERATE(false, true);
    const bool replace = GENERATE(false, true);
    CAPTURE(named, replace);
    if (replace) write_file(folder / "a", "old");
    auto sink = sink_for(folder / "a", 3, {.replace = replace, .named = named});
    offer_all(*sink, std::as_bytes(std::span("new", 3)));
    REQUIRE(sink->seal().ok());
    const std::vector<std::string> only_a{"a"};
    const std::vector<std::string> before = replace ? only_a : std::vector<std::string>{};

    SECTION("before it is published") {
        unfinished::remove_all();
        CHECK(folder.names() == before);
    }
    SECTION("when it is published") {
        REQUIRE(sink->file().publish().ok());
        CHECK(content(folder / "a") == "new");
        unfinished::remove_all();
        CHECK(folder.names() == before);
        if (replace) CHECK(content(folder / "a") == "old");
    }
    SECTION("but not what somebody else has put there") {
        REQUIRE(sink->file().publish().ok());
        fs::remove(folder / "a");
        write_file(folder / "a", "theirs");
        unfinished::remove_all();
        CHECK(folder.names() == only_a);
        CHECK(content(folder / "a") == "theirs");
    }
    SECTION("and not what is settled") {
        REQUIRE(sink->file().publish().ok());
        sink->file().settle();
        unfinished::remove_all();
        CHECK(folder.names() == only_a);
        CHECK(content(folder / "a") == "new");
    }
    SECTION("and nothing more when it could not be published") {
        if (replace) return;
        write_file(folder / "a", "theirs");
        CHECK_FALSE(sink->file().publish().ok());
        unfinished::remove_all();
        CHECK(content(folder / "a") == "theirs");
    }
}

TEST_CASE("A marker is seen in its folder, and only while it lasts", "[storage]") {
    const Folder here;
    const Folder elsewhere;
    {
        const Marker marker(here / "", ".mark");
        CHECK(Marker::seen(here / ".", ".mark"));
        CHECK_FALSE(Marker::seen(elsewhere / "", ".mark"));
    }
    CHECK_FALSE(Marker::seen(here / "", ".mark"));
    CHECK(here.names().empty());
}

TEST_CASE("Destinations are expanded", "[storage]") {
    const DestinationNames names{.host = "n7", .rank = 12, .job = "345"};
    const auto expanded = [&](const std::string& pattern) {
        auto path = expand(pattern, names);
        return path ? *path : "error: " + path.error().text;
    };
    CHECK(expanded("/local/data.h5") == "/local/data.h5");
    CHECK(expanded("/tmp/%j/%h-%r/100%%") == "/tmp/345/n7-12/100%");
    CHECK(expanded("%%r") == "%r");
    CHECK(expanded("%r%r") == "1212");
    CHECK(expanded("a%").starts_with("error: a%: a single %"));
    CHECK(expanded("a%x").find("%x stands for nothing") != std::string::npos);
    CHECK(expanded("") == "error: the destination is empty");

    CHECK(*per_rank("a/%r/b"));
    CHECK_FALSE(*per_rank("a/%h/%%r"));
    check_fails(per_rank("%"), Status::argument, "single %");
}

TEST_CASE("Hostile names do not lead out of the destination", "[storage]") {
    const std::string name = GENERATE("..", ".", "a/b", "/etc", "../../etc", "");
    check_fails(expand("/local/%h/f", {.host = name, .rank = 0, .job = "1"}), Status::argument,
                "%h");
    check_fails(expand("/local/%j/f", {.host = "n", .rank = 0, .job = name}), Status::argument,
                "%j");
}

TEST_CASE("Parts of paths", "[storage]") {
    CHECK(base_name("a/b") == "b");
    CHECK(base_name("a/b//") == "b");
    CHECK(base_name("b") == "b");
    CHECK(base_name("/").empty());
    CHECK(folder_of("a/b") == "a");
    CHECK(folder_of("b") == ".");
    CHECK(folder_of("/b") == "/");
    CHECK(folder_of("a/b/") == "a");
}
