// Data that does not lie in one piece: the type signatures match, the type maps need not.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

using splitcast::Team;

namespace {

Team make_team() {
    auto team = Team::create(MPI_COMM_WORLD);
    if (!team) FAIL(team.error().text);
    return std::move(team).value();
}

/// A committed datatype, freed at the end.
class Type {
public:
    explicit Type(MPI_Datatype type) : type_(type) { MPI_Type_commit(&type_); }
    Type(const Type&) = delete;
    Type& operator=(const Type&) = delete;
    ~Type() { MPI_Type_free(&type_); }
    MPI_Datatype get() const { return type_; }

    static MPI_Datatype vector(int count, int length, int stride, MPI_Datatype of) {
        MPI_Datatype type = MPI_DATATYPE_NULL;
        MPI_Type_vector(count, length, stride, of, &type);
        return type;
    }

private:
    MPI_Datatype type_;
};

void require(const splitcast::Result<splitcast::Report>& report) {
    if (!report) FAIL(report.error().text);
}

}  // namespace

TEST_CASE("a column of a matrix from the root into a row elsewhere") {
    Team team = make_team();
    constexpr int rows = 50000;
    constexpr int columns = 3;
    const Type column(Type::vector(rows, 1, columns, MPI_INT));
    if (team.rank() == 0) {
        std::vector<int> matrix(rows * columns);
        std::iota(matrix.begin(), matrix.end(), 0);
        require(team.broadcast(matrix.data() + 1, 1, column.get(), 0));
    } else {
        std::vector<int> row(rows, -1);
        require(team.broadcast(row.data(), rows, MPI_INT, 0));
        bool right = true;
        for (int i = 0; i < rows; ++i)
            right = right && row[static_cast<std::size_t>(i)] == i * columns + 1;
        CHECK(right);
    }
}

TEST_CASE("a row from the root into every second place elsewhere, and what is between stays") {
    Team team = make_team();
    constexpr int values = 100000;
    const int root = team.size() - 1;
    const Type pair(Type::vector(2, 1, 2, MPI_DOUBLE));  // extent 3 doubles, resized below to 4
    MPI_Datatype spread = MPI_DATATYPE_NULL;
    MPI_Type_create_resized(pair.get(), 0, 4 * sizeof(double), &spread);
    const Type every_second(spread);
    if (team.rank() == root) {
        std::vector<double> row(values);
        std::iota(row.begin(), row.end(), 0.5);
        require(team.broadcast(row.data(), values, MPI_DOUBLE, root));
    } else {
        std::vector<double> sparse(2 * values, -1.0);
        require(team.broadcast(sparse.data(), values / 2, every_second.get(), root));
        bool right = true;
        for (std::size_t i = 0; i < values; ++i) {
            right =
                right && sparse[2 * i] == static_cast<double>(i) + 0.5 && sparse[2 * i + 1] == -1.0;
        }
        CHECK(right);
    }
}

TEST_CASE(
    "a struct whose members are not in the order of their addresses is not mistaken for plain "
    "bytes") {
    Team team = make_team();
    // Signature: int from offset 4, then int from offset 0. Size equals extent.
    const std::array<int, 2> lengths{1, 1};
    const std::array<MPI_Aint, 2> offsets{4, 0};
    MPI_Datatype raw = MPI_DATATYPE_NULL;
    MPI_Type_create_hindexed(2, lengths.data(), offsets.data(), MPI_INT, &raw);
    const Type swapped(raw);
    std::vector<int> values(20000, -1);
    if (team.rank() == 0) {
        std::iota(values.begin(), values.end(), 0);
        require(team.broadcast(values.data(), 10000, swapped.get(), 0));
        return;
    }
    require(team.broadcast(values.data(), 20000, MPI_INT, 0));
    bool right = true;
    for (std::size_t i = 0; i < values.size(); ++i)
        right = right && values[i] == static_cast<int>(i ^ 1U);
    CHECK(right);
}

