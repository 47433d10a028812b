#include "h5/nodes.hpp"

#include "h5/dataset.hpp"
#include "h5/memory.hpp"
#include "h5/session.hpp"
#include "h5/types.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <random>
#include <utility>

namespace splitcast::h5 {

using storage::MappedMemory;

namespace {

/// A communicator of our own, freed at the end.
class Communicator {
public:
    Communicator() = default;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;
    ~Communicator() {
        if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
    }
    MPI_Comm* place() { return &comm_; }
    [[nodiscard]] MPI_Comm get() const { return comm_; }

private:
    MPI_Comm comm_ = MPI_COMM_NULL;
};

Error mpi_error(const char* call, int code) {
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    return {Status::mpi, fmt::format("{}: {}", call, text.data())};
}

MappedMemory taken(Result<MappedMemory> memory) {
    if (!memory) throw Failure(memory.error());
    return std::move(*memory);
}

}  // namespace

Result<std::unique_ptr<Nodes::Impl>> Nodes::Impl::create(Team& team, int root, Settings settings) {
    if (auto fine = Session::check(team); !fine) return fine.error();
    // Roots that differ, or are not there, are known to all before anything else is done.
    auto agreed = Channel(team, root, std::string(settings)).tell([] { return Bytes{}; });
    if (!agreed) return agreed.error();
    std::unique_ptr<Impl> impl(new Impl(team, root));
    if (auto met = impl->meet(); !met) return met.error();
    if (auto gathered = impl->gather_leaders(settings); !gathered) return gathered.error();
    return impl;
}

/// Who is on this node, and by what token they know each other. The reader comes first on its own.
Result<void> Nodes::Impl::meet() {
    Communicator node;
    const int key = team_.rank() == root_ ? 0 : team_.rank() + 1;
    int code = MPI_Comm_split_type(team_.communicator(), MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL,
                                   node.place());
    if (code != MPI_SUCCESS) return mpi_error("MPI_Comm_split_type", code);
    MPI_Comm_rank(node.get(), &rank_);
    std::array<std::uint64_t, 2> token{static_cast<std::uint64_t>(::getpid()), 0};
    std::random_device chance;
    token[1] = (static_cast<std::uint64_t>(chance()) << 32) | chance();
    code = MPI_Bcast(token.data(), sizeof token, MPI_BYTE, 0, node.get());
    if (code != MPI_SUCCESS) return mpi_error("MPI_Bcast", code);
    token_ = fmt::format("{}-{:016x}", token[0], token[1]);
    return {};
}

Result<void> Nodes::Impl::gather_leaders(Settings settings) {
    Communicator leaders;
    const int key = team_.rank() == root_ ? 0 : team_.rank() + 1;
    int code =
        MPI_Comm_split(team_.communicator(), rank_ == 0 ? 0 : MPI_UNDEFINED, key, leaders.place());
    if (code != MPI_SUCCESS) return mpi_error("MPI_Comm_split", code);
    Channel channel(team_, root_, std::string(settings));
    if (rank_ == 0) {
        MPI_Comm_set_errhandler(leaders.get(), MPI_ERRORS_RETURN);
        MPI_Comm_size(leaders.get(), &nodes_);
        auto team = Team::create(leaders.get(), settings);
        if (team) {
            leaders_.emplace(std::move(*team));
        } else {
            channel.note(team.error());
        }
    }
    if (auto settled = channel.settle(); !settled) return settled;
    auto told = channel.tell([this] {
        Writer writer;
        writer.put(nodes_);
        return writer.take();
    });
    if (!told) return told.error();
    nodes_ = Reader(*told).get<int>();
    return {};
}

std::string Nodes::Impl::fresh_name() { return fmt::format("/splitcast-{}-{}", token_, names_++); }

Result<Nodes> Nodes::create(Team& team, int root, Settings settings) {
    auto impl = Impl::create(team, root, settings);
    if (!impl) return impl.error();
    return Nodes(std::move(*impl));
}
Nodes::Nodes(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Nodes::Nodes(Nodes&&) noexcept = default;
Nodes& Nodes::operator=(Nodes&&) noexcept = default;
Nodes::~Nodes() = default;
int Nodes::count() const { return impl_->count(); }
int Nodes::rank_on_node() const { return impl_->rank_on_node(); }

// ---- share ------------------------------------------------------------------------------------

namespace {

/// One share(), step by step; after each of them all ranks agree.
class Sharing {
public:
    Sharing(Nodes::Impl& nodes, const Session::Wish& wish, hid_t wanted)
        : nodes_(nodes), session_(nodes.team(), wish), wish_(wish), wanted_(wanted) {}

    Result<Dataset> run() {
        if (auto described = session_.describe(); !described) return described.error();
        auto item = only_item(session_.description());
        if (!item) return item.error();
        item_ = std::move(*item);
        const std::string name = nodes_.fresh_name();
        for (const auto& step : {&Sharing::make, &Sharing::open}) {
            channel().locally([&] { (this->*step)(name); });
            if (auto settled = channel().settle(); !settled) {
                if (nodes_.leads()) MappedMemory::remove_name(name);
                return settled.error();
            }
        }
        if (nodes_.leads()) MappedMemory::remove_name(name);
        move();
        if (auto settled = channel().settle(); !settled) return settled.error();
        impl_->adopt(std::move(memory_));
        impl_->traffic = session_.traffic(moved_ ? &*moved_ : nullptr);
        return Dataset(std::move(impl_));
    }

private:
    Channel& channel() { return session_.channel(); }

    void make(const std::string& name) {
        impl_ = std::make_unique<Dataset::Impl>(session_.described(), item_, wanted_);
        if (has_variable_length(impl_->type())) {
            throw Failure(Error{Status::argument,
                                item_.path + ": elements of variable length cannot be shared by "
                                             "processes; read() them, or extract() to /dev/shm"});
        }
        if (nodes_.leads()) memory_ = taken(MappedMemory::make_shared(name, length()));
    }

    void open(const std::string& name) {
        if (!nodes_.leads()) memory_ = taken(MappedMemory::open_shared(name, length()));
    }

    /// Among the leaders; what went wrong there all ranks hear of afterwards.
    void move() {
        if (!nodes_.leads()) return;
        moved_.emplace(*nodes_.leaders(), 0, wish_.settings);
        std::unique_ptr<Consumer> consumer;
        moved_->locally([&] {
            const Room room{impl_->object(), impl_->type(), memory_.data()};
            begin(item_, room);
            consumer = memory_consumer(item_, room);
        });
        if (auto moved = session_.move(*moved_, item_, consumer.get()); !moved)
            channel().note(moved.error());
        channel().note(moved_->noted());
        channel().locally([&] {
            if (auto done = memory_.protect(); !done) throw Failure(done.error());
        });
    }

    [[nodiscard]] std::size_t length() const { return std::max<std::size_t>(impl_->bytes(), 1); }

    Nodes::Impl& nodes_;
    Session session_;
    Session::Wish wish_;
    hid_t wanted_;
    Item item_;
    std::unique_ptr<Dataset::Impl> impl_;
    MappedMemory memory_;
    std::optional<Channel> moved_;
};

}  // namespace

Result<Dataset> share(Nodes& nodes, const std::string& file, const std::string& path,
                      const Options& options) {
    Nodes::Impl& impl = nodes.impl();
    const Session::Wish wish{file,         path, impl.root(), options.settings, options.selection,
                             options.batch};
    if (auto fine = Session::check(impl.team()); !fine) return fine.error();
    return Sharing(impl, wish, options.memory_type).run();
}

}  // namespace splitcast::h5
