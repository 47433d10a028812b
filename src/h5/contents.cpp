#include "h5/contents.hpp"

#include "h5/types.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace splitcast::h5 {

namespace {

constexpr std::uint64_t batch_bytes = 8 << 20;

class Digesting {
public:
    void text(const std::string& value) {
        number(value.size());
        digester_.add(std::as_bytes(std::span(value)));
    }
    void number(std::uint64_t value) { digester_.add(std::as_bytes(std::span(&value, 1))); }
    [[nodiscard]] storage::Digest digest() const { return digester_.digest(); }

    void shape(hid_t type, hid_t space) {
        text(type_text(type));
        number(static_cast<std::uint64_t>(H5Sget_simple_extent_type(space)));
        for (const std::uint64_t length : dims_of(space)) number(length);
    }

    /// Elements one after the other in memory.
    void elements(hid_t type, const void* data, std::uint64_t count) {
        const auto* bytes = static_cast<const std::byte*>(data);
        const std::size_t size = H5Tget_size(type);
        if (!has_variable_length(type)) {
            digester_.add(std::span(bytes, static_cast<std::size_t>(count) * size));
            return;
        }
        for (std::uint64_t i = 0; i < count; ++i) element(type, bytes + i * size);
    }

private:
    /// One that has, or may have, parts of variable length.
    void element(hid_t type, const std::byte* data) {
        switch (H5Tget_class(type)) {
            case H5T_STRING: {
                if (H5Tis_variable_str(type) <= 0) break;
                const char* string = nullptr;
                std::memcpy(static_cast<void*>(&string), data, sizeof string);
                text(string == nullptr ? "" : string);
                return;
            }
            case H5T_VLEN: {
                hvl_t sequence{};
                std::memcpy(&sequence, data, sizeof sequence);
                number(sequence.len);
                const Handle base(H5Tget_super(type), H5Tclose, "cannot see a type's base");
                elements(base, sequence.p, sequence.len);
                return;
            }
            case H5T_ARRAY: {
                const Handle base(H5Tget_super(type), H5Tclose, "cannot see a type's base");
                elements(base, data, H5Tget_size(type) / H5Tget_size(base));
                return;
            }
            case H5T_COMPOUND:
                for (int i = 0; i < H5Tget_nmembers(type); ++i) {
                    const auto index = static_cast<unsigned>(i);
                    const Handle member(H5Tget_member_type(type, index), H5Tclose,
                                        "cannot see a type's member");
                    elements(member, data + H5Tget_member_offset(type, index), 1);
                }
                return;
            default: break;
        }
        digester_.add(std::span(data, H5Tget_size(type)));
    }

    storage::Digester digester_;
};

extern "C" herr_t add_attribute_name(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::set<std::string>*>(names)->insert(name);
    return 0;
}

void add_attributes(Digesting& digesting, hid_t object, const std::string& path) {
    std::set<std::string> names;
    check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add_attribute_name, &names),
          path + ": cannot list attributes");
    for (const std::string& name : names) {
        const std::string what = path + ", attribute " + name + ": ";
        const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose,
                               what + "cannot open it");
        const Handle type(H5Aget_type(attribute), H5Tclose, what + "cannot see the type");
        if (has_references(type)) continue;
        const Handle space(H5Aget_space(attribute), H5Sclose, what + "cannot see the shape");
        digesting.text(name);
        digesting.shape(type, space);
        const auto count = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space));
        if (count == 0 || H5Sget_simple_extent_type(space) == H5S_NULL) continue;
        Elements values(type, count);
        check(H5Aread(attribute, type, values.data()), what + "cannot read it");
        digesting.elements(type, values.data(), count);
    }
}

void add_elements(Digesting& digesting, hid_t dataset, const std::string& path) {
    const Handle type(H5Dget_type(dataset), H5Tclose, path + ": cannot see the type");
    const Handle space(H5Dget_space(dataset), H5Sclose, path + ": cannot see the shape");
    digesting.shape(type, space);
    if (H5Sget_simple_extent_type(space) == H5S_NULL) return;
    const Lengths dims = dims_of(space);
    const std::uint64_t most = std::max<std::uint64_t>(1, batch_bytes / H5Tget_size(type));
    for (std::uint64_t at = 0; at < volume(dims);) {
        const Box box = box_at(dims, at, most);
        const std::uint64_t count = volume(box.count);
        select(space, box);
        Elements values(type, count);
        check(H5Dread(dataset, type, simple_space({count}), space, H5P_DEFAULT, values.data()),
              path + ": cannot read the dataset");
        digesting.elements(type, values.data(), count);
        at += count;
    }
}

extern "C" herr_t add_object(hid_t, const char* name, const H5O_info2_t*, void* names) {
    static_cast<std::set<std::string>*>(names)->insert(name);
    return 0;
}

}  // namespace

std::vector<Content> contents(hid_t file, const std::string& path) {
    std::set<std::string> names;
    const Handle root(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose,
                      path + ": there is no such object");
    check(H5Ovisit3(root, H5_INDEX_NAME, H5_ITER_INC, add_object, &names, H5O_INFO_BASIC),
          path + ": cannot list what is below");
    std::vector<Content> found;
    for (const std::string& name : names) {
        const std::string full = name == "." ? path : (path == "/" ? "" : path) + "/" + name;
        const Handle object(H5Oopen(root, name.c_str(), H5P_DEFAULT), H5Oclose,
                            full + ": cannot open it");
        Digesting digesting;
        if (H5Iget_type(object) == H5I_DATASET) {
            const Handle type(H5Dget_type(object), H5Tclose, full + ": cannot see the type");
            if (has_references(type)) continue;
            add_elements(digesting, object, full);
        }
        add_attributes(digesting, object, full);
        found.push_back({full, digesting.digest()});
    }
    return found;
}

std::string first_difference(const std::vector<Content>& one, const std::vector<Content>& other) {
    const auto [a, b] = std::ranges::mismatch(one, other);
    if (a != one.end()) return a->path;
    return b != other.end() ? b->path : "";
}

}  // namespace splitcast::h5