TEST_CASE("predefined types with a gap, and structs without one") {
    Team team = make_team();
    struct Pair {
        double value;
        int index;
    };
    std::vector<Pair> pairs(30000, Pair{-1, -1});
    if (team.rank() == 0) {
        for (int i = 0; i < 30000; ++i) pairs[static_cast<std::size_t>(i)] = {i * 0.5, i};
    }
    require(team.broadcast(pairs.data(), 30000, MPI_DOUBLE_INT, 0));
    bool right = true;
    for (int i = 0; i < 30000; ++i) {
        const Pair& pair = pairs[static_cast<std::size_t>(i)];
        right = right && pair.value == i * 0.5 && pair.index == i;
    }
    CHECK(right);

    const Type triple(Type::vector(3, 1, 1, MPI_FLOAT));
    std::vector<float> floats(90000, team.rank() == 0 ? 2.5F : 0.0F);
    require(team.broadcast(floats.data(), 30000, triple.get(), 0));
    CHECK(floats == std::vector<float>(90000, 2.5F));
}

TEST_CASE("elements larger than the ring, absolute addresses, and types that start below zero") {
    Team team = make_team();
    constexpr int blocks = 40000;
    const Type large(Type::vector(blocks, 8, 16, MPI_INT));  // 1.2 MiB of data in one element
    std::vector<int> scattered(blocks * 16 * 2, -1);
    if (team.rank() == 0) std::iota(scattered.begin(), scattered.end(), 0);
    require(team.broadcast(scattered.data(), 2, large.get(), 0));
    bool right = true;
    const std::size_t second = (blocks - 1) * 16 + 8;  // the extent ends with the last block
    for (std::size_t i = 0; i < blocks; ++i) {
        for (std::size_t j = 0; j < 8; ++j) {
            right = right && scattered[16 * i + j] == static_cast<int>(16 * i + j);
            right =
                right && scattered[second + 16 * i + j] == static_cast<int>(second + 16 * i + j);
        }
    }
    CHECK(right);

    std::vector<int> target(1000, team.rank() == 0 ? 7 : 0);
    MPI_Aint address = 0;
    MPI_Get_address(target.data(), &address);
    const int length = 1000;
    MPI_Datatype raw = MPI_DATATYPE_NULL;
    MPI_Type_create_hindexed(1, &length, &address, MPI_INT, &raw);
    const Type absolute(raw);
    require(team.broadcast(MPI_BOTTOM, 1, absolute.get(), 0));
    CHECK(target == std::vector<int>(1000, 7));

    const MPI_Aint below = -400;
    const int hundred = 100;
    MPI_Type_create_hindexed(1, &hundred, &below, MPI_INT, &raw);
    const Type negative(raw);
    std::vector<int> around(200, team.rank() == 0 ? 9 : 0);
    require(team.broadcast(around.data() + 100, 1, negative.get(), 0));
    CHECK(around[0] == 9);
    CHECK(around[99] == 9);
    CHECK(around[100] == (team.rank() == 0 ? 9 : 0));
}

TEST_CASE("types without data") {
    Team team = make_team();
    MPI_Datatype raw = MPI_DATATYPE_NULL;
    MPI_Type_contiguous(0, MPI_INT, &raw);
    const Type nothing(raw);
    int value = 1;
    require(team.broadcast(&value, 1000, nothing.get(), 0));
    CHECK(value == 1);
}

TEST_CASE("scattered data and plain data on the same ring of bounded memory") {
    Team team = make_team();
    const Type column(Type::vector(1000, 1, 2, MPI_INT));
    std::vector<int> matrix(2000 * 300, team.rank() == 0 ? 3 : 0);
    require(team.broadcast(matrix.data(), 300, column.get(), 0, "staging=64K,segment=4K"));
    // Extent of one column: 1999 ints.
    bool right = true;
    for (std::size_t column_index = 0; column_index < 300; ++column_index) {
        for (std::size_t i = 0; i < 1000; ++i)
            right = right && matrix[column_index * 1999 + 2 * i] == 3;
    }
    CHECK(right);
}

TEST_CASE("a datatype that is freed once the broadcast has started") {
    Team team = make_team();
    MPI_Datatype column = Type::vector(1000, 1, 2, MPI_INT);
    MPI_Type_commit(&column);
    std::vector<int> matrix(2000, team.rank() == 0 ? 4 : 0);
    auto request = team.start(matrix.data(), 1, column, 0);
    MPI_Type_free(&column);
    REQUIRE(request);
    require(request->wait());
    CHECK(matrix[0] == 4);
    CHECK(matrix[1] == (team.rank() == 0 ? 4 : 0));
    CHECK(matrix[1998] == 4);
}
