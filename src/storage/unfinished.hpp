#pragma once

#include <string_view>

/// What is on disk now and must not stay if the process ends: files under a temporary name and the
/// folders made for them. A signal handler can remove them. There is room for a few at a time; what
/// finds no room is only not removed by a signal handler.
namespace splitcast::storage::unfinished {

/// `folder` is a descriptor of the folder that the file lies in; it must stay open until the file
/// is dropped.
void add_file(int folder, std::string_view name);
void drop_file(int folder, std::string_view name);

void add_folder(std::string_view path);
void drop_folder(std::string_view path);

/// Removes them all, the youngest first, within a fraction of a second. May be called by a signal
/// handler.
void remove_all() noexcept;

}  // namespace splitcast::storage::unfinished
