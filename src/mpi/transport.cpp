#include "mpi/transport.hpp"

#include "collectives/control.hpp"
#include "collectives/flow.hpp"
#include "mpi/communicator.hpp"
#include "mpi/ulfm.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>

namespace splitcast::mpi {

using collectives::Rank;
using collectives::Segment;
using engine::Completion;

namespace {
constexpr int tags_each = 1024;  // of a broadcast: its channels
static_assert(collectives::max_channels < tags_each);

// While segments move, control messages are rare and can wait for so many polls.
constexpr unsigned deaf_polls = 16;

// How long a receive from a lost rank, matched and not complete, keeps a broadcast from returning.
// Of a rank that is dead it ends by itself. One that was stopped in the middle of a message too
// large to be sent at once may still write into the buffer when it is continued.
constexpr auto patience_with_the_lost = std::chrono::milliseconds(100);
}  // namespace

namespace {

/// A receive that has failed may be gone already, and cancelling nothing is an error on
/// MPI_COMM_WORLD, whose handler is the program's.
void take_back(MPI_Request& request) {
    if (request != MPI_REQUEST_NULL) MPI_Cancel(&request);
}

/// A segment and its trailer, each where it lies, as one datatype: no copy, and one message.
class TwoPlaces {
public:
    TwoPlaces(const void* bytes, std::size_t size, const engine::Transport::Trailer* trailer) {
        const std::array<int, 2> lengths{static_cast<int>(size), static_cast<int>(sizeof *trailer)};
        std::array<MPI_Aint, 2> places{};
        MPI_Get_address(bytes, places.data());
        MPI_Get_address(trailer, &places[1]);
        MPI_Type_create_hindexed(2, lengths.data(), places.data(), MPI_BYTE, &type_);
        MPI_Type_commit(&type_);
    }
    ~TwoPlaces() { MPI_Type_free(&type_); }
    TwoPlaces(const TwoPlaces&) = delete;
    TwoPlaces& operator=(const TwoPlaces&) = delete;
    [[nodiscard]] MPI_Datatype type() const { return type_; }

private:
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace

Tags::Tags(int largest_tag)
    // MPI promises tags up to 32767, so there are at least 32 numbers.
    : numbers_(
          std::max<std::uint64_t>((static_cast<std::uint64_t>(largest_tag) + 1) / tags_each, 2)),
      ordinary_(numbers_ / 2) {}

int Tags::data(std::uint64_t number, int channel) const {
    return static_cast<int>(number % numbers_) * tags_each + channel;
}

int Tags::control() { return tags_each - 1; }
int Tags::regroup() { return 2 * tags_each - 1; }

PointToPoint::PointToPoint(MPI_Comm comm, Hub& hub, Tags tags, std::uint64_t number,
                           Hub::Identity identity, bool survive)
    : comm_(comm),
      hub_(hub),
      tags_(tags),
      number_(number),
      identity_(identity),
      survive_(survive) {}

// Only after a failure is anything left here, and it is with ranks that are lost or on a
// communicator beyond use: what the requests point to belongs to the caller again.
PointToPoint::~PointToPoint() {
    for (MPI_Request& request : requests_) {
        if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    }
}

void PointToPoint::add(std::string_view function, int code, MPI_Request request, Record record) {
    if (code != MPI_SUCCESS) {
        if (survive_ && ulfm::is_death(code)) {
            hub_.look_for_dead();
        } else if (!refused_) {
            refused_ = failure(function, code);
        }
        return;
    }
    requests_.push_back(request);
    records_.push_back(record);
}

void PointToPoint::receive(std::int32_t flow, Rank from, int channel, Segment segment,
                           std::span<std::byte> into, Trailer* trailer) {
    MPI_Request request = MPI_REQUEST_NULL;
    int bytes = static_cast<int>(into.size());
    const int tag = tags_.data(number_, channel);
    int code = MPI_SUCCESS;
    if (trailer == nullptr) {
        code = MPI_Irecv(into.data(), bytes, MPI_BYTE, from, tag, comm_, &request);
    } else {
        const TwoPlaces places(into.data(), into.size(), trailer);
        code = MPI_Irecv(MPI_BOTTOM, 1, places.type(), from, tag, comm_, &request);
        bytes += static_cast<int>(sizeof(Trailer));
    }
    add("MPI_Irecv", code, request,
        {.what = What::receive, .flow = flow, .segment = segment, .peer = from, .bytes = bytes});
}

void PointToPoint::send(std::int32_t flow, Rank to, int channel, Segment segment,
                        std::span<const std::byte> bytes, const Trailer* trailer,
                        bool synchronous) {
    MPI_Request request = MPI_REQUEST_NULL;
    const int tag = tags_.data(number_, channel);
    const auto send = synchronous ? MPI_Issend : MPI_Isend;
    int code = MPI_SUCCESS;
    if (trailer == nullptr) {
        code =
            send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, tag, comm_, &request);
    } else {
        const TwoPlaces places(bytes.data(), bytes.size(), trailer);
        code = send(MPI_BOTTOM, 1, places.type(), to, tag, comm_, &request);
    }
    add(synchronous ? "MPI_Issend" : "MPI_Isend", code, request,
        {.what = What::send, .flow = flow, .segment = segment, .peer = to});
}

void PointToPoint::send_control(Rank to, std::vector<std::byte> message) {
    hub_.send(to, identity_, message);
}

void PointToPoint::cancel(std::int32_t flow, Segment from) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
        const Record& record = records_[i];
        if (record.what == What::receive && record.flow == flow && record.segment >= from)
            take_back(requests_[i]);
    }
}

