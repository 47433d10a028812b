#include "h5/types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

namespace splitcast::h5 {

namespace {

Handle base_of(hid_t type) { return {H5Tget_super(type), H5Tclose, "cannot see a type's base"}; }

Handle member_of(hid_t type, unsigned index) {
    return {H5Tget_member_type(type, index), H5Tclose, "cannot see a type's member"};
}

std::string order_text(hid_t type) { return H5Tget_order(type) == H5T_ORDER_BE ? "be" : ""; }

std::string compound_text(hid_t type) {
    std::string text = "{";
    const int members = check(H5Tget_nmembers(type), "cannot count a type's members");
    for (int i = 0; i < members; ++i) {
        const auto index = static_cast<unsigned>(i);
        char* name = H5Tget_member_name(type, index);
        text += fmt::format("{}{}: {}", i > 0 ? ", " : "", name == nullptr ? "?" : name,
                            type_text(member_of(type, index)));
        H5free_memory(name);
    }
    return text + "}";
}

std::string array_text(hid_t type) {
    const int rank = check(H5Tget_array_ndims(type), "cannot see an array type");
    Lengths dims(static_cast<std::size_t>(rank));
    check(H5Tget_array_dims2(type, reinterpret_cast<hsize_t*>(dims.data())),
          "cannot see an array type");
    return fmt::format("{}[{}]", type_text(base_of(type)), fmt::join(dims, ","));
}

std::uint64_t array_length(hid_t type) {
    Lengths dims(static_cast<std::size_t>(H5Tget_array_ndims(type)));
    check(H5Tget_array_dims2(type, reinterpret_cast<hsize_t*>(dims.data())),
          "cannot see an array type");
    return volume(dims);
}

struct Filter {
    H5Z_filter_t id = 0;
    unsigned flags = 0;
    std::vector<unsigned> values;
    std::string name;
};

Filter filter_of(hid_t properties, unsigned index) {
    Filter filter;
    std::size_t count = 0;
    std::array<char, 64> name{};
    unsigned config = 0;
    filter.id = check(H5Pget_filter2(properties, index, &filter.flags, &count, nullptr,
                                     name.size() - 1, name.data(), &config),
                      "cannot see a filter");
    filter.values.resize(count);
    check(H5Pget_filter2(properties, index, &filter.flags, &count, filter.values.data(),
                         name.size() - 1, name.data(), &config),
          "cannot see a filter");
    filter.values.resize(std::min(count, filter.values.size()));
    filter.name = name.data();
    return filter;
}

unsigned filters(hid_t properties) {
    return static_cast<unsigned>(check(H5Pget_nfilters(properties), "cannot count filters"));
}

}  // namespace

bool made_of(hid_t type, const std::function<bool(hid_t)>& is) {
    if (is(type)) return true;
    switch (H5Tget_class(type)) {
        case H5T_ARRAY:
        case H5T_VLEN: return made_of(base_of(type), is);
        case H5T_COMPOUND:
            for (int i = 0; i < H5Tget_nmembers(type); ++i) {
                if (made_of(member_of(type, static_cast<unsigned>(i)), is)) return true;
            }
            return false;
        default: return false;
    }
}

bool has_variable_length(hid_t type) {
    return made_of(type, [](hid_t part) {
        return H5Tget_class(part) == H5T_VLEN || H5Tis_variable_str(part) > 0;
    });
}

bool has_references(hid_t type) {
    return made_of(type, [](hid_t part) { return H5Tget_class(part) == H5T_REFERENCE; });
}

void for_each_reference(hid_t type, void* data, const std::function<void(hid_t, void*)>& visit) {
    auto* bytes = static_cast<std::byte*>(data);
    switch (H5Tget_class(type)) {
        case H5T_REFERENCE: visit(type, data); return;
        case H5T_COMPOUND:
            for (int i = 0; i < H5Tget_nmembers(type); ++i) {
                const auto index = static_cast<unsigned>(i);
                for_each_reference(member_of(type, index),
                                   bytes + H5Tget_member_offset(type, index), visit);
            }
            return;
        case H5T_ARRAY: {
            const Handle base = base_of(type);
            for (std::uint64_t i = 0; i < array_length(type); ++i)
                for_each_reference(base, bytes + i * H5Tget_size(base), visit);
            return;
        }
        case H5T_VLEN: {
            const Handle base = base_of(type);
            const auto* sequence = static_cast<const hvl_t*>(data);
            for (std::size_t i = 0; i < sequence->len; ++i) {
                for_each_reference(
                    base, static_cast<std::byte*>(sequence->p) + i * H5Tget_size(base), visit);
            }
            return;
        }
        default: return;
    }
}

std::string type_text(hid_t type) {
    const std::size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
        case H5T_INTEGER:
            return fmt::format("{}{}{}", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "i", size * 8,
                               order_text(type));
        case H5T_FLOAT: return fmt::format("f{}{}", size * 8, order_text(type));
        case H5T_STRING:
            return H5Tis_variable_str(type) > 0 ? "string" : fmt::format("string({})", size);
        case H5T_BITFIELD: return fmt::format("bits({})", size * 8);
        case H5T_OPAQUE: return fmt::format("opaque({})", size);
        case H5T_REFERENCE: return "reference";
        case H5T_ENUM: return "enum " + type_text(base_of(type));
        case H5T_COMPOUND: return compound_text(type);
        case H5T_VLEN: return type_text(base_of(type)) + "[*]";
        case H5T_ARRAY: return array_text(type);
        default: return fmt::format("type of {} bytes", size);
    }
}

