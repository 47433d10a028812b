#pragma once

#include "h5/bytes.hpp"
#include "h5/geometry.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace splitcast::h5 {

/// How the elements of a dataset travel.
enum class Way : std::uint8_t {
    inside,    ///< they are in the description already, or there are none but the fill value
    chunks,    ///< chunks as they are stored, with the filters applied
    elements,  ///< elements of fixed size, row by row, as they are in the file
    images,    ///< elements of variable length: each batch an HDF5 file of its own
};
[[nodiscard]] std::string text(Way way);

/// One dataset that is going to move.
struct Item {
    std::string path;
    Way way = Way::inside;
    Lengths dims;                 ///< of what is selected
    std::uint64_t element = 0;    ///< size in the file's type
    std::uint64_t chunks = 0;     ///< stored ones, with anything that is selected
    std::uint64_t stored = 0;     ///< bytes in the file that are to move
    bool sparse = false;          ///< chunks are missing: their elements have the fill value
    std::vector<Comb> selection;  ///< a comb for each dimension; none for everything

    [[nodiscard]] std::uint64_t elements() const { return volume(dims); }
    friend bool operator==(const Item&, const Item&);
};

/// All there is to know before any element moves. Its core is an HDF5 file of its own that holds
/// the objects, their types, shapes, properties, attributes and paths, but of the elements only the
/// few that are not worth a message.
struct Description {
    std::string path;  ///< that was asked for
    std::uint64_t batch = 0;
    Bytes image;
    std::vector<Item> items;
    std::vector<std::string> left_out;
};
[[nodiscard]] Bytes encode(const Description& description);
[[nodiscard]] std::optional<Description> decode_description(std::span<const std::byte> bytes);

/// A stored chunk under way.
struct ChunkEntry {
    std::uint64_t number = 0;  ///< in its ChunkGrid
    std::uint64_t bytes = 0;   ///< as stored
    std::uint32_t mask = 0;    ///< filters that were skipped, a bit for each
    friend bool operator==(const ChunkEntry&, const ChunkEntry&) = default;
};

/// A batch of chunks begins with their table; the chunks follow in its order.
[[nodiscard]] std::uint64_t table_bytes(std::uint64_t chunks);
[[nodiscard]] Bytes encode_table(std::span<const ChunkEntry> chunks);
/// None if the batch is not as long as its table says.
[[nodiscard]] std::optional<std::vector<ChunkEntry>> decode_table(std::span<const std::byte> batch);

/// How many of these chunks, from the first, make a batch of at most `most` bytes; at least one.
[[nodiscard]] std::size_t batch_of(std::span<const ChunkEntry> chunks, std::uint64_t most);

}  // namespace splitcast::h5