void PointToPoint::forsake(Rank peer) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
        Record& record = records_[i];
        if (record.peer != peer || record.forsaken) continue;
        record.forsaken = true;
        if (record.what == What::receive) take_back(requests_[i]);
        forsaken_at_ = std::chrono::steady_clock::now();
    }
}

void PointToPoint::drain() {
    std::vector<Completion> unwanted;
    if (!requests_.empty()) static_cast<void>(poll_segments(unwanted));
    if (!hub_.idle()) static_cast<void>(hub_.poll());
}

bool PointToPoint::idle() {
    bool waits = false;
    for (const Record& record : records_) {
        if (!record.forsaken) return false;
        if (record.what == What::receive) waits = true;
    }
    return !waits || std::chrono::steady_clock::now() - *forsaken_at_ > patience_with_the_lost;
}

std::optional<Error> PointToPoint::poll(bool listen, std::vector<Completion>& completions) {
    if (refused_) return refused_;
    if (!requests_.empty()) {
        if (auto error = poll_segments(completions)) return error;
    }
    if (!listen && ++deaf_ < deaf_polls) return std::nullopt;
    deaf_ = 0;
    if (auto error = hub_.poll()) return error;
    take_letters(completions);
    return std::nullopt;
}

void PointToPoint::take_letters(std::vector<Completion>& completions) {
    for (Hub::Letter& letter : hub_.take(identity_)) {
        completions.push_back({.kind = Completion::Kind::control,
                               .peer = letter.from,
                               .message = std::move(letter.bytes)});
    }
    if (hub_.expelled_by() != collectives::no_rank && !expulsion_told_) {
        expulsion_told_ = true;
        completions.push_back(
            {.kind = Completion::Kind::control,
             .peer = hub_.expelled_by(),
             .message = collectives::encode({.kind = collectives::ControlMessage::Kind::evicted})});
    }
    // After the letters: what a rank said before it died was said.
    for (; dead_told_ < hub_.dead().size(); ++dead_told_) {
        completions.push_back(
            {.kind = Completion::Kind::failed, .peer = hub_.dead()[dead_told_], .message = {}});
    }
}

std::optional<Error> PointToPoint::poll_segments(std::vector<Completion>& completions) {
    const auto count = requests_.size();
    indices_.resize(count);
    statuses_.resize(count);
    int finished = 0;
    const int code = MPI_Testsome(static_cast<int>(count), requests_.data(), &finished,
                                  indices_.data(), statuses_.data());
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
        if (!survive_ || !ulfm::is_death(code)) return failure("MPI_Testsome", code);
        hub_.look_for_dead();
        forget_failed();
        return std::nullopt;
    }
    if (finished == MPI_UNDEFINED || finished == 0) return std::nullopt;
    std::optional<Error> error;
    for (int i = 0; i < finished; ++i) {
        const auto place = static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
        auto failed = complete(records_[place], statuses_[static_cast<std::size_t>(i)],
                               code == MPI_ERR_IN_STATUS, completions);
        if (failed && !error) error = std::move(failed);
    }
    // From the back, so that places stay valid.
    std::sort(indices_.begin(), indices_.begin() + finished, std::greater<>{});
    for (int i = 0; i < finished; ++i) {
        remove(static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]));
    }
    if (code != MPI_SUCCESS) forget_failed();
    return error;
}

// Open MPI ends requests with ranks that have died without reporting each of them.
void PointToPoint::forget_failed() {
    for (std::size_t place = requests_.size(); place-- > 0;) {
        if (requests_[place] == MPI_REQUEST_NULL) remove(place);
    }
}

void PointToPoint::remove(std::size_t place) {
    requests_[place] = requests_.back();
    requests_.pop_back();
    records_[place] = records_.back();
    records_.pop_back();
}

std::optional<Error> PointToPoint::complete(const Record& record, MPI_Status& status, bool failed,
                                            std::vector<Completion>& completions) {
    if (record.forsaken) return std::nullopt;
    bool truncated = false;
    if (failed && status.MPI_ERROR != MPI_SUCCESS) {
        int kind = MPI_SUCCESS;
        MPI_Error_class(status.MPI_ERROR, &kind);
        if (survive_ && ulfm::is_death(status.MPI_ERROR)) {
            // The hub knows who has died, and tells.
            hub_.look_for_dead();
            return std::nullopt;
        }
        if (kind != MPI_ERR_TRUNCATE) {
            return failure(
                (record.what == What::send ? "sending to rank " : "receiving from rank ") +
                    std::to_string(record.peer),
                status.MPI_ERROR);
        }
        truncated = true;
    }
    Completion done{
        .flow = record.flow, .segment = record.segment, .peer = record.peer, .message = {}};
    if (record.what == What::send) {
        done.kind = Completion::Kind::sent;
    } else {
        int cancelled = 0;
        MPI_Test_cancelled(&status, &cancelled);
        int bytes = 0;
        MPI_Get_count(&status, MPI_BYTE, &bytes);
        done.kind = cancelled != 0 ? Completion::Kind::dropped : Completion::Kind::received;
        done.damaged = cancelled == 0 && (truncated || bytes != record.bytes);
    }
    completions.push_back(std::move(done));
    return std::nullopt;
}

}  // namespace splitcast::mpi
