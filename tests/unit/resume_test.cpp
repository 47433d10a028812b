#include "storage/file_sink.hpp"
#include "storage/journal.hpp"
#include "support/folder.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace splitcast;
using namespace splitcast::storage;

namespace {

constexpr std::int64_t length = 3 * Journal::chunk + 1000;

/// A folder with a partial file and its journal.
class Place {
public:
    Place() {
        folder_ = Descriptor(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        file_ = Descriptor(::open((path_ / "part").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        REQUIRE(::ftruncate(file_.get(), length) == 0);
        tests::Random random(7);
        for (std::byte& byte : bytes_) byte = static_cast<std::byte>(random.next());
    }

    [[nodiscard]] std::unique_ptr<Journal> open(const Origin& origin = {.length = length}) const {
        auto journal = Journal::open(folder_.get(), "journal", origin, "part");
        REQUIRE(journal.ok());
        return std::move(*journal);
    }

    /// Writes the next bytes of the file in pieces, as they would arrive.
    void write(Journal& journal, std::int64_t from, std::int64_t below) const {
        constexpr std::int64_t piece = 700'001;
        for (std::int64_t at = from; at < below; at += piece) {
            const auto count = std::min(piece, below - at);
            const auto part = std::span(bytes_).subspan(static_cast<std::size_t>(at),
                                                        static_cast<std::size_t>(count));
            REQUIRE(::pwrite(file_.get(), part.data(), part.size(), at) == std::ssize(part));
            REQUIRE(journal.add(at, part).ok());
        }
    }

    [[nodiscard]] std::int64_t proven(Journal& journal) const {
        const auto held = journal.prove(file_.get());
        REQUIRE(held.ok());
        return *held;
    }

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] int file() const { return file_.get(); }
    [[nodiscard]] const fs::path& path() const { return path_; }
    [[nodiscard]] std::vector<std::string> names() const { return own_.names(); }

private:
    tests::Folder own_;
    fs::path path_ = own_.path();
    Descriptor folder_;
    Descriptor file_;
    std::vector<std::byte> bytes_ = std::vector<std::byte>(static_cast<std::size_t>(length));
};

TEST_CASE("a journal proves the whole chunks that were written") {
    const Place place;
    const auto written = GENERATE(std::int64_t{0}, Journal::chunk - 1, Journal::chunk,
                                  2 * Journal::chunk + 5, length);
    {
        auto journal = place.open();
        CHECK(place.proven(*journal) == 0);
        place.write(*journal, 0, written);
    }
    auto again = place.open();
    CHECK(place.proven(*again) ==
          (written == length ? length : written / Journal::chunk * Journal::chunk));
}

TEST_CASE("what was taken up again can be interrupted again") {
    const Place place;
    {
        auto journal = place.open();
        CHECK(place.proven(*journal) == 0);
        place.write(*journal, 0, Journal::chunk + 3);
    }
    {
        auto journal = place.open();
        CHECK(place.proven(*journal) == Journal::chunk);
        place.write(*journal, 0, 2 * Journal::chunk);  // what is known comes once more
    }
    auto journal = place.open();
    CHECK(place.proven(*journal) == 2 * Journal::chunk);
    place.write(*journal, 2 * Journal::chunk, length);
    journal = place.open();
    CHECK(place.proven(*journal) == length);
}

TEST_CASE("a journal is not believed") {
    const Place place;
    {
        auto journal = place.open();
        CHECK(place.proven(*journal) == 0);
        place.write(*journal, 0, length);
    }
    SECTION("where the file has other bytes") {
        const char wrong = 'x';
        REQUIRE(::pwrite(place.file(), &wrong, 1, Journal::chunk + 9) == 1);
        auto journal = place.open();
        CHECK(place.proven(*journal) == Journal::chunk);
        // What it said of the bytes behind is forgotten, though that was true.
        journal = place.open();
        CHECK(place.proven(*journal) == Journal::chunk);
    }
    SECTION("where the file is shorter") {
        REQUIRE(::ftruncate(place.file(), 2 * Journal::chunk + 1) == 0);
        auto journal = place.open();
        CHECK(place.proven(*journal) == 2 * Journal::chunk);
    }
    SECTION("of another source") {
        auto journal = place.open({.length = length, .seconds = 1});
        CHECK(place.proven(*journal) == 0);
    }
    SECTION("that is cut off in a record") {
        fs::resize_file(place.path() / "journal", fs::file_size(place.path() / "journal") - 1);
        auto journal = place.open();
        CHECK(place.proven(*journal) == 3 * Journal::chunk);
    }
    SECTION("that is rubbish") {
        fs::resize_file(place.path() / "journal", 10);
        auto journal = place.open();
        CHECK(place.proven(*journal) == 0);
    }
}

TEST_CASE("a journal that is somebody else's is refused") {
    const Place place;
    SECTION("a symbolic link") { fs::create_symlink("elsewhere", place.path() / "journal"); }
    SECTION("a folder") { fs::create_directory(place.path() / "journal"); }
    SECTION("a second name of a file") {
        fs::create_hard_link(place.path() / "part", place.path() / "journal");
    }
    const Descriptor folder(::open(place.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const auto journal = Journal::open(folder.get(), "journal", {.length = length}, "part");
    REQUIRE_FALSE(journal.ok());
    CHECK(journal.error().status == Status::destination);
    CHECK_FALSE(fs::exists(place.path() / "elsewhere"));
}

TEST_CASE("a journal goes when it is no longer needed") {
    const Place place;
    auto journal = place.open();
    journal->remove();
    CHECK_FALSE(fs::exists(place.path() / "journal"));
}

/// The sink of a copy of `place.bytes()` that is kept, mapped or not.
std::unique_ptr<FileSink> kept_sink(const Place& place, bool mapped) {
    auto sink = FileSink::create(place.path() / "copy", length, {.keep = true, .mode = 0640});
    REQUIRE(sink.ok());
    if (mapped) REQUIRE((*sink)->map().ok());
    return std::move(*sink);
}

void feed(FileSink& sink, const Place& place, std::int64_t from, std::int64_t below) {
    const auto piece = place.bytes().subspan(static_cast<std::size_t>(from),
                                             static_cast<std::size_t>(below - from));
    const std::span<std::byte> memory = sink.memory();
    if (!memory.empty()) {
        std::ranges::copy(piece, memory.subspan(static_cast<std::size_t>(from)).begin());
        sink.offer(from, memory.subspan(static_cast<std::size_t>(from), piece.size()));
    } else {
        sink.offer(from, piece);
    }
    while (sink.taken() < below) ::usleep(1000);
}

TEST_CASE("An interrupted copy is taken up where it was") {
    const Place place;
    const bool mapped = GENERATE(false, true);
    {
        const auto sink = kept_sink(place, mapped);
        CHECK(*sink->resume({.length = length}) == 0);
        feed(*sink, place, 0, 2 * Journal::chunk + 77);
    }
    CHECK_FALSE(fs::exists(place.path() / "copy"));
    const auto sink = kept_sink(place, mapped);
    REQUIRE(*sink->resume({.length = length}) == 2 * Journal::chunk);
    if (mapped) {
        // What is there is offered in its place.
        const auto there = sink->memory().first(static_cast<std::size_t>(2 * Journal::chunk));
        CHECK(std::ranges::equal(there, place.bytes().first(there.size())));
        sink->offer(0, there);
    } else {
        feed(*sink, place, 0, 2 * Journal::chunk);
    }
    feed(*sink, place, 2 * Journal::chunk, length);
    REQUIRE(sink->seal().ok());
    REQUIRE(sink->file().publish().ok());
    sink->settle();
    CHECK(fs::file_size(place.path() / "copy") == length);
    CHECK(place.names() == std::vector<std::string>{"copy", "part"});
}

TEST_CASE("A kept file has one copy at a time, and never wider permissions") {
    const Place place;
    {
        const auto sink = kept_sink(place, false);
        const auto second = FileSink::create(place.path() / "copy", length, {.keep = true});
        REQUIRE_FALSE(second.ok());
        CHECK(second.error().text.find("under way") != std::string::npos);
    }
    const fs::path partial = place.path() / ".copy.splitcast-partial";
    fs::permissions(partial, static_cast<fs::perms>(0666));
    const auto sink = kept_sink(place, false);
    CHECK((fs::status(partial).permissions() & static_cast<fs::perms>(0777)) ==
          static_cast<fs::perms>(0640));
}

TEST_CASE("A file that is no use is not kept") {
    const Place place;
    const auto sink = kept_sink(place, false);
    CHECK(*sink->resume({.length = length}) == 0);
    feed(*sink, place, 0, length);
    sink->discard();
    CHECK_FALSE(fs::exists(place.path() / ".copy.splitcast-partial"));
    CHECK_FALSE(fs::exists(place.path() / ".copy.splitcast-journal"));
}

TEST_CASE("A partial file that is a trap is not written to") {
    const Place place;
    SECTION("a symbolic link") {
        fs::create_symlink(place.path() / "part", place.path() / ".copy.splitcast-partial");
    }
    SECTION("a second name of a file") {
        fs::create_hard_link(place.path() / "part", place.path() / ".copy.splitcast-partial");
    }
    CHECK_FALSE(FileSink::create(place.path() / "copy", 10, {.keep = true}).ok());
    CHECK(fs::file_size(place.path() / "part") == length);
}

}  // namespace
