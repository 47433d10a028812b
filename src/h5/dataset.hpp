#pragma once

#include "h5/description.hpp"
#include "h5/handle.hpp"
#include "h5/memory.hpp"
#include "h5/session.hpp"
#include "splitcast/h5.hpp"
#include "storage/mapped_memory.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace splitcast::h5 {

class Dataset::Impl {
public:
    /// Throws a Failure.
    Impl(std::shared_ptr<Described> described, const Item& item, hid_t memory_type);
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl();

    void allocate();
    void adopt(storage::MappedMemory memory);

    [[nodiscard]] const Item& item() const { return item_; }
    [[nodiscard]] hid_t object() const { return object_; }
    [[nodiscard]] hid_t type() const { return type_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] const std::vector<hsize_t>& dims() const { return dims_; }
    [[nodiscard]] std::byte* data() const {
        return shared_.data() != nullptr ? shared_.data() : own_.get();
    }
    [[nodiscard]] bool shared() const { return shared_.data() != nullptr; }
    [[nodiscard]] Room room() const { return {object_, type_, data()}; }

    Traffic traffic;

private:
    std::shared_ptr<Described> described_;
    Item item_;
    Handle object_;
    Handle type_;
    std::vector<hsize_t> dims_;
    std::size_t bytes_ = 0;
    std::unique_ptr<std::byte[]> own_;
    storage::MappedMemory shared_;
};

/// Of a dataset: what `wanted` says, or the native type that corresponds.
[[nodiscard]] Handle memory_type(hid_t dataset, hid_t wanted);

}  // namespace splitcast::h5
