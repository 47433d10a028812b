#include "mpi/transport.hpp"

#include "collectives/flow.hpp"
#include "mpi/communicator.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace splitcast::mpi {

using collectives::Rank;
using collectives::Segment;
using engine::Completion;

namespace {
constexpr int tags_each = 1024;  // of a broadcast: its channels, and the last one for control
static_assert(collectives::max_channels < tags_each);
}  // namespace

Tags::Tags(int largest_tag)
    // MPI promises tags up to 32767, so there are at least 32 numbers.
    : numbers_(
          std::max<std::uint64_t>((static_cast<std::uint64_t>(largest_tag) + 1) / tags_each, 2)),
      ordinary_(numbers_ / 2) {}

int Tags::data(std::uint64_t number, int channel) const {
    return static_cast<int>(number % numbers_) * tags_each + channel;
}

int Tags::control(std::uint64_t number) const { return data(number, tags_each - 1); }

PointToPoint::PointToPoint(MPI_Comm comm, Tags tags, std::uint64_t number)
    : comm_(comm), tags_(tags), number_(number) {}

// Only after a failure of the communicator is anything left here: the requests are then beyond use,
// and what they point to belongs to the caller again.
PointToPoint::~PointToPoint() {
    for (MPI_Request& request : requests_) {
        if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    }
}

void PointToPoint::add(std::string_view function, int code, MPI_Request request, Record record) {
    if (code != MPI_SUCCESS) {
        if (!refused_) refused_ = failure(function, code);
        return;
    }
    requests_.push_back(request);
    records_.push_back(std::move(record));
}

void PointToPoint::receive(std::int32_t flow, Rank from, int channel, Segment segment,
                           std::span<std::byte> into) {
    MPI_Request request = MPI_REQUEST_NULL;
    const int bytes = static_cast<int>(into.size());
    const int code = MPI_Irecv(into.data(), bytes, MPI_BYTE, from, tags_.data(number_, channel),
                               comm_, &request);
    add("MPI_Irecv", code, request,
        {.what = What::receive, .flow = flow, .segment = segment, .peer = from, .bytes = bytes});
}

void PointToPoint::send(std::int32_t flow, Rank to, int channel, Segment segment,
                        std::span<const std::byte> bytes, bool synchronous) {
    MPI_Request request = MPI_REQUEST_NULL;
    const int count = static_cast<int>(bytes.size());
    const int tag = tags_.data(number_, channel);
    const int code = synchronous
                         ? MPI_Issend(bytes.data(), count, MPI_BYTE, to, tag, comm_, &request)
                         : MPI_Isend(bytes.data(), count, MPI_BYTE, to, tag, comm_, &request);
    add(synchronous ? "MPI_Issend" : "MPI_Isend", code, request,
        {.what = What::send, .flow = flow, .segment = segment, .peer = to, .bytes = count});
}

void PointToPoint::send_control(Rank to, std::vector<std::byte> message) {
    auto owned = std::make_unique<std::vector<std::byte>>(std::move(message));
    MPI_Request request = MPI_REQUEST_NULL;
    const int code = MPI_Isend(owned->data(), static_cast<int>(owned->size()), MPI_BYTE, to,
                               tags_.control(number_), comm_, &request);
    add("MPI_Isend", code, request,
        {.what = What::control_out, .peer = to, .message = std::move(owned)});
}

void PointToPoint::expect_control(Rank from, std::size_t capacity) {
    auto owned = std::make_unique<std::vector<std::byte>>(capacity);
    MPI_Request request = MPI_REQUEST_NULL;
    const int code = MPI_Irecv(owned->data(), static_cast<int>(capacity), MPI_BYTE, from,
                               tags_.control(number_), comm_, &request);
    add("MPI_Irecv", code, request,
        {.what = What::control_in, .peer = from, .message = std::move(owned)});
}

void PointToPoint::cancel(std::int32_t flow) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
        if (records_[i].what == What::receive && records_[i].flow == flow)
            MPI_Cancel(&requests_[i]);
    }
}

std::optional<Error> PointToPoint::poll(std::vector<Completion>& completions) {
    if (refused_) return refused_;
    if (requests_.empty()) return std::nullopt;
    const auto count = requests_.size();
    indices_.resize(count);
    statuses_.resize(count);
    int finished = 0;
    const int code = MPI_Testsome(static_cast<int>(count), requests_.data(), &finished,
                                  indices_.data(), statuses_.data());
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) return failure("MPI_Testsome", code);
    if (finished == MPI_UNDEFINED || finished == 0) return std::nullopt;
    std::optional<Error> error;
    for (int i = 0; i < finished; ++i) {
        Record& record = records_[static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)])];
        auto failed = complete(record, statuses_[static_cast<std::size_t>(i)],
                               code == MPI_ERR_IN_STATUS, completions);
        if (failed && !error) error = std::move(failed);
    }
    // Take the finished ones out, the last into the place of each, from the back so that places
    // stay valid.
    std::sort(indices_.begin(), indices_.begin() + finished, std::greater<>{});
    for (int i = 0; i < finished; ++i) {
        const auto place = static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
        requests_[place] = requests_.back();
        requests_.pop_back();
        if (place + 1 != records_.size()) records_[place] = std::move(records_.back());
        records_.pop_back();
    }
    return error;
}

std::optional<Error> PointToPoint::complete(Record& record, MPI_Status& status, bool failed,
                                            std::vector<Completion>& completions) const {
    bool truncated = false;
    if (failed && status.MPI_ERROR != MPI_SUCCESS) {
        int kind = MPI_SUCCESS;
        MPI_Error_class(status.MPI_ERROR, &kind);
        if (kind != MPI_ERR_TRUNCATE) {
            const bool outgoing = record.what == What::send || record.what == What::control_out;
            return failure((outgoing ? "sending to rank " : "receiving from rank ") +
                               std::to_string(record.peer),
                           status.MPI_ERROR);
        }
        truncated = true;
    }
    Completion done{
        .flow = record.flow, .segment = record.segment, .peer = record.peer, .message = {}};
    switch (record.what) {
        case What::send: done.kind = Completion::Kind::sent; break;
        case What::control_out: return std::nullopt;
        case What::control_in: {
            int bytes = 0;
            MPI_Get_count(&status, MPI_BYTE, &bytes);
            record.message->resize(static_cast<std::size_t>(std::max(bytes, 0)));
            done.kind = Completion::Kind::control;
            done.message = std::move(*record.message);
            break;
        }
        case What::receive: {
            int cancelled = 0;
            MPI_Test_cancelled(&status, &cancelled);
            if (cancelled != 0) {
                done.kind = Completion::Kind::dropped;
                break;
            }
            int bytes = 0;
            MPI_Get_count(&status, MPI_BYTE, &bytes);
            done.kind = Completion::Kind::received;
            done.damaged = truncated || bytes != record.bytes;
            break;
        }
    }
    completions.push_back(std::move(done));
    return std::nullopt;
}

}  // namespace splitcast::mpi
