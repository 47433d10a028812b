// Broadcasts for splitcast's own commands: streams of files, and agreements about them.

#include "api/team_impl.hpp"
#include "engine/progress.hpp"
#include "fault/saboteur.hpp"

#include <utility>

namespace splitcast {

using collectives::Ballot;
using collectives::Loss;

void Team::Impl::rename(std::vector<int> names, const Impl* other) {
    names_ = std::move(names);
    if (other != nullptr) {
        faults_ = other->faults_;
    } else if (auto faults = fault::trigger_from_environment(name(rank_))) {
        faults_->trigger = *faults;
    }
}

Result<Report> Team::Impl::run(const Call& call, Operation& operation,
                               const std::vector<Loss>& known) {
    engine::Broadcast& broadcast = *operation.broadcast;
    engine::progress::enter(broadcast);
    broadcast.hear_of(known);
    engine::progress::wait_gently([&] { return broadcast.done(); });
    engine::progress::leave(broadcast);
    return end(operation, call);
}

Team::Impl::Call Team::Impl::internal_call(int root) const {
    Call call;
    call.root = root;
    call.settings = settings_.settings;
    call.settings.mirrors.clear();
    call.settings.report = false;
    return call;
}

Result<Ballot> Team::Impl::lowest(Ballot mine, const std::vector<Loss>& known) {
    if (auto gone = unusable()) return *gone;
    Call call = internal_call(members_.front());
    call.ballot = mine;
    call.agree = true;
    Operation operation = begin(call);
    const auto report = run(call, operation, known);
    if (!report) return report.error();
    return operation.broadcast->machine().outcome().ballot;
}

Result<void> Team::Impl::tell(void* bytes, std::int64_t size, int root) {
    if (auto gone = unusable()) return *gone;
    Call call = internal_call(root);
    call.buffer = static_cast<std::byte*>(bytes);
    call.length = size;
    Operation operation = begin(call);
    const auto report = run(call, operation, {});
    if (!report) return report.error();
    return {};
}

Result<Report> Team::Impl::pass(std::byte* bytes, std::int64_t length, int root,
                                std::vector<int> mirrors, const std::optional<Error>& refused) {
    if (auto gone = unusable()) return *gone;
    Call call = internal_call(root);
    call.settings.mirrors = std::move(mirrors);
    call.buffer = bytes;
    call.length = length;
    call.refused = refused;
    Operation operation = begin(call);
    engine::progress::enter(*operation.broadcast);
    engine::progress::wait([&] { return operation.broadcast->done(); });
    engine::progress::leave(*operation.broadcast);
    return end(operation, call);
}

Result<Report> Team::Impl::stream(std::int64_t length, engine::Source* source, engine::Sink* sink,
                                  int root, std::vector<int> mirrors,
                                  const std::function<void()>& waiting,
                                  std::optional<std::int64_t> held) {
    if (auto gone = unusable()) return *gone;
    Call call;
    call.settings = settings_.settings;
    call.settings.mirrors = std::move(mirrors);
    call.sink = sink;
    call.piecemeal = true;
    call.resumes = held.has_value();
    call.held_in_front = held.value_or(0);
    call.length = length;
    call.root = root;
    call.source = holds_from_start(call) ? source : nullptr;
    Operation operation = begin(call);
    engine::progress::enter(*operation.broadcast);
    engine::progress::wait([&] {
        if (waiting) waiting();
        return operation.broadcast->done();
    });
    engine::progress::leave(*operation.broadcast);
    auto report = end(operation, call);
    // MPI may still look at memory of which ranks were sent something that are alive and have been
    // given up: it stays.
    if (report ? !report->evicted.empty() : evicted_) {
        [[maybe_unused]] const auto* kept = operation.broadcast.release();
    }
    return report;
}

}  // namespace splitcast
