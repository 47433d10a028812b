#include "cli/libraries.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <ranges>
#include <system_error>

extern char** environ;  // NOLINT: POSIX has it declared by the program

namespace splitcast::cli {

namespace {

/// Whatever `command` writes to stdout, and how it ended; an error if it cannot be started.
struct Said {
    std::string text;
    bool success = false;
};

Result<Said> ask(const std::vector<std::string>& command) {
    const auto failed = [&](int code) {
        return Error{Status::internal, fmt::format("cannot run {}: {}", command.front(),
                                                   std::system_category().message(code))};
    };
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(errno);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int code =
        ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    Said said;
    std::array<char, 4096> some{};
    for (ssize_t count = 1; code == 0 && count != 0;) {
        count = ::read(ends[0], some.data(), some.size());
        if (count > 0) said.text.append(some.data(), static_cast<std::size_t>(count));
        if (count < 0 && errno != EINTR) break;
    }
    ::close(ends[0]);
    if (code != 0) return failed(code);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    said.success = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return said;
}

/// Programs and libraries begin so. ldd is not asked about anything else: it is slow, and has been
/// known to start what it is asked about.
bool is_elf(const std::string& file) {
    std::array<char, 4> magic{};
    return std::ifstream(file, std::ios::binary).read(magic.data(), magic.size()) &&
           std::string_view(magic.data(), magic.size()) == "\177ELF";
}

bool lies_in(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) &&
           (folder == "/" || path.substr(folder.size()).starts_with('/'));
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? "" : text.substr(first);
}

}  // namespace

// Lines are "NAME => PATH (ADDRESS)", "NAME => not found", "PATH (ADDRESS)" for the loader itself,
// which must be where the program says, and "NAME (ADDRESS)" for what the kernel brings.
Result<std::vector<std::string>> libraries_in(std::string_view said, const std::string& file,
                                              std::span<const std::string> excluded) {
    constexpr std::string_view arrow = " => ";
    std::vector<std::string> found;
    for (const auto part : std::views::split(said, '\n')) {
        const std::string_view line = trim(std::string_view(part.begin(), part.end()));
        const auto at = line.find(arrow);
        if (at == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, at);
        const std::string_view rest = line.substr(at + arrow.size());
        if (rest.starts_with("not found")) {
            return Error{Status::source,
                         fmt::format("{}, which {} needs, is not found; set LD_LIBRARY_PATH as for "
                                     "running it, or leave --send-libs out",
                                     name, file)};
        }
        const std::string path(rest.substr(0, rest.rfind(" (")));
        if (!path.starts_with('/')) continue;
        const auto outside = [&](const std::string& folder) { return !lies_in(path, folder); };
        if (std::ranges::all_of(excluded, outside)) found.push_back(path);
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

Result<std::vector<std::string>> needed_libraries(const std::string& file,
                                                  std::span<const std::string> excluded) {
    if (!is_elf(file)) return std::vector<std::string>{};
    // A name without a folder, or with a '-' first, would mean something else to ldd.
    const auto said = ask({"ldd", file.starts_with('/') ? file : "./" + file});
    if (!said) return said.error();
    if (!said->success) return std::vector<std::string>{};  // statically linked
    return libraries_in(said->text, file, excluded);
}

}  // namespace splitcast::cli
