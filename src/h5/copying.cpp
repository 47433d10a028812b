#include "h5/copying.hpp"

#include "h5/types.hpp"

#include <array>
#include <utility>

namespace splitcast::h5 {

namespace {

extern "C" herr_t add_name(hid_t, const char* name, const H5L_info2_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

extern "C" herr_t add_attribute(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

bool tracked(unsigned flags) { return (flags & H5P_CRT_ORDER_TRACKED) != 0; }

/// In the order in which they were made, if that is known: some formats give it a meaning.
std::vector<std::string> link_names(hid_t group) {
    const Handle properties(H5Gget_create_plist(group), H5Pclose, "cannot see a group");
    unsigned flags = 0;
    check(H5Pget_link_creation_order(properties, &flags), "cannot see a group");
    std::vector<std::string> names;
    check(H5Literate2(group, tracked(flags) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC,
                      nullptr, add_name, &names),
          "cannot list a group");
    return names;
}

std::vector<std::string> attribute_names(hid_t object) {
    std::vector<std::string> names;
    // By creation order where that is kept; asking for it elsewhere fails.
    if (H5Aiterate2(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, add_attribute, &names) < 0) {
        names.clear();
        H5Eclear2(H5E_DEFAULT);
        check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, add_attribute, &names),
              "cannot list attributes");
    }
    return names;
}

std::string below(const std::string& path, const std::string& name) {
    return path == "/" ? "/" + name : path + "/" + name;
}

std::string token_of(hid_t object) {
    H5O_info2_t info{};
    check(H5Oget_info3(object, &info, H5O_INFO_BASIC), "cannot examine an object");
    return {reinterpret_cast<const char*>(&info.token), sizeof info.token};
}

}  // namespace

Handle new_file_like(hid_t from) {
    const Handle old(H5Fget_create_plist(from), H5Pclose, "cannot see how the file was made");
    Handle properties(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "cannot make properties");
    unsigned flags = 0;
    check(H5Pget_link_creation_order(old, &flags), "cannot see how the file was made");
    check(H5Pset_link_creation_order(properties, flags), "cannot set the order of links");
    check(H5Pget_attr_creation_order(old, &flags), "cannot see how the file was made");
    check(H5Pset_attr_creation_order(properties, flags), "cannot set the order of attributes");
    return new_memory_file(properties);
}

Handle copy_of_properties(hid_t dataset) {
    Handle old(H5Dget_create_plist(dataset), H5Pclose, "cannot see how the dataset was made");
    const H5D_layout_t layout = H5Pget_layout(old);
    const bool outside =
        layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(old) > 0);
    if (!outside) {
        if (layout != H5D_COMPACT) {
            check(H5Pset_alloc_time(
                      old, layout == H5D_CHUNKED ? H5D_ALLOC_TIME_INCR : H5D_ALLOC_TIME_LATE),
                  "cannot set properties");
        }
        return old;
    }
    Handle fresh(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "cannot make properties");
    unsigned flags = 0;
    check(H5Pget_attr_creation_order(old, &flags), "cannot see properties");
    check(H5Pset_attr_creation_order(fresh, flags), "cannot set properties");
    const Handle type(H5Dget_type(dataset), H5Tclose, "cannot see the type");
    copy_fill_value(old, fresh, type);
    return fresh;
}

Copying::Copying(hid_t from, hid_t to, Visit visit)
    : from_(from),
      to_(to),
      visit_(std::move(visit)),
      intermediate_(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "cannot make properties") {
    check(H5Pset_create_intermediate_group(intermediate_, 1), "cannot set properties");
    check(H5Pset_char_encoding(intermediate_, H5T_CSET_UTF8), "cannot set properties");
}

void Copying::run(const std::string& path) {
    object(path, true);
    for (const auto& [owner, name] : later_) reference_attribute(owner, name);
}

void Copying::leave_out(const std::string& path, const std::string& why) {
    left_out_.push_back(path + ": " + why);
}

void Copying::object(const std::string& path, bool is_root) {
    const Handle from(H5Oopen(from_, path.c_str(), H5P_DEFAULT), H5Oclose,
                      path + ": there is no such object");
    const auto [seen, fresh] = seen_.emplace(token_of(from), path);
    if (!fresh) {
        check(H5Lcreate_hard(to_, seen->second.c_str(), to_, path.c_str(), intermediate_,
                             H5P_DEFAULT),
              path + ": cannot link it");
        return;
    }
    switch (H5Iget_type(from)) {
        case H5I_GROUP: group(path, from, is_root); return;
        case H5I_DATASET: dataset(path, from); return;
        case H5I_DATATYPE: named_type(path, from); return;
        default: leave_out(path, "an object of an unknown kind");
    }
}

void Copying::group(const std::string& path, hid_t from, bool is_root) {
    const Handle to = [&]() -> Handle {
        if (path == "/") return {H5Gopen2(to_, "/", H5P_DEFAULT), H5Gclose, "cannot open /"};
        const Handle properties(H5Gget_create_plist(from), H5Pclose, "cannot see a group");
        return {H5Gcreate2(to_, path.c_str(), is_root ? intermediate_.get() : H5P_DEFAULT,
                           properties, H5P_DEFAULT),
                H5Gclose, path + ": cannot make the group"};
    }();
    attributes(path, from, to);
    for (const std::string& name : link_names(from)) {
        H5L_info2_t info{};
        check(H5Lget_info2(from, name.c_str(), &info, H5P_DEFAULT),
              below(path, name) + ": cannot examine the link");
        link(below(path, name), info);
    }
}