std::string filters_text(hid_t properties) {
    std::string text;
    for (unsigned i = 0; i < filters(properties); ++i) {
        const Filter filter = filter_of(properties, i);
        if (!text.empty()) text += ", ";
        text += filter.name.empty() ? fmt::format("filter {}", filter.id) : filter.name;
        if (filter.id == H5Z_FILTER_DEFLATE && !filter.values.empty())
            text += fmt::format("({})", filter.values.front());
    }
    return text;
}

bool same_filters(hid_t one, hid_t other) {
    if (filters(one) != filters(other)) return false;
    for (unsigned i = 0; i < filters(one); ++i) {
        const Filter a = filter_of(one, i);
        const Filter b = filter_of(other, i);
        if (a.id != b.id || a.values != b.values) return false;
    }
    return true;
}

void copy_filters(hid_t from, hid_t to) {
    for (unsigned i = 0; i < filters(from); ++i) {
        const Filter filter = filter_of(from, i);
        check(
            H5Pset_filter(to, filter.id, filter.flags, filter.values.size(), filter.values.data()),
            "cannot set a filter");
    }
}

void copy_fill_value(hid_t from, hid_t to, hid_t type) {
    H5D_fill_value_t defined = H5D_FILL_VALUE_DEFAULT;
    check(H5Pfill_value_defined(from, &defined), "cannot see the fill value");
    if (defined != H5D_FILL_VALUE_USER_DEFINED || has_variable_length(type)) return;
    std::vector<std::byte> value(H5Tget_size(type));
    check(H5Pget_fill_value(from, type, value.data()), "cannot see the fill value");
    check(H5Pset_fill_value(to, type, value.data()), "cannot set the fill value");
}

Handle simple_space(const Lengths& dims) {
    if (dims.empty()) return {H5Screate(H5S_SCALAR), H5Sclose, "cannot make a scalar space"};
    return {H5Screate_simple(static_cast<int>(dims.size()), raw(dims), nullptr), H5Sclose,
            "cannot make a space"};
}

Lengths dims_of(hid_t space) {
    Lengths dims(static_cast<std::size_t>(
        check(H5Sget_simple_extent_ndims(space), "cannot see how many dimensions there are")));
    if (!dims.empty()) {
        check(H5Sget_simple_extent_dims(space, reinterpret_cast<hsize_t*>(dims.data()), nullptr),
              "cannot see how long the dimensions are");
    }
    return dims;
}

void select(hid_t space, const Box& box, H5S_seloper_t how) {
    if (box.start.empty()) return;  // a scalar
    check(H5Sselect_hyperslab(space, how, raw(box.start), nullptr, raw(box.count), nullptr),
          "cannot select a part");
}

void select(hid_t space, const std::vector<Comb>& combs) {
    if (combs.empty()) return;
    Lengths start;
    Lengths stride;
    Lengths count;
    Lengths block;
    for (const Comb& comb : combs) {
        start.push_back(comb.start);
        stride.push_back(comb.stride);
        count.push_back(comb.count);
        block.push_back(comb.block);
    }
    check(
        H5Sselect_hyperslab(space, H5S_SELECT_SET, raw(start), raw(stride), raw(count), raw(block)),
        "cannot select the hyperslab", Status::argument);
    if (check(H5Sselect_valid(space), "cannot check the hyperslab") == 0)
        fail(Status::argument, "the hyperslab reaches beyond the dataset");
}

namespace {

/// HDF5 tells files in memory from each other by their names alone.
std::string fresh_name() {
    static std::atomic<unsigned long> files{0};
    return fmt::format("splitcast-{}", ++files);
}

Handle memory_access(std::size_t increment) {
    Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot make properties");
    check(H5Pset_fapl_core(access, increment, false), "cannot have a file in memory");
    return access;
}

}  // namespace

Handle new_memory_file(hid_t properties) {
    return {H5Fcreate(fresh_name().c_str(), H5F_ACC_TRUNC, properties, memory_access(1 << 16)),
            H5Fclose, "cannot make a file in memory"};
}

std::vector<std::byte> image_of(hid_t file) {
    check(H5Fflush(file, H5F_SCOPE_LOCAL), "cannot complete a file in memory");
    const ssize_t length = H5Fget_file_image(file, nullptr, 0);
    if (length < 0) fail(Status::source, "cannot see a file in memory");
    std::vector<std::byte> bytes(static_cast<std::size_t>(length));
    if (H5Fget_file_image(file, bytes.data(), bytes.size()) < 0)
        fail(Status::source, "cannot see a file in memory");
    return bytes;
}

Handle open_image(const void* bytes, std::size_t length) {
    const Handle access = memory_access(1 << 16);
    // HDF5 copies it: the parameter is not const for callbacks that we do not have.
    check(H5Pset_file_image(access, const_cast<void*>(bytes), length), "cannot take a file image");
    return {H5Fopen(fresh_name().c_str(), H5F_ACC_RDWR, access), H5Fclose,
            "cannot open a file that was received"};
}

Elements::Elements(hid_t type, std::uint64_t count)
    : type_(type),
      count_(count),
      size_(H5Tget_size(type)),
      data_(static_cast<std::size_t>(count) * size_) {}

Elements::~Elements() {
    if (data_.empty() || !has_variable_length(type_)) return;
    const hsize_t count = count_;
    const hid_t space = H5Screate_simple(1, &count, nullptr);
    H5Treclaim(type_, space, H5P_DEFAULT, data_.data());
    H5Sclose(space);
}

}  // namespace splitcast::h5
