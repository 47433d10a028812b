#pragma once

#include "splitcast/error.hpp"

#include <string>
#include <string_view>

namespace splitcast::storage {

/// What the letters in a destination stand for on one rank.
struct DestinationNames {
    std::string host;  ///< %h
    int rank = 0;      ///< %r
    std::string job;   ///< %j; empty if there is none
};

/// Does the destination name a file for each rank (%r), rather than one for each node?
/// An error for a '%' that stands for nothing.
[[nodiscard]] Result<bool> per_rank(std::string_view pattern);

/// The pattern with %h, %r, %j and %% replaced. A name that would lead elsewhere ("..", or with a
/// '/') is an error.
[[nodiscard]] Result<std::string> expand(std::string_view pattern, const DestinationNames& names);

/// Is it the name of a folder: by a '/' at its end, or because there is such a folder?
[[nodiscard]] bool names_folder(const std::string& path);

/// Name of this host up to the first dot.
[[nodiscard]] std::string short_host_name();

/// The job's id as its scheduler or launcher tells it, empty if none does.
[[nodiscard]] std::string job_id();

}  // namespace splitcast::storage
