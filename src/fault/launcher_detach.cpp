#include "fault/launcher_detach.hpp"

#include "fault/launcher.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

// pmix_common.h, which need not be installed where this is built. They are part of PMIx's ABI.
constexpr int pmix_operation_succeeded = -157;
constexpr int pmix_not_found = -46;
constexpr int pmix_process_gone = -200;  // PMIX_ERR_PROC_TERM_WO_SYNC

std::atomic<bool> reports_end_here = false;

using NotifyEvent = int (*)(int, const void*, std::uint8_t, const void*, std::size_t,
                            void (*)(int, void*), void*);

}  // namespace

/// Stands in front of libpmix's function of this name.
extern "C" __attribute__((visibility("default"))) int PMIx_Notify_event(
    int status, const void* source, std::uint8_t range, const void* info, std::size_t infos,
    void (*done)(int, void*), void* data) {
    if (reports_end_here && status == pmix_process_gone) return pmix_operation_succeeded;
    static const auto next = reinterpret_cast<NotifyEvent>(dlsym(RTLD_NEXT, "PMIx_Notify_event"));
    return next == nullptr ? pmix_not_found : next(status, source, range, info, infos, done, data);
}

namespace splitcast::fault {

namespace {

/// Do libmpi's reports come to the function above? That depends on the order in which the program's
/// libraries were loaded, since the first that has the name is taken.
bool stands_in_front() {
    void* const found = dlsym(RTLD_DEFAULT, "PMIx_Notify_event");
    Dl_info theirs{};
    Dl_info ours{};
    return found != nullptr && dladdr(found, &theirs) != 0 &&
           dladdr(&reports_end_here, &ours) != 0 && theirs.dli_fbase == ours.dli_fbase;
}

/// "tcp4://127.0.0.1:50383" of the socket's other end, as PMIx writes it; empty for other sockets.
std::string peer_of(int socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET) {
        sockaddr_in ipv4{};
        std::memcpy(&ipv4, &address, sizeof ipv4);
        inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
        return std::string("tcp4://") + text.data() + ":" + std::to_string(ntohs(ipv4.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        sockaddr_in6 ipv6{};
        std::memcpy(&ipv6, &address, sizeof ipv6);
        inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
        return std::string("tcp6://") + text.data() + ":" + std::to_string(ntohs(ipv6.sin6_port));
    }
    return {};
}

/// Where the launcher's PMIx server listens: what follows the ';' in PMIX_SERVER_URI41=NAME;ADDRESS
/// and the like, one for each version of the protocol. All have the same.
std::vector<std::string> server_addresses() {
    std::vector<std::string> out;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        if (!text.starts_with("PMIX_SERVER_URI")) continue;
        const auto address = text.find(';');
        if (address != std::string_view::npos) out.emplace_back(text.substr(address + 1));
    }
    return out;
}

std::vector<int> connections_to_launcher() {
    const std::vector<std::string> servers = server_addresses();
    std::vector<int> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), &closedir);
    if (!folder) return out;
    while (const dirent* entry = readdir(folder.get())) {
        if (entry->d_name[0] == '.') continue;
        const int descriptor = std::atoi(entry->d_name);
        const std::string peer = peer_of(descriptor);
        if (!peer.empty() && std::ranges::find(servers, peer) != servers.end())
            out.push_back(descriptor);
    }
    std::ranges::sort(out);
    return out;
}

/// The child: holds the connections until their other end closes them. It never reads, since what
/// arrives is the rank's. Only what is safe after the fork of a process with threads.
[[noreturn]] void guard(std::vector<pollfd>& connections) {
    prctl(PR_SET_NAME, "splitcast-guard");
    // These go to all processes of a step; the rank's end is what they are for.
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_IGN);
    unsigned next = 0;
    for (const pollfd& connection : connections) {
        const auto descriptor = static_cast<unsigned>(connection.fd);
        if (descriptor > next) close_range(next, descriptor - 1, 0);
        next = descriptor + 1;
    }
    close_range(next, ~0U, 0);
    while (poll(connections.data(), connections.size(), -1) < 0 && errno == EINTR) {
    }
    _exit(0);
}

/// mpirun's ranks ignore SIGPIPE, srun's die of it when libmpi writes to a rank that is gone.
void ignore_broken_pipes() {
    struct sigaction now{};
    if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
        std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

Result<void> detach_from_launcher() {
    if (!started_by_srun() || reports_end_here) return {};
    if (!stands_in_front()) {
        return Error{Status::state,
                     "PMIx_Notify_event is not found here first, so Slurm would hear of a rank's "
                     "death and end the step; link splitcast before PMIx, and do not load it by "
                     "dlopen"};
    }
    std::vector<pollfd> connections;
    for (const int descriptor : connections_to_launcher())
        connections.push_back({.fd = descriptor, .events = POLLRDHUP, .revents = 0});
    if (connections.empty()) {
        return Error{Status::state,
                     "this process has no connection to Slurm's PMIx server that could be kept, so "
                     "the step would not survive a rank's death; was MPI_Init called, and is "
                     "PMIX_SERVER_URI... set?"};
    }
    const pid_t child = fork();
    if (child < 0) {
        return Error{Status::memory,
                     std::string("cannot fork the guard that keeps a step alive when ranks die: ") +
                         std::strerror(errno)};
    }
    if (child == 0) guard(connections);
    reports_end_here = true;
    ignore_broken_pipes();
    return {};
}

}  // namespace splitcast::fault
