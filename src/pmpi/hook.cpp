#include "pmpi/hook.hpp"

#include <dlfcn.h>

namespace splitcast::pmpi {

namespace {

using Callback = int (*)();
using Registration = int (*)(Callback);

// Open MPI's progress engine, by which its own nonblocking collectives move as well. Looked up by
// name, so that the drop-in does without where another MPI library is used.
Registration registration(const char* name) {
    return reinterpret_cast<Registration>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace

bool install_progress_hook(Callback callback) {
    const Registration add = registration("opal_progress_register");
    return add != nullptr && registration("opal_progress_unregister") != nullptr &&
           add(callback) == 0;
}

void remove_progress_hook(Callback callback) {
    if (const Registration remove = registration("opal_progress_unregister")) remove(callback);
}

}  // namespace splitcast::pmpi
