#include "mpi/probe.hpp"

#include "mpi/communicator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace splitcast::mpi {

namespace {

// Outside every tag that a broadcast uses would be better, but while a team is made there is no
// broadcast yet.
constexpr int probe_tag = 0;
constexpr int warm_up = 2;  // connections are made by the first messages
constexpr int round_trips = 8;
constexpr int burst = 32;
constexpr double long_enough =
    5e-3;  // seconds of transfer that say more than the clock's and the link's own jitter
constexpr int first_transfer = 64 << 10;
constexpr int last_transfer = 4 << 20;

struct Ring {
    MPI_Comm comm;
    int next = MPI_PROC_NULL;
    int previous = MPI_PROC_NULL;
};

int exchange(const Ring& ring, const std::vector<std::byte>& out, std::vector<std::byte>& in,
             int bytes) {
    return MPI_Sendrecv(out.data(), bytes, MPI_BYTE, ring.next, probe_tag, in.data(), bytes,
                        MPI_BYTE, ring.previous, probe_tag, ring.comm, MPI_STATUS_IGNORE);
}

int stream(const Ring& ring, const std::vector<std::byte>& out, std::vector<std::byte>& in) {
    std::array<MPI_Request, std::size_t{2} * burst> requests{};
    for (std::size_t i = 0; i < burst; ++i) {
        MPI_Irecv(in.data() + i, 1, MPI_BYTE, ring.previous, probe_tag, ring.comm,
                  &requests[2 * i]);
        MPI_Isend(out.data() + i, 1, MPI_BYTE, ring.next, probe_tag, ring.comm,
                  &requests[2 * i + 1]);
    }
    return MPI_Waitall(2 * burst, requests.data(), MPI_STATUSES_IGNORE);
}

// Runs `work` on the ring's members at the same time; the slowest one's time, on all ranks.
template <class Work>
int time_together(const Ring& ring, Work work, double& slowest) {
    int code = MPI_Barrier(ring.comm);
    if (code != MPI_SUCCESS) return code;
    const double begin = MPI_Wtime();
    if (ring.next != MPI_PROC_NULL) code = work();
    double mine = ring.next == MPI_PROC_NULL ? 0.0 : MPI_Wtime() - begin;
    if (code != MPI_SUCCESS) return code;
    return MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, ring.comm);
}

}  // namespace

Result<LinkProbe> probe_links(MPI_Comm comm, std::span<const int> ranks) {
    Ring ring{.comm = comm};
    int self = 0;
    MPI_Comm_rank(comm, &self);
    const auto place = std::ranges::find(ranks, self);
    const bool member = place != ranks.end();
    if (member) {
        const auto index = static_cast<std::size_t>(place - ranks.begin());
        ring.next = ranks[(index + 1) % ranks.size()];
        ring.previous = ranks[(index + ranks.size() - 1) % ranks.size()];
    }
    std::vector<std::byte> out(member ? last_transfer : 0);
    std::vector<std::byte> in(out.size());

    LinkProbe probe;
    double seconds = 0;
    const auto small = [&](int times) {
        int code = MPI_SUCCESS;
        for (int i = 0; i < times && code == MPI_SUCCESS; ++i) code = exchange(ring, out, in, 8);
        return code;
    };
    int code = time_together(ring, [&] { return small(warm_up); }, seconds);
    if (code == MPI_SUCCESS)
        code = time_together(ring, [&] { return small(round_trips); }, seconds);
    probe.latency = seconds / round_trips;
    if (code == MPI_SUCCESS)
        code = time_together(ring, [&] { return stream(ring, out, in); }, seconds);
    probe.overhead = seconds / burst;
    // Longer and longer, so that what a switch lets through in a burst does not count in the end.
    for (int bytes = first_transfer; code == MPI_SUCCESS && bytes <= last_transfer; bytes *= 4) {
        code = time_together(ring, [&] { return exchange(ring, out, in, bytes); }, seconds);
        probe.bandwidth = bytes / std::max(seconds - probe.latency, 1e-9);
        if (seconds >= long_enough) break;
    }
    if (code != MPI_SUCCESS) return failure("measuring the links", code);
    return probe;
}

}  // namespace splitcast::mpi
