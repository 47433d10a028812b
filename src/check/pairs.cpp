#include "check/pairs.hpp"

#include "bench/payload.hpp"
#include "check/clocks.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace splitcast::check {

namespace {

constexpr int hello_tag = 11;
constexpr int ping_tag = 12;
constexpr int data_tag = 13;
constexpr int round_trips = 12;

std::uint64_t key_of(int rank) { return 0x636865636BU + static_cast<std::uint64_t>(rank); }

}  // namespace

Pairs::Pairs(Crew& crew, std::unique_ptr<engine::Saboteur> saboteur)
    : crew_(crew), saboteur_(std::move(saboteur)) {}

void Pairs::size(std::int64_t bytes) {
    out_.resize(static_cast<std::size_t>(bytes));
    in_.resize(out_.size());
    bench::fill(out_, key_of(crew_.rank()));
    bench::poison(in_);
}

bool Pairs::measure(int partner, PairFigure& figure) {
    // Both have to be here before any clock runs; also between the transfers, because a send is
    // over when the system has taken the data, long before they have arrived.
    if (!greet(partner) || !ping(partner, figure)) return false;
    const bool first = crew_.rank() < partner;
    if (!(first ? send(partner) : receive(partner, figure))) return false;
    if (!greet(partner)) return false;
    return first ? receive(partner, figure) : send(partner);
}

bool Pairs::greet(int partner) {
    const std::array<std::byte, 8> out{};
    std::array<std::byte, 8> in{};
    return crew_.exchange(partner, hello_tag, out, in, false);
}

// Each takes the time from its own message to the next one that comes: a round trip on both sides.
bool Pairs::ping(int partner, PairFigure& figure) {
    std::array<std::byte, 8> out{};
    std::array<std::byte, 8> in{};
    double least = std::numeric_limits<double>::infinity();
    double sent = 0;
    const bool first = crew_.rank() < partner;
    const double begin = now();
    const double worked = processor_time();
    for (int i = 0; i < 2 * round_trips; ++i) {
        MPI_Request request = MPI_REQUEST_NULL;
        const bool sends = (i % 2 == 0) == first;
        const int bytes = static_cast<int>(out.size());
        const int code =
            sends
                ? MPI_Isend(out.data(), bytes, MPI_BYTE, partner, ping_tag, crew_.comm(), &request)
                : MPI_Irecv(in.data(), bytes, MPI_BYTE, partner, ping_tag, crew_.comm(), &request);
        if (sends) sent = now();
        const auto outcome =
            code == MPI_SUCCESS ? crew_.wait(request, true, crew_.patience()) : Crew::Wait::died;
        if (outcome != Crew::Wait::done) {
            crew_.accuse(partner);
            return false;
        }
        if (!sends && sent > 0) least = std::min(least, now() - sent);
    }
    figure.latency = least / 2;
    // Who waits for messages is at work all the time, unless it does not get the processor.
    figure.busy = processor_time() - worked < (now() - begin) / 2;
    return true;
}

bool Pairs::send(int partner) {
    std::byte ready{};
    std::optional<std::int64_t> bit;
    if (saboteur_) bit = saboteur_->at(collectives::FaultPoint::send, 100, partner);
    const auto turned = static_cast<std::size_t>(bit.value_or(0)) % (8 * out_.size());
    const std::byte mask = bit ? std::byte{1} << (turned % 8) : std::byte{0};
    out_[turned / 8] ^= mask;
    MPI_Request request = MPI_REQUEST_NULL;
    auto outcome = Crew::Wait::died;
    if (MPI_Irecv(&ready, 1, MPI_BYTE, partner, data_tag, crew_.comm(), &request) == MPI_SUCCESS) {
        outcome = crew_.wait(request, true, crew_.patience());
    }
    if (outcome == Crew::Wait::done) {
        outcome = Crew::Wait::died;
        if (MPI_Isend(out_.data(), static_cast<int>(out_.size()), MPI_BYTE, partner, data_tag,
                      crew_.comm(), &request) == MPI_SUCCESS) {
            outcome = crew_.wait(request, true, crew_.patience());
        }
    }
    if (outcome != Crew::Wait::done) {
        crew_.accuse(partner);
        return false;
    }
    out_[turned / 8] ^= mask;
    return true;
}

bool Pairs::receive(int partner, PairFigure& figure) {
    const std::byte ready{};
    const double begin = now();
    if (!crew_.exchange(partner, data_tag, {&ready, 1}, in_, true)) return false;
    figure.rate = static_cast<double>(in_.size()) / std::max(now() - begin, 1e-9);
    figure.wrong = bench::first_wrong(in_, key_of(partner)).has_value();
    bench::poison(in_);
    return true;
}

}  // namespace splitcast::check
