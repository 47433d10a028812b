#include "storage/unfinished.hpp"

#include "storage/remove_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <ranges>

namespace splitcast::storage::unfinished {

namespace {

// A signal handler may run between any two instructions: it may not take a lock or ask for memory.
// So there are slots, each written before its state says that it can be read.
struct Slot {
    enum State : int { free, taken, file, folder, published, staging };
    std::atomic<int> state = free;
    int parent = 0;
    std::array<char, PATH_MAX> name{};
    // Of published files only.
    FileIdentity identity;
    std::array<char, NAME_MAX + 1> replaced{};  ///< where the old file is now; empty if none was
    const Staging* content = nullptr;           ///< of staging folders only
};
static_assert(std::atomic<int>::is_always_lock_free);

constinit std::array<Slot, 64> slots;
std::atomic<bool> removing = false;
static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<std::size_t>::is_always_lock_free);

void add(int parent, std::string_view name, Slot::State kind, const FileIdentity& identity = {},
         std::string_view replaced = {}, const Staging* content = nullptr) {
    if (name.size() >= PATH_MAX || replaced.size() > NAME_MAX) return;
    // Folders are added from the outside in and must be removed from the inside out: never in front
    // of a used slot.
    const auto used = std::ranges::find_if(
        slots | std::views::reverse, [](const Slot& slot) { return slot.state != Slot::free; });
    for (auto slot = used.base(); slot != slots.end(); ++slot) {
        int expected = Slot::free;
        if (!slot->state.compare_exchange_strong(expected, Slot::taken)) continue;
        slot->parent = parent;
        *std::ranges::copy(name, slot->name.begin()).out = '\0';
        slot->identity = identity;
        slot->content = content;
        *std::ranges::copy(replaced, slot->replaced.begin()).out = '\0';
        slot->state = kind;
        return;
    }
}

void drop(int parent, std::string_view name, Slot::State kind) {
    for (Slot& slot : slots | std::views::reverse) {
        if (slot.state == kind && slot.parent == parent && name == slot.name.data()) {
            slot.state = Slot::free;
            return;
        }
    }
}

/// Only if the name is this file's: it may not be so far, or somebody may have put something else
/// there.
void take_back(const Slot& slot) {
    struct stat there{};
    if (::fstatat(slot.parent, slot.name.data(), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        identity(there) != slot.identity) {
        return;
    }
    if (slot.replaced.front() == '\0') {
        ::unlinkat(slot.parent, slot.name.data(), 0);
    } else {
        ::renameat2(slot.parent, slot.replaced.data(), slot.parent, slot.name.data(),
                    RENAME_EXCHANGE);
    }
}

/// Who is to move a folder into another one must be allowed to write to it. Its owner may not even
/// be allowed to open it.
void make_movable(int parent, const char* name, const FileIdentity& wanted) {
    const int folder = ::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return;
    struct stat facts{};
    if (::fstat(folder, &facts) == 0 && identity(facts) == wanted &&
        (facts.st_mode & S_IWUSR) == 0) {
        std::array<char, 32> path{"/proc/self/fd/"};
        const std::size_t length = std::strlen(path.data());
        *std::to_chars(path.data() + length, path.data() + path.size() - 1, folder).ptr = '\0';
        ::chmod(path.data(), (facts.st_mode & 07777U) | S_IWUSR);
    }
    ::close(folder);
}

enum class Lies : std::uint8_t { nothing, the_copy, something_else };

Lies what_lies(int folder, const std::string& name, const FileIdentity& copy) {
    struct stat there{};
    if (::fstatat(folder, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return Lies::nothing;
    return identity(there) == copy ? Lies::the_copy : Lies::something_else;
}

bool put_item_back(const Staging& staging, const Staging::Item& item) {
    const char* const final_name = item.final_name.c_str();
    const char* const name = item.name.c_str();
    // Else somebody has put something else under the final name, or it has not come to that.
    if (what_lies(staging.around, item.final_name, item.identity) == Lies::the_copy) {
        make_movable(staging.around, final_name, item.identity);
        // Where the file system cannot exchange names, or look before it renames, what was replaced
        // is gone already, and the name inside is free.
        if (::renameat2(staging.around, final_name, staging.folder, name,
                        item.replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0 &&
            what_lies(staging.folder, item.name, item.identity) == Lies::nothing)
            ::renameat(staging.around, final_name, staging.folder, name);
    }
    return !item.replaces ||
           what_lies(staging.folder, item.name, item.identity) != Lies::something_else;
}

/// Then the folder goes, unless it is to last.
bool take_back(const Staging& staging) {
    if (staging.kept) return remove_tree(staging.around, staging.name.c_str());
    if (!put_back(staging)) return true;
    if (!staging.lasting) return remove_tree(staging.around, staging.name.c_str());
    ::unlinkat(staging.around, staging.name.c_str(), AT_REMOVEDIR);  // if nothing is in it
    return true;
}

}  // namespace

void add_staging(const Staging& staging) {
    removing = false;  // a process that goes on after all
    add(staging.around, staging.name, Slot::staging, {}, {}, &staging);
}
void drop_staging(const Staging& staging) { drop(staging.around, staging.name, Slot::staging); }

bool put_back(const Staging& staging) noexcept {
    bool all = true;
    for (std::size_t i = staging.begun; i > 0; --i)
        all = put_item_back(staging, staging.items[i - 1]) && all;
    return all;
}

bool ending() noexcept { return removing; }

void add_file(int folder, std::string_view name) { add(folder, name, Slot::file); }
void drop_file(int folder, std::string_view name) { drop(folder, name, Slot::file); }
void add_folder(std::string_view path) { add(AT_FDCWD, path, Slot::folder); }
void drop_folder(std::string_view path) { drop(AT_FDCWD, path, Slot::folder); }

void add_published(int folder, std::string_view name, const FileIdentity& identity,
                   std::string_view replaced) {
    add(folder, name, Slot::published, identity, replaced);
}
void drop_published(int folder, std::string_view name) { drop(folder, name, Slot::published); }

void remove_all() noexcept {
    const int error = errno;
    removing = true;
    // Other processes, told to end at the same time, may still be about to remove what they have in
    // a folder that this one made. They are given a moment, no more: whoever sent the signal is
    // waiting.
    constexpr int rounds = 40;
    constexpr timespec moment{.tv_sec = 0, .tv_nsec = 5'000'000};
    for (int round = 0; round < rounds; ++round) {
        bool left = false;
        for (Slot& slot : slots | std::views::reverse) {
            const int state = slot.state;
            bool gone = true;
            if (state == Slot::published) take_back(slot);
            if (state == Slot::staging) gone = take_back(*slot.content);
            if (state == Slot::file) ::unlinkat(slot.parent, slot.name.data(), 0);
            if (state == Slot::folder) {
                gone = ::rmdir(slot.name.data()) == 0 || (errno != ENOTEMPTY && errno != EEXIST);
            }
            if (state <= Slot::taken) continue;
            // Another thread may just be making, or naming, what it has told of: so each is looked
            // at again.
            if (gone && round > 0) slot.state = Slot::taken;
            left = left || !gone || round == 0;
        }
        if (!left) break;
        nanosleep(&moment, nullptr);
    }
    errno = error;
}

}  // namespace splitcast::storage::unfinished
