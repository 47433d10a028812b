#include "api/team_impl.hpp"
#include "engine/progress.hpp"
#include "mpi/packing.hpp"

#include <utility>

namespace splitcast {

Request::Impl::Impl(Team::Impl& team, void* buffer, MPI_Count count, MPI_Datatype type, int root,
                    Settings settings, bool persistent)
    : team_(team), buffer_(buffer), persistent_(persistent) {
    call_ = team.describe(buffer, count, type, root, settings, layout_);
    // The caller may free the datatype as soon as the broadcast has started, as with MPI's own.
    if (call_.piecemeal && !call_.refused) {
        MPI_Type_dup(type, &kept_type_);
        layout_.type = kept_type_;
    }
    if (persistent) reserved_ = team.reserve();
}

// A request that is dropped while it is under way would leave segments on their way into freed
// memory: better to wait here.
Request::Impl::~Impl() {
    if (active()) static_cast<void>(wait());
    if (kept_type_ != MPI_DATATYPE_NULL) MPI_Type_free(&kept_type_);
}

Result<void> Request::Impl::start() {
    if (active())
        return Error{Status::state,
                     "the request is under way; end it with wait before starting it again"};
    if (auto gone = team_.unusable()) return *gone;
    if (call_.piecemeal && !call_.refused && team_.survives(call_.settings)) {
        stage();
    } else if (call_.piecemeal && !call_.refused) {
        if (team_.rank() == call_.root) {
            source_ = std::make_unique<mpi::PackSource>(buffer_, layout_);
        } else {
            sink_ = std::make_unique<mpi::UnpackSink>(buffer_, layout_);
        }
        call_.source = source_.get();
        call_.sink = sink_.get();
    }
    if (call_.refused) call_.piecemeal = false;  // there is nothing to move
    mismatch_.reset();
    operation_ = persistent_ ? team_.begin(call_, reserved_) : team_.begin(call_);
    engine::progress::enter(*operation_.broadcast);
    return {};
}

// A repair sends segments in an order of its own and more than once, which a scattered datatype
// cannot be packed and unpacked in: then the bytes lie in memory as they are sent.
void Request::Impl::stage() {
    staged_.resize(static_cast<std::size_t>(call_.length));
    if (team_.holds_from_start(call_)) mpi::PackSource(buffer_, layout_).request(0, staged_);
    call_.buffer = staged_.data();
    call_.piecemeal = false;
}

void Request::Impl::unstage(bool whole) {
    if (whole && !team_.holds_from_start(call_))
        mpi::UnpackSink(buffer_, layout_).offer(0, staged_);
    staged_ = {};
    call_.piecemeal = true;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it drives the broadcast on
void Request::Impl::leave() {
    if (!over()) operation_.broadcast->leave();
}

bool Request::Impl::over() const { return !active() || operation_.broadcast->done(); }

// NOLINTNEXTLINE(readability-make-member-function-const): it drives the broadcast on
bool Request::Impl::test() {
    if (!over()) engine::progress::poll();
    return over();
}

Result<Report> Request::Impl::wait() {
    if (!active()) return Error{Status::state, "the request was not started"};
    operation_.broadcast->come_back();
    engine::progress::wait([this] { return over(); });
    return finish();
}

Result<Report> Request::Impl::finish() {
    engine::progress::leave(*operation_.broadcast);
    return outcome();
}

std::optional<Result<Report>> Request::Impl::finish_if_free() {
    std::optional<Result<Report>> report;
    engine::progress::in_turn_if_free([&] { report = finish(); });
    return report;
}

Result<Report> Request::Impl::outcome() {
    Result<Report> report = team_.end(operation_, call_);
    mismatch_ = operation_.broadcast->machine().outcome().mismatch;
    operation_.broadcast.reset();
    if (!staged_.empty()) unstage(report.ok());
    auto packing = source_ ? source_->error() : std::optional<Error>{};
    if (!packing && sink_) packing = sink_->error();
    source_.reset();
    sink_.reset();
    if (report && packing) return *packing;
    return report;
}

Request::Request(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Request::Request(Request&&) noexcept = default;
Request& Request::operator=(Request&&) noexcept = default;
Request::~Request() = default;

Result<void> Request::start() {
    if (!impl_) return Error{Status::state, "the request is empty"};
    if (!impl_->persistent())
        return Error{Status::state, "only a persistent request can be started again"};
    return impl_->start();
}

bool Request::test() { return !impl_ || impl_->test(); }

Result<Report> Request::wait() {
    if (!impl_) return Error{Status::state, "the request is empty"};
    return impl_->wait();
}

}  // namespace splitcast
