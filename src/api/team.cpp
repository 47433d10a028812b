#include "api/team_impl.hpp"

#include <string_view>
#include <utility>

namespace splitcast {

namespace {
const Error empty_team{Status::state, "the team is empty: it was moved from or freed"};
}

Team::Team(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Team::Team(Team&&) noexcept = default;
Team& Team::operator=(Team&& other) noexcept {
    if (this != &other) {
        if (impl_) impl_->part();
        impl_ = std::move(other.impl_);
    }
    return *this;
}
Team::~Team() {
    if (impl_) impl_->part();
}

Result<Team> Team::create(MPI_Comm comm, Settings settings, MPI_Info info) {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized == 0 || finalized != 0) {
        return Error{Status::state, "a team is made between MPI_Init and MPI_Finalize"};
    }
    auto impl = Impl::create(comm, settings, info);
    if (!impl) return impl.error();
    return Team(std::move(impl).value());
}

Result<void> Team::free() {
    if (!impl_) return empty_team;
    impl_->part();
    impl_.reset();
    return {};
}

int Team::rank() const { return impl_ ? impl_->rank() : -1; }
int Team::size() const { return impl_ ? impl_->size() : 0; }
MPI_Comm Team::communicator() const { return impl_ ? impl_->communicator() : MPI_COMM_NULL; }
std::vector<int> Team::failed() const { return impl_ ? impl_->failed() : std::vector<int>{}; }

Result<MPI_Comm> Team::survivors() {
    if (!impl_) return empty_team;
    return impl_->survivors();
}

Result<Report> Team::broadcast(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                               Settings settings) {
    if (!impl_) return empty_team;
    Request::Impl request(*impl_, buffer, count, datatype, root, settings, false);
    if (auto started = request.start(); !started) return started.error();
    return request.wait();
}

Result<Request> Team::start(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                            Settings settings) {
    if (!impl_) return empty_team;
    auto request =
        std::make_unique<Request::Impl>(*impl_, buffer, count, datatype, root, settings, false);
    if (auto started = request->start(); !started) return started.error();
    request->leave();
    return Request(std::move(request));
}

Result<Request> Team::prepare(void* buffer, MPI_Count count, MPI_Datatype datatype, int root,
                              Settings settings) {
    if (!impl_) return empty_team;
    return Request(
        std::make_unique<Request::Impl>(*impl_, buffer, count, datatype, root, settings, true));
}

std::string_view version() { return SPLITCAST_VERSION; }

std::string_view text(Status status) {
    switch (status) {
        case Status::success: return "success";
        case Status::argument: return "an argument that cannot be";
        case Status::setting: return "an unknown setting, or a value that it cannot have";
        case Status::mismatch: return "ranks were called with different roots, lengths or settings";
        case Status::mpi: return "an MPI function failed";
        case Status::source: return "the data to send could not be read";
        case Status::destination: return "received data could not be written";
        case Status::integrity: return "what arrived is not what was sent";
        case Status::memory: return "out of memory";
        case Status::state: return "a call that does not fit the state of its handle";
        case Status::lost: return "ranks were lost, and with them the only copy of some bytes";
        case Status::evicted: return "this rank did not answer, and the others went on without it";
        case Status::internal: return "a fault in splitcast itself: please report it";
    }
    return "not a splitcast code";
}

}  // namespace splitcast
