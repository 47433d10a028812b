#include "check/crew.hpp"

#include <algorithm>
#include <thread>

namespace splitcast::check {

namespace {

constexpr int report_tag = 1;
constexpr int answer_tag = 2;

// Ahead of what a rank hands in: whom it waited for in vain (or nobody, or it cannot say).
constexpr std::size_t head = 1;
constexpr double nobody = -1;
constexpr double cannot_say = -2;

constexpr double awake = 1e-3;
constexpr auto nap = std::chrono::microseconds(100);

int count(std::size_t length) { return static_cast<int>(length); }

/// Tests a request; `failed` is set when it ended by an error.
bool over(MPI_Request& request, bool& failed) {
    int done = 0;
    const int code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    failed = code != MPI_SUCCESS;
    return done != 0 || failed;
}

}  // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Crew::Crew(MPI_Comm comm, double patience, Watchdog& watchdog)
    : comm_(comm), patience_(patience), watchdog_(watchdog) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    excused_.resize(static_cast<std::size_t>(size_));
}

Crew::Wait Crew::wait(MPI_Request& request, bool busy, double patience) {
    const double begin = now();
    for (int polls = 0;; ++polls) {
        bool failed = false;
        if (over(request, failed)) return failed ? Wait::died : Wait::done;
        if (busy && polls % 64 != 63) continue;
        const double waited = now() - begin;
        if (waited > patience) return Wait::late;
        if (!busy && waited > awake) std::this_thread::sleep_for(nap);
    }
}

bool Crew::exchange(int partner, int tag, std::span<const std::byte> out, std::span<std::byte> in,
                    bool busy) {
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    const bool begun = MPI_Irecv(in.data(), count(in.size()), MPI_BYTE, partner, tag, comm_,
                                 &requests[0]) == MPI_SUCCESS &&
                       MPI_Isend(out.data(), count(out.size()), MPI_BYTE, partner, tag, comm_,
                                 &requests[1]) == MPI_SUCCESS;
    if (!begun) {
        accuse(partner);
        return false;
    }
    for (MPI_Request& request : requests) {
        const Wait outcome = wait(request, busy, patience_);
        if (outcome != Wait::done) {
            accuse(partner);
            return false;
        }
    }
    return true;
}

void Crew::stuck() { accused_ = static_cast<int>(cannot_say); }

void Crew::enters(std::string_view what) {
    during_ = what;
    watchdog_.hears(what);
}

void Crew::lose(int rank, bool died) {
    const auto known = std::ranges::find(losses_, rank, &Loss::rank);
    if (known == losses_.end()) losses_.push_back({rank, died, during_});
    stopped_ = true;
    leaderless_ = leaderless_ || rank == 0;
}

void Crew::excuse(int rank) { excused_[static_cast<std::size_t>(rank)] = true; }

std::vector<double>& Crew::keep(std::size_t length) {
    return kept_.emplace_back(std::vector<double>(length));
}

void Crew::hear(int by, const std::vector<double>& report, Gathered& gathered) {
    const double whom = report.front();
    if (whom != nobody) stopped_ = true;
    if (whom >= 0) complaints_.push_back({by, static_cast<int>(whom)});
    gathered[static_cast<std::size_t>(by)].assign(report.begin() + head, report.end());
}

// On rank 0: what everybody hands in, as far as it comes in time.
void Crew::gather(Gathered& gathered, std::size_t length) {
    struct Pending {
        int rank;
        MPI_Request request = MPI_REQUEST_NULL;
        std::vector<double>* data = nullptr;
    };
    std::vector<Pending> pending;
    const std::size_t before = kept_.size();
    for (int rank = 1; rank < size_; ++rank) {
        if (excused_[static_cast<std::size_t>(rank)]) continue;
        if (std::ranges::find(losses_, rank, &Loss::rank) != losses_.end()) continue;
        Pending& one = pending.emplace_back(rank);
        one.data = &keep(head + length);
        if (MPI_Irecv(one.data->data(), count(one.data->size()), MPI_DOUBLE, rank, report_tag,
                      comm_, &one.request) != MPI_SUCCESS) {
            one.request = MPI_REQUEST_NULL;
            lose(rank, true);
        }
    }
    std::erase_if(pending, [](const Pending& one) { return one.request == MPI_REQUEST_NULL; });
    const double begin = now();
    while (!pending.empty() && now() - begin < 2 * patience_) {
        std::erase_if(pending, [&](Pending& one) {
            bool failed = false;
            if (!over(one.request, failed)) return false;
            if (failed) {
                lose(one.rank, true);
            } else {
                hear(one.rank, *one.data, gathered);
            }
            return true;
        });
        if (now() - begin > awake) std::this_thread::sleep_for(nap);
    }
    for (const Pending& one : pending) lose(one.rank, false);
    if (pending.empty()) kept_.resize(before);
}

// On rank 0: to all that are left.
void Crew::answer(std::vector<double>& decision) {
    std::vector<MPI_Request> requests;
    std::vector<double>& data = keep(decision.size());
    data = decision;
    for (int rank = 1; rank < size_; ++rank) {
        if (excused_[static_cast<std::size_t>(rank)]) continue;
        if (std::ranges::find(losses_, rank, &Loss::rank) != losses_.end()) continue;
        MPI_Request& request = requests.emplace_back(MPI_REQUEST_NULL);
        if (MPI_Isend(data.data(), count(data.size()), MPI_DOUBLE, rank, answer_tag, comm_,
                      &request) != MPI_SUCCESS) {
            requests.pop_back();
        }
    }
    bool all = true;
    for (MPI_Request& request : requests)
        all = wait(request, false, patience_) == Wait::done && all;
    if (all) kept_.pop_back();
}

std::optional<std::vector<double>> Crew::meet(std::string_view during, std::span<const double> mine,
                                              std::size_t length, const Decide& decide) {
    enters(during);
    std::vector<double> reply(1 + length);
    std::vector<double> report{static_cast<double>(accused_)};
    report.insert(report.end(), mine.begin(), mine.end());
    if (conducts()) {
        Gathered gathered(static_cast<std::size_t>(size_));
        hear(0, report, gathered);
        gather(gathered, mine.size());
        if (!stopped_) {
            const std::vector<double> decided = decide(gathered);
            std::ranges::copy(decided, reply.begin() + 1);
        }
        reply.front() = stopped_ ? 1 : 0;
        answer(reply);
    } else {
        std::vector<double>& out = keep(0);
        out = report;
        std::vector<double>& in = keep(reply.size());
        MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
        MPI_Irecv(in.data(), count(in.size()), MPI_DOUBLE, 0, answer_tag, comm_, &requests[1]);
        MPI_Isend(out.data(), count(out.size()), MPI_DOUBLE, 0, report_tag, comm_, &requests[0]);
        for (MPI_Request& request : requests) {
            const Wait outcome = wait(request, false, 4 * patience_);
            if (outcome == Wait::done) continue;
            lose(0, outcome == Wait::died);
            return std::nullopt;
        }
        reply = in;
        kept_.resize(kept_.size() - 2);
        if (reply.front() != 0) stopped_ = true;
    }
    if (stopped_) return std::nullopt;
    reply.erase(reply.begin());
    return reply;
}

}  // namespace splitcast::check
