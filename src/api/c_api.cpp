#include "api/c_api.hpp"

#include "api/team_impl.hpp"
#include "splitcast/launch.hpp"
#include "splitcast/splitcast.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string>
#include <utility>

struct splitcast_request {
    splitcast::Request::Impl impl;
    template <class... Arguments>
    explicit splitcast_request(Arguments&&... arguments)
        : impl(std::forward<Arguments>(arguments)...) {}
};

namespace splitcast::api {

namespace {
thread_local std::string last_error;
}

int fail(const Error& error) {
    last_error = error.text;
    return static_cast<int>(error.status);
}

int fail(Status status, const char* text) { return fail(Error{status, text}); }

void forget_failure() { last_error.clear(); }

const char* failure_text() { return last_error.c_str(); }

}  // namespace splitcast::api

namespace {

using splitcast::Error;
using splitcast::Report;
using splitcast::Result;
using splitcast::Status;

using splitcast::api::fail;
using splitcast::api::guarded;

splitcast::Settings settings_of(const char* text) {
    return text == nullptr ? splitcast::Settings{} : text;
}

void copy_report(const Report& from, splitcast_report* to) {
    if (to == nullptr) return;
    *to = {};
    to->bytes = from.bytes;
    to->segments = from.segments;
    to->segment_bytes = from.segment_bytes;
    to->bytes_sent = from.bytes_sent;
    to->bytes_received = from.bytes_received;
    to->seconds = from.seconds;
    to->group_size = from.group_size;
    to->groups = from.groups;
    to->children = from.children;
    to->failed_ranks = static_cast<int>(from.failed.size());
    to->epochs = from.epochs;
    to->bytes_repaired = from.bytes_repaired;
    to->silence_seconds = from.silence_seconds;
    to->regroup_seconds = from.regroup_seconds;
    to->repair_seconds = from.repair_seconds;
    const auto length = std::min(from.choice.size(), sizeof(to->choice) - 1);
    std::copy_n(from.choice.begin(), length, to->choice);
}

int create(MPI_Comm comm, splitcast::Settings settings, MPI_Info info, splitcast_team** team) {
    return guarded([&] {
        if (team == nullptr) return fail(Status::argument, "the place for the team is NULL");
        *team = nullptr;
        auto made = splitcast::Team::create(comm, settings, info);
        if (!made) return fail(made.error());
        *team = new splitcast_team{std::move(made).value()};
        return SPLITCAST_SUCCESS + 0;
    });
}

int make_request(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                 splitcast_team* team, const char* settings, splitcast_request** request,
                 bool persistent) {
    return guarded([&] {
        if (team == nullptr) return fail(Status::argument, "the team is NULL");
        if (request == nullptr) return fail(Status::argument, "the place for the request is NULL");
        *request = nullptr;
        auto made = std::make_unique<splitcast_request>(team->team.impl(), buffer, count, datatype,
                                                        root, settings_of(settings), persistent);
        if (!persistent) {
            if (auto started = made->impl.start(); !started) return fail(started.error());
        }
        *request = made.release();
        return SPLITCAST_SUCCESS + 0;
    });
}

int finish(splitcast_request** request, splitcast_report* report) {
    splitcast_request& ending = **request;
    const Result<Report> outcome = ending.impl.wait();
    if (!ending.impl.persistent()) {
        delete *request;
        *request = nullptr;
    }
    if (!outcome) return fail(outcome.error());
    copy_report(*outcome, report);
    return SPLITCAST_SUCCESS;
}

}  // namespace

int splitcast_team_create(MPI_Comm comm, const char* settings, splitcast_team** team) {
    return create(comm, settings_of(settings), MPI_INFO_NULL, team);
}

int splitcast_team_create_info(MPI_Comm comm, MPI_Info info, splitcast_team** team) {
    return create(comm, {}, info, team);
}

