#include "mpi/hub.hpp"

#include "mpi/communicator.hpp"
#include "mpi/ulfm.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace splitcast::mpi {

namespace {

constexpr std::size_t header = sizeof(Hub::Identity);
constexpr std::size_t remembered = 64;  // broadcasts that are over
constexpr auto between_looks = std::chrono::milliseconds(2);

// Belongs to no broadcast: "has all arrived?", and "yes".
constexpr Hub::Identity leave_taking = ~Hub::Identity{0};
constexpr std::byte question{0};
constexpr std::byte yes{1};
// Likewise: "you have no part in this team any more".
constexpr Hub::Identity expulsion = leave_taking - 1;

}  // namespace

Hub::Hub(MPI_Comm comm, int tag, bool watch) : comm_(comm), tag_(tag), watch_(watch) {}

// What has not left by now is for ranks that do not take it. MPI may still look at the bytes, so
// they stay where they are.
Hub::~Hub() {
    sweep_outgoing();
    for (Outgoing& letter : outgoing_) {
        if (letter.request != MPI_REQUEST_NULL) MPI_Request_free(&letter.request);
        static_cast<void>(new (std::nothrow) std::vector<std::byte>(std::move(letter.bytes)));
    }
}

void Hub::send(collectives::Rank to, Identity broadcast, std::span<const std::byte> bytes) {
    written_to_.insert(to);
    post(to, broadcast, bytes);
}

void Hub::post(collectives::Rank to, Identity broadcast, std::span<const std::byte> bytes) {
    if (known_dead_.contains(to)) return;
    Outgoing letter{.bytes = std::vector<std::byte>(header + bytes.size()), .to = to};
    std::memcpy(letter.bytes.data(), &broadcast, header);
    std::ranges::copy(bytes, letter.bytes.begin() + header);
    const int code = MPI_Isend(letter.bytes.data(), static_cast<int>(letter.bytes.size()), MPI_BYTE,
                               to, tag_, comm_, &letter.request);
    if (code != MPI_SUCCESS) {
        if (watch_) look_for_dead();
        return;
    }
    outgoing_.push_back(std::move(letter));
}

void Hub::sweep_outgoing() {
    std::erase_if(outgoing_, [](Outgoing& letter) {
        int done = 0;
        const int code = MPI_Test(&letter.request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS && letter.request != MPI_REQUEST_NULL) {
            MPI_Request_free(&letter.request);
        }
        return code != MPI_SUCCESS || done != 0;
    });
}

std::optional<Error> Hub::poll() {
    if (!outgoing_.empty()) sweep_outgoing();
    if (watch_ && Clock::now() - looked_ > between_looks) look_for_dead();
    for (;;) {
        int there = 0;
        MPI_Message message = MPI_MESSAGE_NULL;
        MPI_Status status;
        int code = MPI_Improbe(MPI_ANY_SOURCE, tag_, comm_, &there, &message, &status);
        if (code != MPI_SUCCESS) {
            if (!watch_ || !ulfm::is_death(code)) return failure("MPI_Improbe", code);
            look_for_dead();
            return std::nullopt;
        }
        if (there == 0) return std::nullopt;
        int bytes = 0;
        MPI_Get_count(&status, MPI_BYTE, &bytes);
        Letter letter{.from = status.MPI_SOURCE, .bytes = {}};
        letter.bytes.resize(static_cast<std::size_t>(std::max(bytes, 0)));
        code = MPI_Mrecv(letter.bytes.data(), bytes, MPI_BYTE, &message, &status);
        if (code != MPI_SUCCESS) {
            if (!watch_ || !ulfm::is_death(code)) return failure("MPI_Mrecv", code);
            look_for_dead();
            continue;
        }
        if (letter.bytes.size() >= header) sort(std::move(letter));
    }
}

void Hub::sort(Letter letter) {
    Identity broadcast = 0;
    std::memcpy(&broadcast, letter.bytes.data(), header);
    letter.bytes.erase(letter.bytes.begin(), letter.bytes.begin() + header);
    if (broadcast == leave_taking) {
        on_leave(letter);
        return;
    }
    if (broadcast == expulsion) {
        expelled_by_ = letter.from;
        return;
    }
    const auto over = std::ranges::find(over_, broadcast, &Over::broadcast);
    if (over == over_.end()) {
        if (early_ && !open_.contains(broadcast)) {
            if (const auto reply = early_(letter)) {
                send(letter.from, broadcast, *reply);
                return;
            }
        }
        inbox_[broadcast].push_back(std::move(letter));
    } else if (const auto reply = over->answer(letter)) {
        send(letter.from, broadcast, *reply);
    }
}

void Hub::expel(collectives::Rank rank) { post(rank, expulsion, {}); }

// Letters from one rank to another do not overtake each other: whoever hears the question has got
// all that was sent before it.
void Hub::take_leave() {
    awaited_ = written_to_;
    for (const collectives::Rank rank : written_to_) post(rank, leave_taking, {&question, 1});
}

void Hub::on_leave(const Letter& letter) {
    if (letter.bytes.empty()) return;
    if (letter.bytes.front() == question) {
        post(letter.from, leave_taking, {&yes, 1});
    } else {
        awaited_.erase(letter.from);
    }
}

bool Hub::everything_arrived() {
    std::erase_if(awaited_, [this](collectives::Rank rank) { return known_dead_.contains(rank); });
    return awaited_.empty();
}

std::vector<Hub::Letter> Hub::take(Identity broadcast) {
    const auto found = inbox_.find(broadcast);
    if (found == inbox_.end()) return {};
    std::vector<Letter> letters = std::move(found->second);
    inbox_.erase(found);
    return letters;
}

void Hub::close(Identity broadcast, Answer answer) {
    open_.erase(broadcast);
    over_.push_back({broadcast, std::move(answer)});
    for (const Letter& letter : take(broadcast)) {
        if (const auto reply = over_.back().answer(letter)) send(letter.from, broadcast, *reply);
    }
    if (over_.size() > remembered) over_.pop_front();
}

void Hub::look_for_dead() {
    looked_ = Clock::now();
    const std::vector<collectives::Rank> all = ulfm::dead(comm_);
    if (all.size() == dead_.size()) return;
    for (const collectives::Rank rank : all) {
        if (known_dead_.insert(rank).second) dead_.push_back(rank);
    }
    ulfm::acknowledge(comm_);
}

}  // namespace splitcast::mpi
