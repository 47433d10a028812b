#pragma once

#include <stdexcept>

namespace splitcast::sim {

/// Something that must never happen has happened. Ends the simulation.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace splitcast::sim
