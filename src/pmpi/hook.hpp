#pragma once

namespace splitcast::pmpi {

/// Has `callback` called again and again whenever the program is inside the MPI library and that
/// waits for something. It answers how many things it got done. False if this MPI library offers no
/// such thing.
[[nodiscard]] bool install_progress_hook(int (*callback)());
void remove_progress_hook(int (*callback)());

}  // namespace splitcast::pmpi
