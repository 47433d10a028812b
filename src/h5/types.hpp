#pragma once

#include "h5/geometry.hpp"
#include "h5/handle.hpp"

#include <hdf5.h>

#include <functional>
#include <string>
#include <vector>

namespace splitcast::h5 {

/// Is this type, or anything that it is made of, of a kind that `is` says yes to?
[[nodiscard]] bool made_of(hid_t type, const std::function<bool(hid_t)>& is);

/// Has it strings or sequences of variable length, which do not lie with the element?
[[nodiscard]] bool has_variable_length(hid_t type);
/// Does it point to other objects of the file?
[[nodiscard]] bool has_references(hid_t type);

/// Calls `visit` with each reference in an element of `type` at `data`; with the type of it.
void for_each_reference(hid_t type, void* data,
                        const std::function<void(hid_t type, void* reference)>& visit);

/// "f64", "i32be", "string", "{id: i64, position: f64[3]}".
[[nodiscard]] std::string type_text(hid_t type);

/// "shuffle, deflate(6)".
[[nodiscard]] std::string filters_text(hid_t properties);

/// Do two sets of creation properties have the same filters with the same parameters?
[[nodiscard]] bool same_filters(hid_t one, hid_t other);

/// Gives `to` the filters, or the fill value, of `from`.
void copy_filters(hid_t from, hid_t to);
void copy_fill_value(hid_t from, hid_t to, hid_t type);

[[nodiscard]] Handle simple_space(const Lengths& dims);
[[nodiscard]] Lengths dims_of(hid_t space);

/// Selects a box in a space of the same rank.
void select(hid_t space, const Box& box, H5S_seloper_t how = H5S_SELECT_SET);
/// Selects a hyperslab; nothing happens without combs.
void select(hid_t space, const std::vector<Comb>& combs);

/// HDF5's lengths and ours are the same numbers.
[[nodiscard]] inline const hsize_t* raw(const Lengths& lengths) {
    static_assert(sizeof(hsize_t) == sizeof(std::uint64_t));
    return reinterpret_cast<const hsize_t*>(lengths.data());
}

/// A file in memory, with these creation properties.
[[nodiscard]] Handle new_memory_file(hid_t properties = H5P_DEFAULT);
/// Its bytes.
[[nodiscard]] std::vector<std::byte> image_of(hid_t file);
/// A file in memory with these bytes, which are copied.
[[nodiscard]] Handle open_image(const void* bytes, std::size_t length);

/// Elements with parts of variable length in memory; the parts are freed at the end.
class Elements {
public:
    Elements(hid_t type, std::uint64_t count);
    Elements(const Elements&) = delete;
    Elements& operator=(const Elements&) = delete;
    ~Elements();
    [[nodiscard]] void* data() { return data_.data(); }
    [[nodiscard]] std::size_t size() const { return size_; }  ///< of an element
    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    hid_t type_;
    std::uint64_t count_;
    std::size_t size_;
    std::vector<std::byte> data_;
};

}  // namespace splitcast::h5
