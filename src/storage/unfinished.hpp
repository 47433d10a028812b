#pragma once

#include "storage/posix.hpp"

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

/// A folder in which things are made that are moved to their final names together.
struct Staging {
    struct Item {
        std::string name;            ///< in the staging folder
        std::string final_name;      ///< in the folder around it
        FileIdentity identity = {};  ///< of what is moved
        bool replaces = false;       ///< what had the final name takes its place
    };
    int around = -1;  ///< descriptors of the folder around it, and of itself
    int folder = -1;
    std::string name;
    std::vector<Item> items = {};
    std::atomic<std::size_t> begun = 0;  ///< items that were moved, or are about to be
    std::atomic<bool> kept = false;      ///< they stay where they are
    std::atomic<bool> lasting = false;   ///< the folder stays, for the next copy to go on with
};

/// From before the folder is made until it is gone; the staging must outlive that. Not its items,
/// nor any other part that is no atomic, may change while a signal handler could look at it: before
/// the first of them is `begun`, that is.
void add_staging(const Staging& staging);
void drop_staging(const Staging& staging);

/// Takes back what has its final name, and puts what it replaced there again. False: something that
/// was replaced could not be put back, and lies in the staging folder, which must stay.
bool put_back(const Staging& staging) noexcept;

/// A signal handler has begun to remove them: nothing new should be made.
[[nodiscard]] bool ending() noexcept;

/// Removes them all, the youngest first, within a fraction of a second. May be called by a signal
/// handler.
void remove_all() noexcept;

}  // namespace splitcast::storage::unfinished
