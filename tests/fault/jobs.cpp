// Broadcasts through the C++ interface.

#include "mpi/payload.hpp"
#include "splitcast/splitcast.hpp"
#include "subject.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

using splitcast::Report;
using splitcast::Request;
using splitcast::Result;
using splitcast::Team;

/// The buffer of a broadcast, as it lies on this rank.
class Cargo {
public:
    Cargo() = default;
    Cargo(const Cargo&) = delete;
    Cargo& operator=(const Cargo&) = delete;
    Cargo(Cargo&&) = delete;
    Cargo& operator=(Cargo&&) = delete;
    virtual ~Cargo() = default;
    virtual void fill(std::uint64_t salt) = 0;
    [[nodiscard]] virtual bool right(std::uint64_t salt) const = 0;
    [[nodiscard]] virtual void* data() = 0;
    [[nodiscard]] virtual MPI_Count count() const = 0;
    [[nodiscard]] virtual MPI_Datatype type() const { return MPI_BYTE; }
};

/// Byte after byte.
class Plain final : public Cargo {
public:
    explicit Plain(const Arguments& arguments) : arguments_(arguments), bytes_(arguments.size) {}
    void fill(std::uint64_t salt) override {
        const int rank = world_rank();
        std::ranges::copy(before(bytes_.size(), salt, arguments_.holds(rank) ? rank : -1, rank),
                          bytes_.begin());
        if (rank == arguments_.differ && !bytes_.empty()) bytes_[bytes_.size() / 2] ^= 1U;
    }
    [[nodiscard]] bool right(std::uint64_t salt) const override {
        return bytes_ == payload(bytes_.size(), salt);
    }
    [[nodiscard]] void* data() override { return bytes_.data(); }
    [[nodiscard]] MPI_Count count() const override { return static_cast<MPI_Count>(bytes_.size()); }

private:
    const Arguments& arguments_;
    std::vector<unsigned char> bytes_;
};

/// Eight bytes in every 24: the same signature as Plain, another map. What lies between must stay.
class Strided final : public Cargo {
public:
    explicit Strided(const Arguments& arguments)
        : arguments_(arguments), bytes_(arguments.size / block * extent) {
        MPI_Datatype dense = MPI_DATATYPE_NULL;
        MPI_Type_contiguous(block, MPI_BYTE, &dense);
        MPI_Type_create_resized(dense, 0, extent, &type_);
        MPI_Type_commit(&type_);
        MPI_Type_free(&dense);
    }
    ~Strided() override { MPI_Type_free(&type_); }
    Strided(const Strided&) = delete;
    Strided& operator=(const Strided&) = delete;
    Strided(Strided&&) = delete;
    Strided& operator=(Strided&&) = delete;
    void fill(std::uint64_t salt) override {
        const bool holds = arguments_.holds(world_rank());
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            const bool inside = i % extent < block;
            bytes_[i] = holds && inside ? payload_byte(wire(i), salt) : gap;
        }
    }
    [[nodiscard]] bool right(std::uint64_t salt) const override {
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            const unsigned char wanted = i % extent < block ? payload_byte(wire(i), salt) : gap;
            if (bytes_[i] != wanted) return false;
        }
        return true;
    }
    [[nodiscard]] void* data() override { return bytes_.data(); }
    [[nodiscard]] MPI_Count count() const override {
        return static_cast<MPI_Count>(bytes_.size() / extent);
    }
    [[nodiscard]] MPI_Datatype type() const override { return type_; }

private:
    static constexpr std::size_t block = 8;
    static constexpr std::size_t extent = 24;
    static constexpr unsigned char gap = 0x5A;
    static std::size_t wire(std::size_t i) { return i / extent * block + i % extent; }
    const Arguments& arguments_;
    std::vector<unsigned char> bytes_;
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

/// Gigabytes at the price of a few mebibytes: the same pages again and again.
class Large final : public Cargo {
public:
    explicit Large(const Arguments& arguments) : arguments_(arguments), size_(arguments.size) {
        const int file = memfd_create("large", 0);
        reserved_ = (size_ + period - 1) / period * period;
        void* place =
            mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (file < 0 || place == MAP_FAILED || ftruncate(file, period) != 0)
            throw std::runtime_error("no memory for a large buffer");
        bytes_ = static_cast<unsigned char*>(place);
        for (std::size_t at = 0; at < reserved_; at += period) {
            if (mmap(bytes_ + at, period, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                     0) == MAP_FAILED)
                throw std::runtime_error("no memory for a large buffer");
        }
        close(file);
    }
    ~Large() override { munmap(bytes_, reserved_); }
    Large(const Large&) = delete;
    Large& operator=(const Large&) = delete;
    Large(Large&&) = delete;
    Large& operator=(Large&&) = delete;
    void fill(std::uint64_t salt) override {
        const int rank = world_rank();
        std::ranges::copy(before(period, salt, arguments_.holds(rank) ? rank : -1, rank), bytes_);
    }
    [[nodiscard]] bool right(std::uint64_t salt) const override {
        return std::ranges::equal(payload(period, salt), std::span(bytes_, period));
    }
    [[nodiscard]] void* data() override { return bytes_; }
    [[nodiscard]] MPI_Count count() const override { return static_cast<MPI_Count>(size_); }

private:
    static constexpr std::size_t period = std::size_t{8} << 20;
    const Arguments& arguments_;
    std::size_t size_;
    std::size_t reserved_ = 0;
    unsigned char* bytes_ = nullptr;
};

std::unique_ptr<Cargo> make_cargo(const Arguments& arguments) {
    if (arguments.mode == "large") return std::make_unique<Large>(arguments);
    if (arguments.mode == "strided" && world_rank() % 2 == 1)
        return std::make_unique<Strided>(arguments);
    return std::make_unique<Plain>(arguments);
}

