#pragma once

#include "splitcast/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace splitcast::storage {

/// A stretch of a file that is not a hole.
struct Extent {
    std::int64_t offset = 0;
    std::int64_t length = 0;
    friend bool operator==(const Extent&, const Extent&) = default;
};

/// An extended attribute.
struct Attribute {
    std::string name;
    std::string value;
    friend bool operator==(const Attribute&, const Attribute&) = default;
};

struct Timestamp {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

enum class Kind : std::uint8_t {
    folder = 0,
    file = 1,
    twin = 2,  ///< a further name of a file that came before (a hard link)
    link = 3,  ///< a symbolic link
    pipe = 4,  ///< a named pipe
};

/// One thing that is to be made. What it lies in comes before it.
struct Entry {
    Kind kind = Kind::file;
    std::int32_t parent = -1;  ///< index of its folder; -1: it is one of the items, below
    std::string name;          ///< one part of a path; of the k-th item simply "k"
    std::uint32_t mode = 0;    ///< with the special bits
    std::uint32_t owner = 0;
    std::uint32_t group = 0;
    Timestamp modified = {};
    Timestamp accessed = {};
    std::vector<Attribute> attributes = {};

    std::int64_t size = 0;             ///< of files
    std::vector<Extent> extents = {};  ///< of files: all that is not a hole, ascending
    std::int32_t twin_of = -1;         ///< of twins: index of the file
    std::string target = {};           ///< of symbolic links
    friend bool operator==(const Entry&, const Entry&) = default;

    [[nodiscard]] bool sparse() const;
};

/// Folders within each other, in one item.
constexpr int deepest = 1000;

/// What a copy consists of: the items, which are what the user named, and all that is in them. It
/// is made by who reads and is all that writers know of the source.
///
/// A catalogue that was decoded is sound: an entry's parent is a folder that comes before it, names
/// are single parts of paths (so that nothing can lead out of the copy), siblings have different
/// names, extents lie within their files, and no sum overflows.
struct Catalogue {
    std::vector<Entry> entries;

    [[nodiscard]] int items() const;
    /// "sub/file": below the item that it is in; empty for the item itself.
    [[nodiscard]] std::string path(std::int32_t index) const;
    /// Which item it is in.
    [[nodiscard]] int item(std::int32_t index) const;

    friend bool operator==(const Catalogue&, const Catalogue&) = default;
};

/// What a catalogue comes to.
struct CatalogueTotals {
    std::int64_t files = 0;
    std::int64_t folders = 0;
    std::int64_t entries = 0;
    std::int64_t bytes = 0;    ///< holes and all
    std::int64_t data = 0;     ///< without holes: the length of the stream
    std::int64_t largest = 0;  ///< of the sizes
    friend bool operator==(const CatalogueTotals&, const CatalogueTotals&) = default;
};
[[nodiscard]] CatalogueTotals totals(const Catalogue& catalogue);

enum class Encoding : std::uint8_t {
    complete,
    comparable,  ///< the same wherever the same things lie: without times of access
};
[[nodiscard]] std::vector<std::byte> encode(const Catalogue& catalogue,
                                            Encoding encoding = Encoding::complete);

/// Status::integrity for bytes that are no sound catalogue, whoever made them.
[[nodiscard]] Result<Catalogue> decode(std::span<const std::byte> bytes);

}  // namespace splitcast::storage
