#include "pmpi/world.hpp"

#include "api/team_impl.hpp"
#include "pmpi/communicators.hpp"
#include "pmpi/errors.hpp"
#include "pmpi/hook.hpp"
#include "pmpi/next.hpp"
#include "pmpi/requests.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace splitcast::pmpi {

namespace {

int rank_in_world() {
    int rank = 0;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

bool everywhere(bool here) {
    const int mine = here ? 1 : 0;
    int least = 0;
    PMPI_Allreduce(&mine, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return least != 0;
}

void remember(const Team::Impl& team) {
    World& all = world();
    all.placement = team.placement();
    all.links = team.links();
    all.settings = team.settings();
    all.minimum = std::max<std::int64_t>(all.settings.settings.drop_in_minimum, 1);
    PMPI_Comm_group(MPI_COMM_WORLD, &all.group);
}

void print_counts() {
    const World& all = world();
    std::fprintf(stderr,
                 "splitcast: drop-in: rank 0 made %lld calls of MPI_Bcast, %lld of MPI_Ibcast and "
                 "%lld starts of "
                 "MPI_Bcast_init through splitcast; %lld of %lld bytes and more were left to MPI\n",
                 static_cast<long long>(all.blocking_calls),
                 static_cast<long long>(all.nonblocking_calls),
                 static_cast<long long>(all.persistent_starts),
                 static_cast<long long>(all.left_to_mpi), static_cast<long long>(all.minimum));
}

}  // namespace

World& world() {
    static auto* instance = new World;
    return *instance;
}

void open() {
    const Inside guard;
    int size = 0;
    PMPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2) return;
    auto team = Team::Impl::create(MPI_COMM_WORLD, {}, MPI_INFO_NULL);
    if (!everywhere(team.ok())) {
        if (!team && rank_in_world() == 0) {
            std::fprintf(stderr, "splitcast: the drop-in is off, broadcasts are left to MPI: %s\n",
                         team.error().text.c_str());
        }
        return;
    }
    remember(**team);
    make_error_codes();
    open_communicators();
    const bool hooked = install_progress_hook(&progress_requests);
    world().nonblocking = hooked;
    const bool adopted = adopt_state(MPI_COMM_WORLD, std::move(team).value());
    world().nonblocking = everywhere(hooked && adopted);
    world().on = true;
}

void close() {
    const Inside guard;
    if (!world().on.exchange(false)) return;
    close_requests();
    remove_progress_hook(&progress_requests);
    close_communicators();
    PMPI_Group_free(&world().group);
    if (world().settings.settings.report && rank_in_world() == 0) print_counts();
}

}  // namespace splitcast::pmpi