/// Buffers stay until the process ends: a rank that was evicted and wakes up may still be sent what
/// was under way to it (docs/fault-tolerance.md, Limits).
Cargo& load(const Arguments& arguments) {
    static auto* const all =
        new std::vector<std::unique_ptr<Cargo>>;  // and no datatype is freed then
    return *all->emplace_back(make_cargo(arguments));
}

nlohmann::json fields(const Report& report) {
    return {{"bytes", report.bytes},
            {"segments", report.segments},
            {"bytes_sent", report.bytes_sent},
            {"bytes_received", report.bytes_received},
            {"group_size", report.group_size},
            {"groups", report.groups},
            {"children", report.children},
            {"failed", report.failed},
            {"evicted", report.evicted},
            {"spoilers", report.spoilers},
            {"epochs", report.epochs},
            {"bytes_repaired", report.bytes_repaired},
            {"silence_seconds", report.silence_seconds},
            {"regroup_seconds", report.regroup_seconds},
            {"repair_seconds", report.repair_seconds},
            {"choice", report.choice}};
}

Answer answer(const Team& team, const Result<Report>& result, bool right) {
    Answer answer;
    answer.right = right;
    answer.failed = team.failed();
    if (result) {
        answer.verdict = "success";
        answer.report = fields(*result);
    } else {
        answer.verdict = splitcast::text(result.error().status);
        answer.text = result.error().text;
    }
    return answer;
}

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// One broadcast after the other on one team.
class OneByOne : public Job {
public:
    explicit OneByOne(const Arguments& arguments)
        : arguments_(arguments),
          settings_(arguments.all_settings()),
          cargo_(&load(arguments)),
          team_(Team::create(MPI_COMM_WORLD)) {}

    [[nodiscard]] std::string refused() const override {
        return team_ ? std::string() : team_.error().text;
    }
    std::vector<Answer> round(std::uint64_t salt) override {
        cargo_->fill(salt);
        const auto begin = Clock::now();
        const auto result = broadcast();
        const double seconds = since(begin);
        Answer one = answer(*team_, result, cargo_->right(salt));
        one.seconds = seconds;
        return {std::move(one)};
    }
    std::string survivors(MPI_Comm& comm) override {
        const auto made = team_->survivors();
        if (!made) return made.error().text;
        comm = *made;
        return {};
    }

private:
    Result<Report> broadcast() {
        if (arguments_.mode == "persistent") {
            if (!request_) {
                auto prepared = team_->prepare(cargo_->data(), cargo_->count(), cargo_->type(),
                                               arguments_.root, settings_);
                if (!prepared) return prepared.error();
                request_ = std::move(prepared).value();
            }
            if (auto started = request_->start(); !started) return started.error();
            return request_->wait();
        }
        if (arguments_.mode != "nonblocking" && arguments_.mode != "late") {
            return team_->broadcast(cargo_->data(), cargo_->count(), cargo_->type(),
                                    arguments_.root, settings_);
        }
        auto request = team_->start(cargo_->data(), cargo_->count(), cargo_->type(),
                                    arguments_.root, settings_);
        if (!request) return request.error();
        if (arguments_.mode == "late") {
            std::this_thread::sleep_for(std::chrono::milliseconds(arguments_.compute));
        } else {
            while (!request->test()) {
            }
        }
        return request->wait();
    }

    const Arguments& arguments_;
    std::string settings_;
    Cargo* cargo_;
    Result<Team> team_;
    std::optional<Request> request_;  // after the team: it must be gone first
};

/// Two teams, and two broadcasts under way on each.
class TwoTeams : public Job {
public:
    explicit TwoTeams(const Arguments& arguments)
        : arguments_(arguments), settings_(arguments.all_settings()) {
        for (int i = 0; i < 2; ++i) teams_.push_back(Team::create(MPI_COMM_WORLD));
        for (int i = 0; i < 4; ++i) cargos_.push_back(&load(arguments));
    }
    [[nodiscard]] std::string refused() const override {
        for (const auto& team : teams_) {
            if (!team) return team.error().text;
        }
        return {};
    }
    std::vector<Answer> round(std::uint64_t salt) override {
        const auto begin = Clock::now();
        std::vector<Result<Request>> requests;
        for (std::size_t i = 0; i < cargos_.size(); ++i) {
            Cargo& cargo = *cargos_[i];
            cargo.fill(salt + i);
            requests.push_back(team(i).start(cargo.data(), cargo.count(), cargo.type(),
                                             arguments_.root, settings_));
        }
        std::vector<Answer> answers;
        for (std::size_t i = 0; i < cargos_.size(); ++i) {
            const Result<Report> result =
                requests[i] ? requests[i]->wait() : Result<Report>(requests[i].error());
            const double seconds = since(begin);
            answers.push_back(answer(team(i), result, cargos_[i]->right(salt + i)));
            answers.back().seconds = seconds;
        }
        return answers;
    }
    std::string survivors(MPI_Comm& comm) override {
        const auto made = teams_.front()->survivors();
        if (!made) return made.error().text;
        comm = *made;
        return {};
    }

private:
    Team& team(std::size_t broadcast) { return *teams_[broadcast % teams_.size()]; }
    const Arguments& arguments_;
    std::string settings_;
    std::vector<Result<Team>> teams_;
    std::vector<Cargo*> cargos_;
};

}  // namespace

std::unique_ptr<Job> make_job(const Arguments& arguments) {
    if (arguments.mode == "teams") return std::make_unique<TwoTeams>(arguments);
    return std::make_unique<OneByOne>(arguments);
}
