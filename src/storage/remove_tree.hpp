#pragma once

namespace splitcast::storage {

/// Removes `name` in the folder `parent`, with all that is in it if it is a folder, without
/// following symbolic links. May be called by a signal handler: it takes no lock and asks for no
/// memory, and leaves errno as it was. False if something is left.
bool remove_tree(int parent, const char* name) noexcept;

}  // namespace splitcast::storage
