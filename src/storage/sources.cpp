#include "storage/sources.hpp"

#include "storage/attributes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <optional>
#include <utility>

namespace splitcast::storage {

namespace {

/// May it have holes? Compressed files have few blocks, too, and then it turns out that there are
/// none.
bool may_have_holes(const struct stat& facts) { return facts.st_blocks * 512 < facts.st_size; }

/// Where the data are; everything, where the file system does not tell.
std::vector<Extent> extents_of(int file, std::int64_t size) {
    std::vector<Extent> extents;
    for (std::int64_t at = 0; at < size;) {
        const off_t begin = ::lseek(file, at, SEEK_DATA);
        if (begin < 0 && errno == ENXIO) break;  // only a hole is left
        if (begin < 0) return {{0, size}};
        off_t end = ::lseek(file, begin, SEEK_HOLE);
        if (end < 0 || end > size) end = size;
        if (begin >= end) break;
        extents.push_back({begin, end - begin});
        at = end;
    }
    return extents;
}

class Walk {
public:
    explicit Walk(bool with_attributes) : with_attributes_(with_attributes) {}

    Result<Sources> run(const std::vector<std::string>& paths) {
        for (const std::string& path : paths) {
            if (auto added = add_item(path); !added) return added.error();
        }
        return std::move(sources_);
    }

private:
    Error failure(const std::string& path, std::string_view what, int code) const {
        return system_error(Status::source, path, what, code);
    }

    std::vector<Entry>& entries() { return sources_.catalogue.entries; }

    Result<void> add_item(const std::string& path) {
        first_names_.clear();  // a hard link between items is none: they may go different ways
        struct stat facts{};
        if (::stat(path.c_str(), &facts) != 0)
            return failure(path, "cannot open the source", errno);
        if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
            return plain_error(Status::source, path,
                               "the source is not a regular file, and no folder either");
        }
        const std::string name = std::to_string(sources_.places.size());
        sources_.places.push_back({path, AT_FDCWD, path, true});
        sources_.identities.push_back(identity(facts));
        FolderCursor cursor(sources_.catalogue, sources_.places);
        return add(cursor, -1, name, 0, facts);
    }

    /// An entry, and if it is a folder all that is in it.
    Result<void> add(FolderCursor& cursor, std::int32_t parent, const std::string& name, int depth,
                     const struct stat& facts) {
        const auto index = static_cast<std::int32_t>(entries().size());
        if (index == INT32_MAX)
            return plain_error(Status::source, name, "there are too many files");
        Entry entry{.parent = parent, .name = name};
        entry.mode = facts.st_mode & 07777U;
        entry.owner = facts.st_uid;
        entry.group = facts.st_gid;
        entry.modified = timestamp(facts.st_mtim);
        entry.accessed = timestamp(facts.st_atim);
        entries().push_back(entry);
        if (auto known = describe(cursor, index, facts); !known) return known;
        if (entries().back().kind != Kind::folder) return {};
        if (depth == deepest)
            return plain_error(Status::source, cursor.shown(index), "folders are nested too deep");
        return add_content(cursor, index, depth + 1);
    }

    Result<void> describe(FolderCursor& cursor, std::int32_t index, const struct stat& facts) {
        Entry& entry = entries().back();
        const auto where = cursor.where(index);
        if (!cursor.good(where))
            return failure(cursor.shown(index), "cannot open its folder", errno);
        if (with_attributes_) entry.attributes = attributes_at(where);
        if (S_ISDIR(facts.st_mode)) {
            entry.kind = Kind::folder;
        } else if (S_ISREG(facts.st_mode)) {
            return describe_file(cursor, where, index, facts);
        } else if (S_ISLNK(facts.st_mode)) {
            entry.kind = Kind::link;
            std::array<char, PATH_MAX> target{};
            const ssize_t length =
                ::readlinkat(where.folder, where.name, target.data(), target.size());
            if (length <= 0)
                return failure(cursor.shown(index), "cannot read the symbolic link", errno);
            entry.target.assign(target.data(), static_cast<std::size_t>(length));
        } else if (S_ISFIFO(facts.st_mode)) {
            entry.kind = Kind::pipe;
        } else {
            return plain_error(Status::source, cursor.shown(index),
                               S_ISSOCK(facts.st_mode) ? "a socket cannot be copied"
                                                       : "a device cannot be copied");
        }
        return {};
    }

