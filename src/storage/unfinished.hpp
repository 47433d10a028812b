#pragma once

#include "storage/posix.hpp"

#include <string_view>

/// What is on disk now and must not stay if the process ends: files under a temporary name, files
/// that have their final name while others of the same copy may lack theirs, and the folders made
/// for them. A signal handler can remove them. There is room for a few at a time; what
/// finds no room is only not removed by a signal handler.
namespace splitcast::storage::unfinished {

/// `folder` is a descriptor of the folder that the file lies in; it must stay open until the file
/// is dropped.
void add_file(int folder, std::string_view name);
void drop_file(int folder, std::string_view name);

void add_folder(std::string_view path);
void drop_folder(std::string_view path);

/// From before the file gets its final name until it is certain that it stays. Where that name is
/// not of the file `identity`, nothing is done to it. A file that it replaced lies under the name
/// `replaced` by then, a file added before, and is put back.
void add_published(int folder, std::string_view name, const FileIdentity& identity,
                   std::string_view replaced = {});
void drop_published(int folder, std::string_view name);

/// Removes them all, the youngest first, within a fraction of a second. May be called by a signal
/// handler.
void remove_all() noexcept;

}  // namespace splitcast::storage::unfinished
