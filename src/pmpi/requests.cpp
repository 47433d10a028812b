#include "pmpi/requests.hpp"

#include "engine/progress.hpp"
#include "pmpi/errors.hpp"
#include "pmpi/next.hpp"
#include "pmpi/world.hpp"

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace splitcast::pmpi {

namespace progress = engine::progress;

namespace {

// The program may free its datatype as soon as the call has returned. One that is made of it keeps
// it alive.
class HeldType {
public:
    explicit HeldType(MPI_Datatype type) : type_(type) {
        int integers = 0;
        int addresses = 0;
        int types = 0;
        int combiner = MPI_COMBINER_NAMED;
        PMPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner);
        if (combiner == MPI_COMBINER_NAMED) return;
        own_ = PMPI_Type_contiguous(1, type, &type_) == MPI_SUCCESS;
        if (own_) PMPI_Type_commit(&type_);
    }
    ~HeldType() {
        if (own_) PMPI_Type_free(&type_);
    }
    HeldType(const HeldType&) = delete;
    HeldType& operator=(const HeldType&) = delete;
    [[nodiscard]] MPI_Datatype get() const { return type_; }

private:
    MPI_Datatype type_;
    bool own_ = false;
};

// A broadcast with the request that the program has for it.
struct Operation {
    Operation(StatePointer kept_state, const Arguments& what, int request_tag, bool again)
        : state(std::move(kept_state)),
          type(what.type),
          broadcast(*state->team, what.buffer, what.count, type.get(), what.root, {}, again),
          tag(request_tag),
          persistent(again) {}

    StatePointer state;
    HeldType type;
    Request::Impl broadcast;
    int tag;
    bool persistent;
    MPI_Request request = MPI_REQUEST_NULL;  ///< persistent only: by which it is found again
    bool forgotten = false;  ///< persistent only: the program has freed it while under way
};
using OperationPointer = std::unique_ptr<Operation>;

struct Operations {
    std::mutex mutex;
    std::vector<OperationPointer> under_way;
    std::unordered_map<MPI_Request, OperationPointer>
        resting;  ///< persistent ones between two starts
    /// Over, and to be destroyed by a call of the program's: the last operation may take its team
    /// along, which frees a communicator, and that is nothing to do inside MPI's progress engine.
    std::vector<OperationPointer> over;
    std::atomic<std::size_t> under_way_count = 0;
    std::atomic<std::size_t> persistent_count = 0;
};

// Never destroyed: MPI may still call back while the process ends.
Operations& operations() {
    static auto* instance = new Operations;
    return *instance;
}

void destroy_those_over() {
    std::vector<OperationPointer> over;
    const std::lock_guard lock(operations().mutex);
    over.swap(operations().over);
    // They go when the lock is no longer held: `over` was declared first.
}

// Tags come round again, each kind in its own half, since a persistent request keeps its tag for
// long.
int ordinary_tag(State& state) {
    return static_cast<int>(state.next_ordinary_tag++ %
                            (static_cast<unsigned>(state.largest_tag) / 2));
}

int persistent_tag(State& state) {
    const unsigned half = static_cast<unsigned>(state.largest_tag) / 2;
    return static_cast<int>(half + state.next_persistent_tag++ % half);
}

// Its request exists already and is active.
void begin(OperationPointer operation) {
    State& state = *operation->state;
    {
        const std::lock_guard lock(state.mutex);
        static_cast<void>(operation->broadcast.start());
    }
    ++state.under_way;
    const std::lock_guard lock(operations().mutex);
    operations().under_way.push_back(std::move(operation));
    ++operations().under_way_count;
}

// Where receives are posted. They take nothing, but MPI libraries have been seen to write a message
// that is too long all the same.
char received_byte = 0;

// Completes the receive that the program waits for: with a message that fits, or with one that does
// not.
void tell_program(const State& state, int tag, bool failed) {
    static const char content = 0;
    MPI_Request sent = MPI_REQUEST_NULL;
    const int code =
        PMPI_Isend(&content, failed ? 1 : 0, MPI_BYTE, 0, tag, state.self.get(), &sent);
    if (code == MPI_SUCCESS) library().request_free(&sent);
}

// The list's lock is held. False if this has to wait until other threads are done.
bool complete(OperationPointer& operation) {
    State& state = *operation->state;
    const std::unique_lock state_lock(state.mutex, std::try_to_lock);
    if (!state_lock.owns_lock()) return false;
    const auto result = operation->broadcast.finish_if_free();
    if (!result) return false;
    const bool failed = !result->ok();
    if (failed) state.failure = error_code(result->error(), operation->broadcast.mismatch());

    const int tag = operation->tag;
    const bool kept = operation->persistent && !operation->forgotten;
    // First into its place, since the program may start it again as soon as it has been told. A
    // persistent request that fails is freed by Open MPI when the error is raised.
    if (kept && !failed) {
        const MPI_Request request = operation->request;
        operations().resting[request] = std::move(operation);
    } else {
        if (kept) --operations().persistent_count;
        operations().over.push_back(std::move(operation));
    }
    tell_program(state, tag, failed);
    --state.under_way;
    return true;
}

bool complete_those_over() {
    if (operations().under_way_count == 0) return false;
    const std::unique_lock lock(operations().mutex, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    auto& list = operations().under_way;
    bool any = false;
    for (OperationPointer& operation : list) {
        if (operation->broadcast.over()) any = complete(operation) || any;
    }
    if (any) {
        std::erase(list, nullptr);
        operations().under_way_count = list.size();
    }
    return any;
}

}  // namespace

int start_broadcast(const StatePointer& state, const Arguments& what, MPI_Request* request) {
    destroy_those_over();
    const int tag = ordinary_tag(*state);
    auto operation = std::make_unique<Operation>(state, what, tag, false);
    const int code = PMPI_Irecv(&received_byte, 0, MPI_BYTE, 0, tag, state->self.get(), request);
    if (code == MPI_SUCCESS) begin(std::move(operation));
    return code;
}

int prepare_broadcast(const StatePointer& state, const Arguments& what, MPI_Request* request) {
    destroy_those_over();
    const int tag = persistent_tag(*state);
    auto operation = std::make_unique<Operation>(state, what, tag, true);
    const int code =
        PMPI_Recv_init(&received_byte, 0, MPI_BYTE, 0, tag, state->self.get(), request);
    if (code != MPI_SUCCESS) return code;
    operation->request = *request;
    const std::lock_guard lock(operations().mutex);
    operations().resting[*request] = std::move(operation);
    ++operations().persistent_count;
    return MPI_SUCCESS;
}

void start_prepared(MPI_Request request) {
    if (operations().persistent_count == 0) return;
    OperationPointer operation;
    {
        const std::lock_guard lock(operations().mutex);
        auto found = operations().resting.extract(request);
        if (found.empty()) return;
        operation = std::move(found.mapped());
    }
    ++world().persistent_starts;
    begin(std::move(operation));
}

void forget_prepared(MPI_Request request) {
    if (operations().persistent_count == 0) return;
    destroy_those_over();
    OperationPointer operation;
    const std::lock_guard lock(operations().mutex);
    auto found = operations().resting.extract(request);
    if (!found.empty()) {
        operation = std::move(found.mapped());
        --operations().persistent_count;
        return;
    }
    for (const OperationPointer& active : operations().under_way) {
        if (!active->persistent || active->forgotten || active->request != request) continue;
        active->forgotten = true;
        --operations().persistent_count;
        return;
    }
}

int progress_requests() noexcept {
    // A thread that is inside splitcast already may hold locks; it comes here again when it is out.
    static thread_local bool here = false;
    if (here || progress::active() == 0) return 0;
    here = true;
    bool moved = progress::poll_if_free();
    if (!Inside::now()) {
        const Inside guard;
        moved = complete_those_over() || moved;
    }
    here = false;
    return moved ? 1 : 0;
}

void wait_beside_requests(const std::function<bool()>& finished) {
    progress::wait([&finished] {
        complete_those_over();
        return finished();
    });
}

void wait_for_requests(State& state) {
    wait_beside_requests([&state] { return state.under_way == 0; });
    destroy_those_over();
}

void close_requests() {
    Operations& all = operations();
    wait_beside_requests([&all] { return all.under_way_count == 0; });
    destroy_those_over();
    std::unordered_map<MPI_Request, OperationPointer> left;
    const std::lock_guard lock(all.mutex);
    left.swap(all.resting);
    all.persistent_count = 0;
}

}  // namespace splitcast::pmpi
