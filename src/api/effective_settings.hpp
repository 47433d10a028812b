#pragma once

#include "collectives/settings.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <string_view>

namespace splitcast::api {

/// All origins put together, as precedence wants: defaults, site file (SPLITCAST_SITE_FILE, else
/// /etc/splitcast.conf where it exists), environment (SPLITCAST_<NAME>), `info` (keys
/// splitcast_<name>), and the text of the call. Local. MPI is needed only if `info` is not
/// MPI_INFO_NULL.
Result<collectives::Resolved> effective_settings(std::string_view call, MPI_Info info);

/// `base` with the assignments of one call on top.
Result<collectives::Settings> settings_for_call(const collectives::Resolved& base,
                                                std::string_view call);

}  // namespace splitcast::api
