#pragma once

#include "splitcast/splitcast.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace splitcast::check {

/// What one broadcast came to on this rank, and what it brought.
struct Cast {
    bool stuck = false;  ///< not over in time; the request and the buffer are still in use
    std::optional<Error> error = std::nullopt;
    double seconds = 0;
    std::vector<int> spoilers = {};  ///< ranks of the team that sent bad bytes, and were caught
    std::vector<int> failed = {};    ///< ranks of the team that were lost
    bool wrong = false;              ///< the bytes are not the root's, and nobody noticed
};

/// Broadcasts bytes that tell what they are, and looks at all of them. Waits for `patience`
/// seconds.
[[nodiscard]] Cast cast(Team& team, std::vector<std::byte>& buffer, int root, std::uint64_t key,
                        double patience);

/// SPLITCAST_FAULT for teams that are made while this lives; afterwards it is what it was.
class Fault {
public:
    explicit Fault(const std::string& rule);
    ~Fault();
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;

private:
    std::optional<std::string> before_;
};

}  // namespace splitcast::check
