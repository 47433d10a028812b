#include "bench/memory.hpp"

#include "bench/contender.hpp"
#include "bench/payload.hpp"
#include "bench/rivals.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <span>
#include <utility>

namespace splitcast::bench {

namespace {

/// Pages that count only when they are touched, and then exactly.
class Pages {
public:
    explicit Pages(std::int64_t bytes)
        : length_(static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))) {
        void* start = mmap(nullptr, length_, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED) return;
        // Huge pages would round up what is touched.
        madvise(start, length_, MADV_NOHUGEPAGE);
        start_ = static_cast<std::byte*>(start);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() {
        if (start_ != nullptr) munmap(start_, length_);
    }
    [[nodiscard]] bool there() const { return start_ != nullptr; }
    [[nodiscard]] std::span<std::byte> first(std::int64_t bytes) const {
        return {start_, static_cast<std::size_t>(bytes)};
    }

private:
    std::byte* start_ = nullptr;
    std::size_t length_;
};

/// Team or rival, with what it needs to live.
struct Subject {
    std::optional<Team> team;
    std::vector<Rival> rivals;
    std::unique_ptr<Contender> contender;
};

Result<Subject> make_subject(MPI_Comm communicator, const MemoryRun& run) {
    Subject subject;
    if (run.contender == "splitcast") {
        auto team = Team::create(communicator, run.settings);
        if (!team) return team.error();
        subject.team.emplace(std::move(team).value());
    } else {
        const std::array names{run.contender};
        subject.rivals = make_rivals(communicator, names);
        if (subject.rivals.empty()) {
            return Error{Status::argument, "there is no rival '" + run.contender + "' here"};
        }
    }
    return subject;
}

}  // namespace

std::optional<Memory> memory() {
    std::ifstream status("/proc/self/status");
    std::string name;
    Memory found;
    while (status >> name) {
        std::int64_t* field = name == "VmRSS:"   ? &found.resident
                              : name == "VmHWM:" ? &found.peak
                                                 : nullptr;
        if (field != nullptr && status >> *field) *field *= 1024;
        status.ignore(4096, '\n');
    }
    if (found.resident == 0 || found.peak == 0) return std::nullopt;
    const struct mallinfo2 heap = mallinfo2();
    found.heap = static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
    return found;
}

bool forget_peak() {
    constexpr int peak_of_resident_memory = 5;  // proc(5), clear_refs
    std::ofstream file("/proc/self/clear_refs");
    file << peak_of_resident_memory << std::flush;
    return file.good();
}

Result<void> measure_memory(MPI_Comm communicator, const MemoryRun& run,
                            const std::function<void(const MemoryRow&)>& done) {
    int rank = 0;
    MPI_Comm_rank(communicator, &rank);
    MPI_Barrier(communicator);
    const Pages pages(std::ranges::max(run.sizes));
    const bool can = forget_peak();
    const auto before = memory();
    int possible = can && before && pages.there() ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &possible, 1, MPI_INT, MPI_MIN, communicator);
    if (possible == 0) {
        return Error{
            Status::memory,
            "some rank has no room, or a kernel that does not tell a process's peak of memory"};
    }

    auto subject = make_subject(communicator, run);
    if (!subject) return subject.error();
    if (subject->team) {
        subject->contender = std::make_unique<Splitcast>(*subject->team);
    } else {
        subject->contender = std::make_unique<Other>(subject->rivals.front());
    }
    for (const std::int64_t bytes : run.sizes) {
        const auto payload = pages.first(bytes);
        poison(payload);  // from here on its pages count
        forget_peak();
        for (int i = 0; i < run.iterations; ++i) {
            if (rank == 0) fill(payload, static_cast<std::uint64_t>(i));
            subject->contender->prepare();
            MPI_Barrier(communicator);
            const auto outcome = subject->contender->broadcast(payload, 0);
            const bool right = outcome && !first_wrong(payload, static_cast<std::uint64_t>(i));
            int everywhere = right ? 1 : 0;
            MPI_Allreduce(MPI_IN_PLACE, &everywhere, 1, MPI_INT, MPI_MIN, communicator);
            if (!outcome) return outcome.error();
            if (everywhere == 0) {
                return Error{Status::integrity, run.contender + " delivered wrong data"};
            }
        }
        const auto after = memory();
        std::array<std::int64_t, 2> most{};
        if (after) most = {after->peak - before->resident - bytes, after->heap - before->heap};
        MPI_Allreduce(MPI_IN_PLACE, most.data(), static_cast<int>(most.size()), MPI_INT64_T,
                      MPI_MAX, communicator);
        done({.bytes = bytes,
              .peak = most[0],
              .heap = most[1],
              .choice = subject->contender->choice()});
    }
    return {};
}

}  // namespace splitcast::bench
