#pragma once

#include "h5/handle.hpp"

#include <hdf5.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace splitcast::h5 {

/// Copies objects from one file to another: groups, links, types, attributes, and datasets without
/// their elements. They keep their paths. References in attributes are made anew where their
/// targets are copied too.
class Copying {
public:
    /// Called for each dataset, when it has been made.
    using Visit = std::function<void(const std::string& path, hid_t from, hid_t to)>;

    Copying(hid_t from, hid_t to, Visit visit);

    /// What `path` names, and everything below it if it is a group.
    void run(const std::string& path);

    /// What could not be copied, and why.
    [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }

private:
    void object(const std::string& path, bool is_root);
    void group(const std::string& path, hid_t from, bool is_root);
    void link(const std::string& path, const H5L_info2_t& info);
    void dataset(const std::string& path, hid_t from);
    void named_type(const std::string& path, hid_t from);
    void attributes(const std::string& path, hid_t from, hid_t to);
    void attribute(const std::string& path, const std::string& name, hid_t from, hid_t to);
    void reference_attribute(const std::string& path, const std::string& name);
    bool renew(hid_t object, hid_t type, void* reference);
    void leave_out(const std::string& path, const std::string& why);

    hid_t from_;
    hid_t to_;
    Visit visit_;
    Handle intermediate_;                      ///< link creation properties
    std::map<std::string, std::string> seen_;  ///< token of an object -> path of its copy
    std::vector<std::pair<std::string, std::string>> later_;  ///< attributes with references
    std::vector<std::string> left_out_;
};

/// A file in memory for the copies: it keeps the order of creation where `from` does.
[[nodiscard]] Handle new_file_like(hid_t from);

/// Creation properties for a copy of a dataset: those of the original, but with no storage before
/// something is written, and none outside of the file.
[[nodiscard]] Handle copy_of_properties(hid_t dataset);

}  // namespace splitcast::h5
