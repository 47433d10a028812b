#pragma once

#include "storage/catalogue.hpp"
#include "storage/posix.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace splitcast::storage {

/// Where an item of a catalogue is on this host.
struct Place {
    std::string shown;    ///< its path in messages
    int folder = -1;      ///< descriptor of the folder that it lies in, or AT_FDCWD
    std::string name;     ///< in that folder, or a path if that is AT_FDCWD
    bool follow = false;  ///< through a symbolic link of that name
};

/// Opens what a catalogue names, part by part, and below the items never through a symbolic link:
/// whatever others put in the way, it does not lead out. One folder is open at a time.
class FolderCursor {
public:
    /// What is given belongs to the caller and must outlive this. Entries may be added meanwhile.
    FolderCursor(const Catalogue& catalogue, const std::vector<Place>& items)
        : catalogue_(&catalogue), items_(&items) {}

    /// A descriptor of the folder with this index, valid until the next call. If it cannot be
    /// opened the answer is negative, and errno says why.
    int folder(std::int32_t index);

    /// What names an entry in calls such as openat. Of an item it is its place.
    struct Where {
        int folder = -1;  ///< valid until the next call; negative and not AT_FDCWD: errno says why
        const char* name = nullptr;
        bool follow = false;
    };
    Where where(std::int32_t index);

    [[nodiscard]] bool good(const Where& where) const;

    /// The path of an entry, for messages.
    [[nodiscard]] std::string shown(std::int32_t index) const;

private:
    const Catalogue* catalogue_;
    const std::vector<Place>* items_;
    std::int32_t here_ = -1;
    Descriptor folder_;
};

}  // namespace splitcast::storage
