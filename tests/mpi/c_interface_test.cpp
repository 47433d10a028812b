// The C interface: codes, texts, handles. What a broadcast does is tested through the C++ one.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.h"

#include <mpi.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <string>
#include <vector>

TEST_CASE("a team, a broadcast, a report") {
    splitcast_team* team = nullptr;
    REQUIRE(splitcast_team_create(MPI_COMM_WORLD, nullptr, &team) == SPLITCAST_SUCCESS);
    auto buffer = before(500000, 1, 0, world_rank());
    splitcast_report report;
    REQUIRE(splitcast_broadcast(buffer.data(), 500000, MPI_BYTE, 0, team, nullptr, &report) ==
            SPLITCAST_SUCCESS);
    CHECK(buffer == payload(500000, 1));
    CHECK(report.bytes == 500000);
    CHECK(report.seconds > 0);
    CHECK(std::strlen(report.choice) > 0);
    CHECK(std::string(splitcast_last_error()).empty());

    MPI_Comm comm = MPI_COMM_NULL;
    CHECK(splitcast_team_communicator(team, &comm) == SPLITCAST_SUCCESS);
    int size = 0;
    MPI_Comm_size(comm, &size);
    CHECK(size == world_size());
    int failed = -1;
    CHECK(splitcast_team_failed(team, 0, nullptr, &failed) == SPLITCAST_SUCCESS);
    CHECK(failed == 0);

    splitcast_request* request = nullptr;
    REQUIRE(splitcast_broadcast_start(buffer.data(), 1000, MPI_BYTE, 0, team, "segment=100",
                                      &request) == SPLITCAST_SUCCESS);
    int flag = 0;
    while (flag == 0) REQUIRE(splitcast_test(&request, &flag, &report) == SPLITCAST_SUCCESS);
    CHECK(request == nullptr);
    CHECK(report.segment_bytes == 100);
    CHECK(splitcast_wait(&request, nullptr) ==
          SPLITCAST_SUCCESS);  // of nothing, as MPI_Wait of MPI_REQUEST_NULL

    REQUIRE(splitcast_broadcast_init(buffer.data(), 1000, MPI_BYTE, 1, team, nullptr, &request) ==
            SPLITCAST_SUCCESS);
    for (int round = 0; round < 3; ++round) {
        REQUIRE(splitcast_start(request) == SPLITCAST_SUCCESS);
        CHECK(splitcast_request_free(&request) == SPLITCAST_ERR_STATE);
        REQUIRE(splitcast_wait(&request, &report) == SPLITCAST_SUCCESS);
        REQUIRE(request != nullptr);
    }
    CHECK(splitcast_request_free(&request) == SPLITCAST_SUCCESS);
    CHECK(request == nullptr);
    CHECK(splitcast_team_free(&team) == SPLITCAST_SUCCESS);
    CHECK(team == nullptr);
}

TEST_CASE("where srun is not the launcher there is nothing to detach from") {
    // tests/slurm/survivor.cpp has the rest.
    CHECK(splitcast_survive_direct_launch() == SPLITCAST_SUCCESS);
    CHECK(splitcast_survive_direct_launch() == SPLITCAST_SUCCESS);
    CHECK(std::string(splitcast_last_error()).empty());
}

TEST_CASE("failures have a code, words and a story") {
    splitcast_team* team = nullptr;
    CHECK(splitcast_team_create(MPI_COMM_NULL, nullptr, &team) == SPLITCAST_ERR_ARGUMENT);
    CHECK(std::string(splitcast_last_error()).find("MPI_COMM_NULL") != std::string::npos);
    CHECK(splitcast_team_create(MPI_COMM_WORLD, "group_szie=3", &team) == SPLITCAST_ERR_SETTING);
    CHECK(std::string(splitcast_last_error()).find("group_size") !=
          std::string::npos);  // what was meant
    CHECK(team == nullptr);
    CHECK(splitcast_team_free(&team) == SPLITCAST_ERR_ARGUMENT);
    CHECK(splitcast_broadcast(nullptr, 0, MPI_BYTE, 0, nullptr, nullptr, nullptr) ==
          SPLITCAST_ERR_ARGUMENT);
    for (int code = SPLITCAST_SUCCESS; code <= SPLITCAST_ERR_INTERNAL; ++code) {
        CHECK(std::strlen(splitcast_error_string(code)) > 0);
    }
    CHECK(std::string(splitcast_error_string(9999)) == "not a splitcast code");
    CHECK(std::string(splitcast_version()) == std::to_string(SPLITCAST_VERSION_MAJOR) + "." +
                                                  std::to_string(SPLITCAST_VERSION_MINOR) + "." +
                                                  std::to_string(SPLITCAST_VERSION_PATCH));
}
