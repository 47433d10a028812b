#include "pmpi/next.hpp"

#include <dlfcn.h>

#include <string>

namespace splitcast::pmpi {

thread_local int Inside::depth = 0;

namespace {

const void* object_of(const void* address) {
    Dl_info info{};
    return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// Whatever comes next under this name in the order in which the program was loaded. With `foreign`,
// only if it is not in the object that has the PMPI_ function: the library itself defines both, a
// tool the MPI_ one alone.
template <class Function>
void find(Function& function, const std::string& name, bool foreign) {
    void* plain = dlsym(RTLD_NEXT, ("PMPI_" + name).c_str());
    void* found = plain;
    if (foreign) {
        found = dlsym(RTLD_NEXT, ("MPI_" + name).c_str());
        if (object_of(found) == object_of(plain)) found = nullptr;
    }
    function = reinterpret_cast<Function>(found);
}

Functions find_all(bool foreign) {
    Functions all;
    find(all.init, "Init", foreign);
    find(all.init_thread, "Init_thread", foreign);
    find(all.finalize, "Finalize", foreign);
    find(all.bcast, "Bcast", foreign);
    find(all.bcast_c, "Bcast_c", foreign);
    find(all.ibcast, "Ibcast", foreign);
    find(all.ibcast_c, "Ibcast_c", foreign);
    find(all.bcast_init, "Bcast_init", foreign);
    find(all.bcast_init_c, "Bcast_init_c", foreign);
    find(all.start, "Start", foreign);
    find(all.startall, "Startall", foreign);
    find(all.request_free, "Request_free", foreign);
    return all;
}

}  // namespace

const Functions& library() {
    static const Functions functions = find_all(false);
    return functions;
}

const Functions& tool() {
    static const Functions functions = find_all(true);
    return functions;
}

}  // namespace splitcast::pmpi
