#pragma once

#include "collectives/membership.hpp"
#include "splitcast/error.hpp"
#include "splitcast/splitcast.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace splitcast::api {

/// Runs what concerns this rank only. Whatever happens in there becomes an error that the others
/// can be told of, so that nobody waits for a rank that has left.
std::optional<Error> locally(const std::function<Result<void>()>& local);

/// The same for what may take long, in a thread: it must not touch MPI. This rank's broadcasts move
/// meanwhile, so that a slow disk is not taken for a rank that hangs.
std::optional<Error> beside(const std::function<Result<void>()>& local);

/// What a rank brings to an agreement.
struct Finding {
    std::optional<Error> error;
    std::vector<collectives::Loss> known = {};  ///< as in Team::Impl::Vote
};

/// What all ranks of a team that are left make of their own failures: nothing if no rank failed,
/// else the same error on every rank, with the rank and host it happened on. Of several the most
/// telling is chosen: a source that cannot be read is the reason why copies are wrong, not the
/// other way round. Whoever is lost meanwhile is not waited for; others are, without taking the
/// processor from those that work. Collective.
std::optional<Error> agree(Team::Impl& team, const Finding& mine);
/// What this rank makes of it turns out while the agreement is under way; `find` is as
/// Team::Impl::lowest wants it.
std::optional<Error> agree(Team::Impl& team, const std::function<Finding()>& find);
/// The same on what becomes of `local`, which is done `beside`.
std::optional<Error> agree_on(Team::Impl& team, const std::function<Result<void>()>& local);

/// Does any rank say yes? `mine` is asked beside. Collective.
Result<bool> any(Team::Impl& team, const std::function<bool()>& mine);

}  // namespace splitcast::api
