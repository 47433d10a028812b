#pragma once

#include "storage/posix.hpp"

#include <string>

namespace splitcast::storage {

/// An empty hidden file that is there for a moment, so that others can find out whether the folder
/// they see is the same one, which neither its name nor its number tells when nodes are copies of
/// each other.
class Marker {
public:
    /// If that is not possible, there is no marker to be seen; no more is lost.
    Marker(const std::string& folder, std::string name);
    Marker(const Marker&) = delete;
    Marker& operator=(const Marker&) = delete;
    ~Marker();

    [[nodiscard]] static bool seen(const std::string& folder, const std::string& name);

private:
    std::string name_;
    Descriptor folder_;
    bool there_ = false;
};

}  // namespace splitcast::storage