void Copying::link(const std::string& path, const H5L_info2_t& info) {
    if (info.type == H5L_TYPE_HARD) {
        object(path, false);
    } else if (info.type == H5L_TYPE_SOFT) {
        std::string target(info.u.val_size + 1, '\0');
        check(H5Lget_val(from_, path.c_str(), target.data(), target.size(), H5P_DEFAULT),
              path + ": cannot read the link");
        check(H5Lcreate_soft(target.c_str(), to_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT),
              path + ": cannot make the link");
    } else {
        leave_out(path, "a link to another file");
    }
}

void Copying::dataset(const std::string& path, hid_t from) {
    // A copy of the type: one that is shared with others by a name becomes the dataset's own.
    const Handle shared(H5Dget_type(from), H5Tclose, path + ": cannot see the type");
    if (has_references(shared)) {
        leave_out(path, "its elements are references, which mean nothing outside of the file");
        return;
    }
    const Handle type(H5Tcopy(shared), H5Tclose, path + ": cannot copy the type");
    const Handle space(H5Dget_space(from), H5Sclose, path + ": cannot see the shape");
    const Handle properties = copy_of_properties(from);
    const Handle to(
        H5Dcreate2(to_, path.c_str(), type, space, intermediate_, properties, H5P_DEFAULT),
        H5Dclose, path + ": cannot make a dataset with its type, shape and filters");
    attributes(path, from, to);
    visit_(path, from, to);
}

void Copying::named_type(const std::string& path, hid_t from) {
    const Handle type(H5Tcopy(from), H5Tclose, path + ": cannot copy the type");
    check(H5Tcommit2(to_, path.c_str(), type, intermediate_, H5P_DEFAULT, H5P_DEFAULT),
          path + ": cannot name the type");
    attributes(path, from, type);
}

void Copying::attributes(const std::string& path, hid_t from, hid_t to) {
    for (const std::string& name : attribute_names(from)) attribute(path, name, from, to);
}

void Copying::attribute(const std::string& path, const std::string& name, hid_t from, hid_t to) {
    const std::string what = path + ", attribute " + name + ": ";
    const Handle old(H5Aopen(from, name.c_str(), H5P_DEFAULT), H5Aclose, what + "cannot open it");
    const Handle shared(H5Aget_type(old), H5Tclose, what + "cannot see the type");
    const Handle type(H5Tcopy(shared), H5Tclose, what + "cannot copy the type");
    const Handle space(H5Aget_space(old), H5Sclose, what + "cannot see the shape");
    const Handle made(H5Acreate2(to, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                      what + "cannot make it");
    if (H5Sget_simple_extent_type(space) == H5S_NULL) return;
    if (has_references(type)) {
        later_.emplace_back(path, name);
        return;
    }
    const auto count = check(H5Sget_simple_extent_npoints(space), what + "cannot count");
    Elements values(type, static_cast<std::uint64_t>(count));
    if (count == 0) return;
    check(H5Aread(old, type, values.data()), what + "cannot read it");
    check(H5Awrite(made, type, values.data()), what + "cannot write it");
}

/// Makes a reference that leads to the copy of what it leads to in the original. False if there is
/// no copy.
bool Copying::renew(hid_t object, hid_t type, void* reference) {
    if (H5Tequal(type, H5T_STD_REF_OBJ) <= 0) return false;
    auto* value = static_cast<hobj_ref_t*>(reference);
    if (*value == 0) return true;  // it leads nowhere
    const hid_t id = H5Rdereference2(object, H5P_DEFAULT, H5R_OBJECT, reference);
    if (id < 0) return false;
    const Handle target(id, H5Oclose, "");
    const auto found = seen_.find(token_of(target));
    if (found == seen_.end()) return false;
    return H5Rcreate(reference, to_, found->second.c_str(), H5R_OBJECT, H5I_INVALID_HID) >= 0;
}

void Copying::reference_attribute(const std::string& path, const std::string& name) {
    const std::string what = path + ", attribute " + name + ": ";
    const Handle from(H5Oopen(from_, path.c_str(), H5P_DEFAULT), H5Oclose, what + "no owner");
    const Handle to(H5Oopen(to_, path.c_str(), H5P_DEFAULT), H5Oclose, what + "no owner");
    const Handle old(H5Aopen(from, name.c_str(), H5P_DEFAULT), H5Aclose, what + "cannot open it");
    const Handle type(H5Aget_type(old), H5Tclose, what + "cannot see the type");
    const Handle space(H5Aget_space(old), H5Sclose, what + "cannot see the shape");
    const auto count = static_cast<std::uint64_t>(
        check(H5Sget_simple_extent_npoints(space), what + "cannot count"));
    bool whole = true;
    {
        Elements values(type, count);
        check(H5Aread(old, type, values.data()), what + "cannot read it");
        for (std::uint64_t i = 0; i < count; ++i) {
            auto* element = static_cast<std::byte*>(values.data()) + i * values.size();
            for_each_reference(type, element, [&](hid_t kind, void* reference) {
                whole = whole && renew(from, kind, reference);
            });
        }
        if (whole) {
            const Handle made(H5Aopen(to, name.c_str(), H5P_DEFAULT), H5Aclose,
                              what + "cannot open the copy");
            check(H5Awrite(made, type, values.data()), what + "cannot write it");
        }
    }
    H5Eclear2(H5E_DEFAULT);
    if (whole) return;
    check(H5Adelete(to, name.c_str()), what + "cannot leave it out");
    leave_out(path, "attribute " + name + " refers to objects that are not moved");
}

}  // namespace splitcast::h5