int splitcast_team_free(splitcast_team** team) {
    return guarded([&] {
        if (team == nullptr || *team == nullptr) return fail(Status::argument, "the team is NULL");
        delete *team;
        *team = nullptr;
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_team_communicator(const splitcast_team* team, MPI_Comm* comm) {
    if (team == nullptr || comm == nullptr)
        return fail(Status::argument, "the team or the place for the communicator is NULL");
    *comm = team->team.communicator();
    return SPLITCAST_SUCCESS;
}

int splitcast_team_survivors(splitcast_team* team, MPI_Comm* comm) {
    return guarded([&] {
        if (team == nullptr || comm == nullptr)
            return fail(Status::argument, "the team or the place for the communicator is NULL");
        auto survivors = team->team.survivors();
        if (!survivors) return fail(survivors.error());
        *comm = *survivors;
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_team_failed(const splitcast_team* team, int max, int ranks[], int* count) {
    return guarded([&] {
        if (team == nullptr || count == nullptr || (max > 0 && ranks == nullptr)) {
            return fail(Status::argument,
                        "the team, the ranks or the place for their number is NULL");
        }
        const std::vector<int> failed = team->team.failed();
        const auto copied = std::min(failed.size(), static_cast<std::size_t>(std::max(max, 0)));
        std::copy_n(failed.begin(), copied, ranks);
        *count = static_cast<int>(failed.size());
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_broadcast(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                        splitcast_team* team, const char* settings, splitcast_report* report) {
    splitcast_request* request = nullptr;
    const int code = make_request(buffer, count, datatype, root, team, settings, &request, false);
    if (code != SPLITCAST_SUCCESS) return code;
    return splitcast_wait(&request, report);
}

int splitcast_broadcast_start(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                              splitcast_team* team, const char* settings,
                              splitcast_request** request) {
    return make_request(buffer, count, datatype, root, team, settings, request, false);
}

int splitcast_broadcast_init(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                             splitcast_team* team, const char* settings,
                             splitcast_request** request) {
    return make_request(buffer, count, datatype, root, team, settings, request, true);
}

int splitcast_start(splitcast_request* request) {
    return guarded([&] {
        if (request == nullptr) return fail(Status::argument, "the request is NULL");
        if (!request->impl.persistent())
            return fail(Status::state, "only a persistent request can be started again");
        const auto started = request->impl.start();
        return started ? SPLITCAST_SUCCESS + 0 : fail(started.error());
    });
}

int splitcast_test(splitcast_request** request, int* flag, splitcast_report* report) {
    return guarded([&] {
        if (request == nullptr || flag == nullptr)
            return fail(Status::argument, "the request or the flag is NULL");
        *flag = 1;
        if (*request == nullptr || !(*request)->impl.active()) return SPLITCAST_SUCCESS + 0;
        if (!(*request)->impl.test()) {
            *flag = 0;
            return SPLITCAST_SUCCESS + 0;
        }
        return finish(request, report);
    });
}

int splitcast_wait(splitcast_request** request, splitcast_report* report) {
    return guarded([&] {
        if (request == nullptr) return fail(Status::argument, "the request is NULL");
        if (*request == nullptr || !(*request)->impl.active()) return SPLITCAST_SUCCESS + 0;
        return finish(request, report);
    });
}

int splitcast_request_free(splitcast_request** request) {
    return guarded([&] {
        if (request == nullptr || *request == nullptr)
            return fail(Status::argument, "the request is NULL");
        if ((*request)->impl.active())
            return fail(Status::state,
                        "the request is under way; end it with splitcast_wait first");
        delete *request;
        *request = nullptr;
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_survive_direct_launch(void) {
    return guarded([] {
        const auto done = splitcast::survive_direct_launch();
        return done ? SPLITCAST_SUCCESS + 0 : fail(done.error());
    });
}

const char* splitcast_version(void) { return splitcast::version().data(); }

const char* splitcast_error_string(int code) {
    return splitcast::text(static_cast<Status>(code)).data();
}

const char* splitcast_last_error(void) { return splitcast::api::failure_text(); }
