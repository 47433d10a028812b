#include "pmpi/communicators.hpp"

#include "pmpi/next.hpp"
#include "pmpi/requests.hpp"
#include "pmpi/world.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace splitcast::pmpi {

namespace {

int program_key = MPI_KEYVAL_INVALID;  // on the program's communicators: StatePointer*
int self_key = MPI_KEYVAL_INVALID;     // on State::self: State*
MPI_Errhandler self_handler = MPI_ERRHANDLER_NULL;

// Every communicator that carries the attribute, in the order in which they got it.
struct Carriers {
    std::mutex mutex;
    std::vector<MPI_Comm> comms;
};
Carriers& carriers() {
    static auto* instance = new Carriers;
    return *instance;
}

// MPI calls this when the program frees its communicator, which is collective, so that the team's
// can be freed too.
int on_delete(MPI_Comm comm, int, void* value, void*) {
    const Inside guard;
    const std::unique_ptr<StatePointer> holder(static_cast<StatePointer*>(value));
    wait_for_requests(**holder);
    (*holder)->comm = MPI_COMM_NULL;
    const std::lock_guard lock(carriers().mutex);
    std::erase(carriers().comms, comm);
    return MPI_SUCCESS;
}

// The error of a request that the program waits for, raised on the communicator that it knows.
void on_self_error(MPI_Comm* self, int* code, ...) {
    MPI_Comm comm = MPI_COMM_NULL;
    void* value = nullptr;
    int found = 0;
    PMPI_Comm_get_attr(*self, self_key, static_cast<void*>(&value), &found);
    if (found != 0) {
        const auto& state = *static_cast<const State*>(value);
        comm = state.comm;
        if (state.failure != MPI_SUCCESS) *code = state.failure;
    }
    PMPI_Comm_call_errhandler(comm == MPI_COMM_NULL ? MPI_COMM_SELF : comm, *code);
}

int size_of(MPI_Comm comm) {
    int size = 0;
    PMPI_Comm_size(comm, &size);
    return size;
}

// A communicator of the same ranks that has nothing of the program's: no attributes (their copy
// functions would run), no hints (one allows messages to overtake each other), no topology.
// Collective over `comm`. Empty if MPI has none to give; that is no error of the program, so its
// handler must not hear of it.
mpi::Communicator clean_copy(MPI_Comm comm) {
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    MPI_Group group = MPI_GROUP_NULL;
    MPI_Comm copy = MPI_COMM_NULL;
    PMPI_Comm_get_errhandler(comm, &handler);
    PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    if (PMPI_Comm_group(comm, &group) == MPI_SUCCESS) {
        if (PMPI_Comm_create(comm, group, &copy) != MPI_SUCCESS) copy = MPI_COMM_NULL;
        PMPI_Group_free(&group);
    }
    PMPI_Comm_set_errhandler(comm, handler);
    PMPI_Errhandler_free(&handler);
    if (copy != MPI_COMM_NULL) PMPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
    return mpi::Communicator(copy);
}

// The ranks of `comm` in MPI_COMM_WORLD; nothing if some of them are not in it.
std::vector<int> ranks_in_world(MPI_Comm comm) {
    std::vector<int> own(static_cast<std::size_t>(size_of(comm)));
    std::iota(own.begin(), own.end(), 0);
    std::vector<int> ranks(own.size());
    MPI_Group group = MPI_GROUP_NULL;
    if (PMPI_Comm_group(comm, &group) != MPI_SUCCESS) return {};
    const int code = PMPI_Group_translate_ranks(group, static_cast<int>(own.size()), own.data(),
                                                world().group, ranks.data());
    PMPI_Group_free(&group);
    if (code != MPI_SUCCESS || std::ranges::find(ranks, MPI_UNDEFINED) != ranks.end()) return {};
    return ranks;
}

// What requests of nonblocking broadcasts need. False if MPI has no communicator left for it.
bool prepare_requests(State& state) {
    if (!world().nonblocking) return true;
    state.self = clean_copy(MPI_COMM_SELF);
    if (state.self.get() == MPI_COMM_NULL) return false;
    state.largest_tag = mpi::largest_tag(state.self.get());
    PMPI_Comm_set_errhandler(state.self.get(), self_handler);
    PMPI_Comm_set_attr(state.self.get(), self_key, &state);
    return true;
}

bool make_team(State& state, MPI_Comm comm, const std::vector<int>& ranks) {
    auto copy = clean_copy(comm);
    if (copy.get() == MPI_COMM_NULL || !prepare_requests(state)) return false;
    auto team = Team::Impl::adopt(std::move(copy), world().placement.select(ranks), world().links,
                                  world().settings);
    if (!team) return false;
    state.team = std::move(team).value();
    return true;
}

void keep(MPI_Comm comm, const StatePointer& state) {
    state->comm = comm;
    PMPI_Comm_set_attr(comm, program_key, new StatePointer(state));
    const std::lock_guard lock(carriers().mutex);
    carriers().comms.push_back(comm);
}

// Collective. The state says on every rank alike whether there is a team.
Found make_state(MPI_Comm comm) {
    auto state = std::make_shared<State>();
    const auto ranks = ranks_in_world(comm);
    if (!ranks.empty()) {
        const int mine = make_team(*state, comm, ranks) ? 1 : 0;
        int everywhere = 0;
        const int code = PMPI_Allreduce(&mine, &everywhere, 1, MPI_INT, MPI_MIN, comm);
        if (code != MPI_SUCCESS) return {.state = nullptr, .code = code};
        if (everywhere == 0) state = std::make_shared<State>();
    }
    keep(comm, state);
    if (!state->team) return {};
    return {.state = std::move(state)};
}

// The pointer in the attribute, or null.
const StatePointer* attribute_of(MPI_Comm comm) {
    void* value = nullptr;
    int found = 0;
    PMPI_Comm_get_attr(comm, program_key, static_cast<void*>(&value), &found);
    return found != 0 ? static_cast<const StatePointer*>(value) : nullptr;
}

}  // namespace

void open_communicators() {
    PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, &on_delete, &program_key, nullptr);
    PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &self_key, nullptr);
    PMPI_Comm_create_errhandler(&on_self_error, &self_handler);
}

StatePointer find_state(MPI_Comm comm) {
    const StatePointer* kept = attribute_of(comm);
    return kept != nullptr && (*kept)->team ? *kept : nullptr;
}

Found find_or_make_state(MPI_Comm comm, int root) {
    if (const StatePointer* kept = attribute_of(comm)) {
        if ((*kept)->team) return {.state = *kept};
        return {};
    }
    int inter = 0;
    PMPI_Comm_test_inter(comm, &inter);
    const int size = size_of(comm);
    if (inter != 0 || size < 2 || root < 0 || root >= size) return {};
    return make_state(comm);
}

bool adopt_state(MPI_Comm comm, std::unique_ptr<Team::Impl> team) {
    auto state = std::make_shared<State>();
    state->team = std::move(team);
    const bool prepared = prepare_requests(*state);
    keep(comm, state);
    return prepared;
}

void close_communicators() {
    std::vector<MPI_Comm> left;
    {
        const std::lock_guard lock(carriers().mutex);
        left = carriers().comms;
    }
    for (const MPI_Comm comm : left) PMPI_Comm_delete_attr(comm, program_key);
    PMPI_Errhandler_free(&self_handler);
    PMPI_Comm_free_keyval(&self_key);
    PMPI_Comm_free_keyval(&program_key);
}

}  // namespace splitcast::pmpi
