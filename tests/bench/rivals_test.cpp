#include "bench/rivals.hpp"

#include "bench/comparison.hpp"
#include "bench/payload.hpp"
#include "bench/screening.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

using namespace splitcast::bench;

namespace {

int rank() {
    int mine = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &mine);
    return mine;
}

/// What is written to stderr while it lives.
class Overheard {
public:
    Overheard() : file_(std::tmpfile()), before_(dup(STDERR_FILENO)) {
        std::fflush(stderr);
        dup2(fileno(file_), STDERR_FILENO);
    }
    Overheard(const Overheard&) = delete;
    Overheard& operator=(const Overheard&) = delete;
    ~Overheard() {
        restore();
        std::fclose(file_);
    }
    std::string text() {
        restore();
        std::string all;
        std::rewind(file_);
        std::array<char, 256> part{};
        while (const auto length = std::fread(part.data(), 1, part.size(), file_)) {
            all.append(part.data(), length);
        }
        return all;
    }

private:
    void restore() {
        if (before_ < 0) return;
        std::fflush(stderr);
        dup2(before_, STDERR_FILENO);
        close(before_);
        before_ = -1;
    }
    std::FILE* file_;
    int before_;
};

}  // namespace

TEST_CASE("rivals that are not to be had are left out, with the reason") {
    const std::vector<std::string> names{"shipped", "nobody", "tuned:sideways", "tuned:pipeline:8q",
                                         "tuned:knomial:8k:1"};
    Overheard overheard;
    const auto rivals = make_rivals(MPI_COMM_WORLD, names);
    const std::string said = overheard.text();
    REQUIRE(rivals.size() == 1);
    CHECK(rivals.front().name() == "shipped");
    if (rank() == 0) {
        CHECK(said.find("nobody (this MPI library has no collective component 'nobody')") !=
              std::string::npos);
        CHECK(said.find("'sideways'") != std::string::npos);
        CHECK(said.find("'8q' is no segment size") != std::string::npos);
        CHECK(said.find("knomial a radix above 1") != std::string::npos);
    } else {
        CHECK(said.empty());
    }
}

TEST_CASE("every rival of this machine delivers what the root has, from every root") {
    const auto names = default_rivals(spread_of(MPI_COMM_WORLD));
    auto rivals = make_rivals(MPI_COMM_WORLD, names);
    REQUIRE(rivals.size() > 10);
    int ranks = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    std::uint64_t key = 0;
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{300000}}) {
        std::vector<std::byte> buffer(length);
        for (Rival& rival : rivals) {
            const int root = static_cast<int>(++key) % ranks;
            if (rank() == root) {
                fill(buffer, key);
            } else {
                poison(buffer);
            }
            INFO(rival.name() << " with " << length << " bytes from " << root);
            CHECK(rival.bcast(buffer.data(), static_cast<MPI_Count>(length), root) == MPI_SUCCESS);
            CHECK_FALSE(first_wrong(buffer, key));
        }
    }
}

TEST_CASE("screening names the likeliest first, the same on all ranks") {
    const std::vector<std::string> names{"shipped", "tuned:pipeline:64k", "tuned:binomial",
                                         "tuned:pipeline:1k"};
    auto rivals = make_rivals(MPI_COMM_WORLD, names);
    REQUIRE(rivals.size() == names.size());
    StartLine line(MPI_COMM_WORLD);
    std::vector<std::byte> buffer(3 << 20);
    const auto chosen = screen(MPI_COMM_WORLD, line, rivals, buffer, 2);
    REQUIRE(chosen);
    REQUIRE(!chosen->empty());
    CHECK(chosen->size() <= 2);
    auto everywhere = *chosen;
    MPI_Bcast(everywhere.data(), static_cast<int>(everywhere.size()), MPI_UNSIGNED_LONG, 0,
              MPI_COMM_WORLD);
    CHECK(everywhere == *chosen);
}

TEST_CASE("names are put apart at commas") {
    CHECK(split_names("a,b:1,c") == std::vector<std::string>{"a", "b:1", "c"});
    CHECK(split_names("") == std::vector<std::string>{});
    CHECK(split_names(",a,") == std::vector<std::string>{"a"});
}
