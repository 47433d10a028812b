#include "storage/unfinished.hpp"

#include "storage/remove_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
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

/// The items go back, and what they have replaced with them; then the folder goes, unless it is to
/// last.
bool take_back(const Staging& staging) {
    if (staging.kept) return remove_tree(staging.around, staging.name.c_str());
    for (std::size_t i = staging.begun; i > 0; --i) {
        const Staging::Item& item = staging.items[i - 1];
        struct stat there{};
        if (::fstatat(staging.around, item.final_name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
            identity(there) != item.identity)
            continue;
        ::renameat2(staging.around, item.final_name.c_str(), staging.folder, item.name.c_str(),
                    item.replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE);
    }
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
