#pragma once

#include "h5/channel.hpp"
#include "h5/description.hpp"
#include "h5/handle.hpp"
#include "splitcast/h5.hpp"

#include <hdf5.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace splitcast::h5 {

/// The file that is read, on the reader. Everything here throws a Failure when HDF5 does not want.
class SourceFile {
public:
    explicit SourceFile(const std::string& name);

    /// What `path` (a dataset, or a group with all below it) is and holds. A selection is for a
    /// dataset only.
    Description describe(const std::string& path, const Selection& selection, std::uint64_t batch);

    /// The elements of a dataset that was described, batch by batch.
    std::unique_ptr<Producer> producer(const Item& item, std::uint64_t batch) const;

private:
    Item examine(const std::string& path, hid_t from, hid_t to, const Selection& selection,
                 std::uint64_t& room);
    void examine_chunks(Item& item, hid_t from, hid_t space, hid_t properties);

    std::string name_;
    Handle file_;
    std::map<std::string, std::vector<ChunkEntry>> chunks_;  ///< in the order of their addresses
};

}  // namespace splitcast::h5
