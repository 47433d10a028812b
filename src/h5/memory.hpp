#pragma once

#include "h5/channel.hpp"
#include "h5/description.hpp"
#include "h5/handle.hpp"

#include <hdf5.h>

#include <memory>

namespace splitcast::h5 {

/// Where the elements of a dataset go: room for all of them, of this type, row by row.
struct Room {
    hid_t dataset = H5I_INVALID_HID;  ///< as described, without its elements
    hid_t type = H5I_INVALID_HID;     ///< in memory
    void* data = nullptr;
};

/// Elements that no batch brings: those in the description, and the fill value of chunks that are
/// not there. Before the first batch.
void begin(const Item& item, const Room& room);

/// Decodes and converts batches into memory. None for Way::inside.
std::unique_ptr<Consumer> memory_consumer(const Item& item, const Room& room);

}  // namespace splitcast::h5
