// Broadcasts for splitcast's own commands: streams of files, and agreements about them.

#include "api/team_impl.hpp"
#include "collectives/control.hpp"
#include "engine/progress.hpp"
#include "fault/saboteur.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace splitcast {

using collectives::Ballot;

namespace {

/// Of what is collected in an agreement, whose number comes on top: no broadcast gets that far.
constexpr mpi::Hub::Identity letters_of = mpi::Hub::Identity{1} << 62U;

/// A broadcast under way, as long as this lives.
class UnderWay {
public:
    explicit UnderWay(engine::Broadcast& broadcast) : broadcast_(broadcast) {
        engine::progress::enter(broadcast);
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() { engine::progress::leave(broadcast_); }

    /// `waiting`, if any, is called all the time meanwhile.
    void wait(const std::function<void()>& waiting = {}) const {
        engine::progress::wait_gently([&] {
            if (waiting) waiting();
            return broadcast_.done();
        });
    }

private:
    engine::Broadcast& broadcast_;
};

}  // namespace

void Team::Impl::rename(std::vector<int> names) {
    names_ = std::move(names);
    faults_->trigger = nullptr;
}

void Team::Impl::count_broadcasts() {
    faults_->begun = 0;
    if (auto faults = fault::trigger_from_environment(name(rank_), ranks_of_job()))
        faults_->trigger = *faults;
}

void Team::Impl::count_on_all() {
    all_here_ = true;
    hub_->answer_before_entry(
        [](const mpi::Hub::Letter& letter) -> std::optional<std::vector<std::byte>> {
            const auto message = collectives::decode(letter.bytes);
            const auto reply = message ? collectives::answer_before_entry(*message) : std::nullopt;
            if (!reply) return std::nullopt;
            return collectives::encode(*reply);
        });
}

Team::Impl::Call Team::Impl::internal_call(int root) const {
    Call call;
    call.root = root;
    call.settings = settings_.settings;
    call.settings.mirrors.clear();
    call.settings.report = false;
    return call;
}

Result<Ballot> Team::Impl::lowest(const std::function<Vote(const engine::Broadcast&)>& vote) {
    if (auto gone = unusable()) return *gone;
    Call call = internal_call(members_.front());
    call.agree = true;
    const std::vector<int> taking_part = members_;
    Operation operation = begin(call);
    engine::Broadcast& broadcast = *operation.broadcast;
    {
        const UnderWay under_way(broadcast);
        Vote mine = vote(broadcast);
        std::erase_if(mine.known, [&](const collectives::Loss& loss) {
            return !std::ranges::binary_search(taking_part, loss.rank);
        });
        engine::progress::in_turn([&] {
            broadcast.hear_of(mine.known);
            broadcast.bring(mine.ballot);
        });
        under_way.wait();
    }
    const auto report = end(operation, call);
    if (!report) return report.error();
    return broadcast.machine().outcome().ballot;
}

Result<void> Team::Impl::tell(void* bytes, std::int64_t size, int root) {
    if (auto gone = unusable()) return *gone;
    if (!std::ranges::binary_search(members_, root))
        return Error{Status::lost, fmt::format("{} was lost before it could tell", who(root))};
    Call call = internal_call(root);
    call.buffer = static_cast<std::byte*>(bytes);
    call.length = size;
    Operation operation = begin(call);
    UnderWay(*operation.broadcast).wait();
    const auto report = end(operation, call);
    if (!report) return report.error();
    return {};
}

// In an agreement that the collector holds up until it has what all have sent that are left in it.
// The letters go the way of the team's own messages, so nobody waits for one that is lost.
Result<std::vector<std::string>> Team::Impl::collect(const Text& mine) {
    std::optional<std::string> text;
    for (;;) {
        const int collector = members_.front();
        const mpi::Hub::Identity letters = letters_of + next_number_;
        std::map<int, std::string> texts;
        const auto done = lowest([&](const engine::Broadcast& agreement) {
            if (!text) text = mine();
            if (rank_ != collector) {
                // No message of a broadcast begins with a zero.
                const std::string letter = '\0' + *text;
                engine::progress::in_turn(
                    [&] { hub_->send(collector, letters, std::as_bytes(std::span(letter))); });
                return Vote{};
            }
            texts[rank_] = *text;
            const auto have = [&](int rank) { return texts.contains(rank); };
            engine::progress::wait_gently([&] {
                bool all = false;
                engine::progress::in_turn([&] {
                    static_cast<void>(hub_->poll());  // what is wrong, the agreement finds as well
                    for (const mpi::Hub::Letter& letter : hub_->take(letters)) {
                        const auto* bytes = reinterpret_cast<const char*>(letter.bytes.data());
                        texts[letter.from] = std::string(bytes, letter.bytes.size()).substr(1);
                    }
                    all = std::ranges::all_of(agreement.machine().membership().present(), have);
                });
                return all || agreement.done();
            });
            return Vote{};
        });
        if (!done) return done.error();
        if (members_.front() != collector) continue;
        std::vector<std::string> in_order;
        if (rank_ == collector) {
            for (const int rank : members_) in_order.push_back(std::move(texts[rank]));
        }
        return in_order;
    }
}

Result<std::vector<std::string>> Team::Impl::exchange(const Text& mine) {
    std::string text;
    bool known = false;
    const Text once = [&] {
        if (!std::exchange(known, true)) text = mine();
        return text;
    };
    for (;;) {
        const auto collected = collect(once);
        if (!collected) return collected.error();
        const int teller = members_.front();
        const std::vector<int> ranks = members_;
        auto all = std::make_unique<std::string>();
        for (const std::string& one : *collected) *all += one;
        all->resize(ranks.size() * text.size());
        const auto told = tell(all->data(), std::ssize(*all), teller);
        std::vector<std::string> by_rank(static_cast<std::size_t>(size_));
        for (std::size_t i = 0; told && i < ranks.size(); ++i)
            by_rank[static_cast<std::size_t>(ranks[i])] = all->substr(i * text.size(), text.size());
        // MPI may still send from it to a rank that was given up and is alive.
        if (members_.size() < ranks.size() || evicted_) static_cast<void>(all.release());
        if (told) return by_rank;
        if (told.error().status != Status::lost) return told.error();
    }
}

Result<Report> Team::Impl::pass(std::byte* bytes, std::int64_t length, int root,
                                std::vector<int> mirrors, const std::optional<Error>& refused,
                                std::optional<std::int64_t> held) {
    if (auto gone = unusable()) return *gone;
    Call call = internal_call(root);
    call.settings.mirrors = std::move(mirrors);
    call.buffer = bytes;
    call.length = length;
    call.refused = refused;
    call.resumes = held.has_value();
    call.held_in_front = held.value_or(0);
    Operation operation = begin(call);
    UnderWay(*operation.broadcast).wait();
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
    UnderWay(*operation.broadcast).wait(waiting);
    auto report = end(operation, call);
    // MPI may still look at memory of which ranks were sent something that are alive and have been
    // given up: it stays.
    if (report ? !report->evicted.empty() : evicted_) {
        [[maybe_unused]] const auto* kept = operation.broadcast.release();
    }
    return report;
}

}  // namespace splitcast
