#pragma once

#include "h5/handle.hpp"
#include "storage/digest.hpp"

#include <hdf5.h>

#include <string>
#include <vector>

namespace splitcast::h5 {

/// What an object is, as a digest: of a dataset type, shape, elements and attributes, however they
/// are stored; of a group its attributes.
struct Content {
    std::string path;
    storage::Digest digest;
    friend bool operator==(const Content&, const Content&) = default;
};

/// Of `path` and all below it, in order of paths. What refers to other objects is not looked at:
/// neither links, nor elements or attributes that hold references. Throws a Failure.
[[nodiscard]] std::vector<Content> contents(hid_t file, const std::string& path);

/// The first path at which they differ, "" if they do not.
[[nodiscard]] std::string first_difference(const std::vector<Content>& one,
                                           const std::vector<Content>& other);

}  // namespace splitcast::h5
