#pragma once

#include "collectives/membership.hpp"
#include "splitcast/error.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <optional>
#include <string>
#include <vector>

namespace splitcast::api {

/// What all ranks of `comm` make of their own failures: nothing if no rank failed, else the same
/// error on every rank, with the rank and host it happened on, unless all ranks have it. Of several
/// the most telling is chosen: a source that cannot be read is the reason why copies are wrong, not
/// the other way round. `name`: what this rank is called. Collective.
std::optional<Error> agree(MPI_Comm comm, const std::optional<Error>& mine, int name);

/// The same among the ranks of a team that are left, whoever is lost meanwhile; waits without
/// taking the processor from those that work. `known`: as for Team::Impl::lowest. Collective.
std::optional<Error> agree(Team::Impl& team, const std::optional<Error>& mine,
                           const std::vector<collectives::Loss>& known = {});

/// Does any rank say yes? Collective.
Result<bool> any(MPI_Comm comm, bool mine);
Result<bool> any(Team::Impl& team, bool mine);

/// `text` of every rank, in order, on rank 0; nothing elsewhere. Collective.
Result<std::vector<std::string>> gather_texts(MPI_Comm comm, const std::string& text);

}  // namespace splitcast::api