    static std::vector<Attribute> attributes_at(const FolderCursor::Where& where) {
        if (!where.follow) return attributes_of(where.folder, where.name);
        std::array<char, PATH_MAX> real{};
        const bool resolved = ::realpath(where.name, real.data()) != nullptr;
        return attributes_of(AT_FDCWD, resolved ? real.data() : where.name);
    }

    Result<void> describe_file(FolderCursor& cursor, const FolderCursor::Where& where,
                               std::int32_t index, const struct stat& facts) {
        Entry& entry = entries().back();
        if (facts.st_nlink > 1) {
            const auto [first, is_first] =
                first_names_.try_emplace({facts.st_dev, facts.st_ino}, index);
            if (!is_first) {
                entry = {.kind = Kind::twin, .parent = entry.parent, .name = entry.name};
                entry.twin_of = first->second;
                return {};
            }
        }
        entry.size = facts.st_size;
        if (entry.size > 0) entry.extents = {{0, entry.size}};
        if (!may_have_holes(facts)) {
            // Known now, and not when half of the copy is done.
            if (::faccessat(where.folder, where.name, R_OK, AT_EACCESS) == 0) return {};
            return failure(cursor.shown(index), "cannot read the file", errno);
        }
        const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (where.follow ? 0 : O_NOFOLLOW);
        const Descriptor file(retry([&] { return ::openat(where.folder, where.name, flags); }));
        if (!file) return failure(cursor.shown(index), "cannot read the file", errno);
        entry.extents = extents_of(file.get(), entry.size);
        return {};
    }

    Result<void> add_content(FolderCursor& cursor, std::int32_t folder, int depth) {
        auto names = names_in(cursor, folder);
        if (!names) return names.error();
        for (const std::string& name : *names) {
            struct stat facts{};
            const int at = cursor.folder(folder);
            if (at < 0 || ::fstatat(at, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
                const int code = errno;
                return failure(cursor.shown(folder) + "/" + name, "cannot examine the file", code);
            }
            if (auto added = add(cursor, folder, name, depth, facts); !added) return added;
        }
        return {};
    }

    Result<std::vector<std::string>> names_in(FolderCursor& cursor, std::int32_t folder) const {
        const int at = cursor.folder(folder);
        Descriptor own;
        if (at >= 0)
            own = Descriptor(
                retry([&] { return ::openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
        DIR* stream = own ? ::fdopendir(own.get()) : nullptr;
        if (stream == nullptr)
            return failure(cursor.shown(folder), "cannot open the folder", errno);
        static_cast<void>(own.release());
        std::vector<std::string> names;
        errno = 0;
        while (const dirent* entry = ::readdir(stream)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..") names.push_back(name);
        }
        const int code = errno;
        ::closedir(stream);
        if (code != 0) return failure(cursor.shown(folder), "cannot read the folder", code);
        std::ranges::sort(names);
        return names;
    }

    bool with_attributes_;
    Sources sources_;
    std::map<std::pair<dev_t, ino_t>, std::int32_t> first_names_;
};

}  // namespace

Result<Sources> walk(const std::vector<std::string>& paths, bool with_attributes) {
    return Walk(with_attributes).run(paths);
}

bool is_plain_file(const std::string& path) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) return true;  // who opens it will say what is wrong
    if (S_ISDIR(facts.st_mode)) return false;
    if (!S_ISREG(facts.st_mode) || !may_have_holes(facts)) return true;
    const Descriptor file(
        retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    return !file ||
           extents_of(file.get(), facts.st_size) == std::vector<Extent>{{0, facts.st_size}};
}

}  // namespace splitcast::storage
