#include "h5/description.hpp"

#include <tuple>

namespace splitcast::h5 {

namespace {

constexpr std::uint32_t version = 1;
constexpr std::uint64_t entry_bytes = 20;  // number, length, mask

void put(Writer& writer, const Item& item) {
    writer.put_text(item.path);
    writer.put(item.way);
    writer.put_list(item.dims);
    writer.put(item.element);
    writer.put(item.chunks);
    writer.put(item.stored);
    writer.put(item.sparse);
    Lengths combs;
    for (const Comb& comb : item.selection) {
        combs.insert(combs.end(), {comb.start, comb.stride, comb.count, comb.block});
    }
    writer.put_list(combs);
}

Item get_item(Reader& reader) {
    Item item;
    item.path = reader.get_text();
    item.way = reader.get<Way>();
    item.dims = reader.get_list();
    item.element = reader.get<std::uint64_t>();
    item.chunks = reader.get<std::uint64_t>();
    item.stored = reader.get<std::uint64_t>();
    item.sparse = reader.get<std::uint8_t>() != 0;
    const Lengths combs = reader.get_list();
    for (std::size_t i = 0; i + 4 <= combs.size(); i += 4) {
        item.selection.push_back({combs[i], combs[i + 1], combs[i + 2], combs[i + 3]});
    }
    return item;
}

auto fields(const Comb& comb) { return std::tie(comb.start, comb.stride, comb.count, comb.block); }

}  // namespace

std::string text(Way way) {
    switch (way) {
        case Way::inside: return "with the description";
        case Way::chunks: return "stored chunks";
        case Way::elements: return "elements";
        case Way::images: return "elements of variable length";
    }
    return "?";
}

bool operator==(const Item& a, const Item& b) {
    if (a.selection.size() != b.selection.size()) return false;
    for (std::size_t d = 0; d < a.selection.size(); ++d) {
        if (fields(a.selection[d]) != fields(b.selection[d])) return false;
    }
    return std::tie(a.path, a.way, a.dims, a.element, a.chunks, a.stored, a.sparse) ==
           std::tie(b.path, b.way, b.dims, b.element, b.chunks, b.stored, b.sparse);
}

Bytes encode(const Description& description) {
    Writer writer;
    writer.put(version);
    writer.put_text(description.path);
    writer.put(description.batch);
    writer.put_block(description.image);
    writer.put<std::uint64_t>(description.items.size());
    for (const Item& item : description.items) put(writer, item);
    writer.put<std::uint64_t>(description.left_out.size());
    for (const std::string& line : description.left_out) writer.put_text(line);
    return writer.take();
}

std::optional<Description> decode_description(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    if (reader.get<std::uint32_t>() != version) return std::nullopt;
    Description description;
    description.path = reader.get_text();
    description.batch = reader.get<std::uint64_t>();
    const auto image = reader.get_block();
    description.image.assign(image.begin(), image.end());
    for (auto left = reader.get<std::uint64_t>(); left > 0 && !reader.broken(); --left) {
        description.items.push_back(get_item(reader));
    }
    for (auto left = reader.get<std::uint64_t>(); left > 0 && !reader.broken(); --left) {
        description.left_out.push_back(reader.get_text());
    }
    if (reader.broken() || !reader.at_end()) return std::nullopt;
    return description;
}

std::uint64_t table_bytes(std::uint64_t chunks) {
    return sizeof(std::uint32_t) + chunks * entry_bytes;
}

Bytes encode_table(std::span<const ChunkEntry> chunks) {
    Writer writer;
    writer.put(static_cast<std::uint32_t>(chunks.size()));
    for (const ChunkEntry& chunk : chunks) {
        writer.put(chunk.number);
        writer.put(chunk.bytes);
        writer.put(chunk.mask);
    }
    return writer.take();
}

std::optional<std::vector<ChunkEntry>> decode_table(std::span<const std::byte> batch) {
    Reader reader(batch);
    const auto count = reader.get<std::uint32_t>();
    if (reader.broken() || reader.left() / entry_bytes < count) return std::nullopt;
    std::vector<ChunkEntry> chunks(count);
    std::uint64_t left = reader.left() - count * entry_bytes;
    for (ChunkEntry& chunk : chunks) {
        chunk.number = reader.get<std::uint64_t>();
        chunk.bytes = reader.get<std::uint64_t>();
        chunk.mask = reader.get<std::uint32_t>();
        if (chunk.bytes > left) return std::nullopt;
        left -= chunk.bytes;
    }
    if (left != 0) return std::nullopt;
    return chunks;
}

std::size_t batch_of(std::span<const ChunkEntry> chunks, std::uint64_t most) {
    std::uint64_t bytes = table_bytes(0);
    std::size_t count = 0;
    for (const ChunkEntry& chunk : chunks) {
        bytes += entry_bytes + chunk.bytes;
        if (count > 0 && bytes > most) break;
        ++count;
    }
    return count;
}

}  // namespace splitcast::h5
