#include "storage/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <limits>
#include <optional>

namespace splitcast::storage {

namespace {

constexpr std::size_t longest_name = NAME_MAX;
constexpr std::size_t longest_target = PATH_MAX;
constexpr std::size_t longest_value = 65536;  // XATTR_SIZE_MAX
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

/// Numbers in seven bits a byte, the lowest first; texts behind their length.
class Writer {
public:
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7U) put(0x80U | (value & 0x7fU));
        put(value);
    }
    /// Small numbers are short whatever their sign.
    void number_with_sign(std::int64_t value) {
        number((static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63));
    }
    void text(const std::string& text) {
        number(text.size());
        const auto bytes = std::as_bytes(std::span(text));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    void time(const Timestamp& time) {
        number_with_sign(time.seconds);
        number(time.nanoseconds);
    }
    std::vector<std::byte> take() { return std::move(bytes_); }

private:
    void put(std::uint64_t byte) { bytes_.push_back(static_cast<std::byte>(byte & 0xffU)); }
    std::vector<std::byte> bytes_;
};

/// After the first thing that is wrong everything is zero and empty.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size(); }
    void refuse() {
        good_ = false;
        bytes_ = {};
    }

    std::uint64_t number(std::uint64_t limit) {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (bytes_.empty()) break;
            const auto byte = std::to_integer<std::uint64_t>(bytes_.front());
            bytes_ = bytes_.subspan(1);
            if (shift == 63 && byte > 1) break;
            value |= (byte & 0x7fU) << shift;
            if (byte < 0x80) {
                if (value <= limit) return value;
                break;
            }
        }
        refuse();
        return 0;
    }
    std::int64_t length(std::int64_t limit = most) {
        return static_cast<std::int64_t>(number(static_cast<std::uint64_t>(limit)));
    }
    std::uint32_t small(std::uint32_t limit = UINT32_MAX) {
        return static_cast<std::uint32_t>(number(limit));
    }
    std::int64_t number_with_sign() {
        const std::uint64_t value = number(UINT64_MAX);
        return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
    }
    std::string text(std::size_t limit) {
        const auto size = static_cast<std::size_t>(number(limit));
        if (size > bytes_.size()) {
            refuse();
            return {};
        }
        const auto* begin = reinterpret_cast<const char*>(bytes_.data());
        std::string text(begin, begin + size);
        bytes_ = bytes_.subspan(size);
        return text;
    }
    /// How many things follow of which each has at least `least` bytes.
    std::size_t count(std::size_t least) {
        return static_cast<std::size_t>(number(left() / least));
    }
    Timestamp time() {
        Timestamp time;
        time.seconds = number_with_sign();
        time.nanoseconds = small(999'999'999);
        return time;
    }

private:
    std::span<const std::byte> bytes_;
    bool good_ = true;
};

void write_extents(Writer& writer, const Entry& entry) {
    // Few files have holes: one number for the others.
    writer.number(entry.sparse() ? entry.extents.size() + 1 : 0);
    if (!entry.sparse()) return;
    std::int64_t end = 0;
    for (const Extent& extent : entry.extents) {
        writer.number(static_cast<std::uint64_t>(extent.offset - end));
        writer.number(static_cast<std::uint64_t>(extent.length));
        end = extent.offset + extent.length;
    }
}

void read_extents(Reader& reader, Entry& entry) {
    const auto count = static_cast<std::size_t>(reader.number(reader.left() / 2 + 1));
    if (count == 0) {
        if (entry.size > 0) entry.extents.push_back({0, entry.size});
        return;
    }
    std::int64_t end = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        Extent extent;
        extent.offset = end + reader.length(entry.size - end);
        extent.length = reader.length(entry.size - extent.offset);
        if (extent.length == 0) reader.refuse();
        if (!reader.good()) return;
        end = extent.offset + extent.length;
        entry.extents.push_back(extent);
    }
    if (!entry.sparse()) reader.refuse();  // each file has one encoding only
}

void write_entry(Writer& writer, const Entry& entry, Encoding encoding) {
    writer.number(static_cast<std::uint64_t>(entry.kind));
    writer.number(static_cast<std::uint64_t>(std::int64_t{entry.parent} + 1));
    writer.text(entry.name);
    if (entry.kind == Kind::twin) {
        writer.number(static_cast<std::uint64_t>(entry.twin_of));
        return;
    }
    writer.number(entry.mode);
    writer.number(entry.owner);
    writer.number(entry.group);
    writer.time(entry.modified);
    if (encoding == Encoding::complete) writer.time(entry.accessed);
    writer.number(entry.attributes.size());
    for (const Attribute& attribute : entry.attributes) {
        writer.text(attribute.name);
        writer.text(attribute.value);
    }
    if (entry.kind == Kind::link) writer.text(entry.target);
    if (entry.kind != Kind::file) return;
    writer.number(static_cast<std::uint64_t>(entry.size));
    write_extents(writer, entry);
}

Entry read_entry(Reader& reader, std::size_t index) {
    Entry entry;
    entry.kind = static_cast<Kind>(reader.small(static_cast<std::uint32_t>(Kind::pipe)));
    entry.parent = static_cast<std::int32_t>(reader.number(index)) - 1;
    entry.name = reader.text(longest_name);
    if (entry.kind == Kind::twin) {
        if (index == 0) reader.refuse();
        entry.twin_of = static_cast<std::int32_t>(reader.number(index == 0 ? 0 : index - 1));
        return entry;
    }
    entry.mode = reader.small(07777);
    entry.owner = reader.small();
    entry.group = reader.small();
    entry.modified = reader.time();
    entry.accessed = reader.time();
    for (std::size_t left = reader.count(2); left > 0 && reader.good(); --left) {
        Attribute attribute;
        attribute.name = reader.text(longest_name);
        attribute.value = reader.text(longest_value);
        if (attribute.name.empty() || attribute.name.find('\0') != std::string::npos)
            reader.refuse();
        entry.attributes.push_back(std::move(attribute));
    }
    if (entry.kind == Kind::link) {
        entry.target = reader.text(longest_target);
        if (entry.target.empty() || entry.target.find('\0') != std::string::npos) reader.refuse();
    }
    if (entry.kind == Kind::file) {
        entry.size = reader.length();
        read_extents(reader, entry);
    }
    return entry;
}

bool one_part(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\0') == std::string::npos;
}

/// What cannot be seen of an entry by itself.
class Soundness {
public:
    /// What is wrong with the next entry; empty if nothing is.
    std::string_view check(const std::vector<Entry>& entries, const Entry& entry) {
        last_child_.push_back(-1);
        depth_.push_back(entry.parent < 0 ? 0 : depth_[static_cast<std::size_t>(entry.parent)] + 1);
        if (depth_.back() > deepest) return "folders are nested too deep";
        if (!one_part(entry.name)) return "a name is not one part of a path";
        if (entry.parent < 0) {
            if (entry.name != std::to_string(items_++)) return "an item is out of order";
        } else {
            const auto parent = static_cast<std::size_t>(entry.parent);
            if (entries[parent].kind != Kind::folder) return "an entry lies in what is no folder";
            std::int32_t& last = last_child_[parent];
            // Ascending names are different names.
            if (last >= 0 && entries[static_cast<std::size_t>(last)].name >= entry.name)
                return "names are not in order";
            last = static_cast<std::int32_t>(entries.size());
        }
        if (entry.kind == Kind::twin &&
            entries[static_cast<std::size_t>(entry.twin_of)].kind != Kind::file)
            return "a hard link is of what is no file";
        if (entry.size > most - bytes_) return "the sizes add up to more than there can be";
        bytes_ += entry.size;
        return {};
    }

private:
    std::vector<std::int32_t> last_child_;
    std::vector<int> depth_;
    int items_ = 0;
    std::int64_t bytes_ = 0;
};

Error unsound(std::string_view what) {
    return {Status::integrity, fmt::format("the catalogue of the copy is damaged: {}", what)};
}

}  // namespace

bool Entry::sparse() const {
    if (size == 0) return false;
    return extents.size() != 1 || extents.front() != Extent{0, size};
}

int Catalogue::items() const {
    return static_cast<int>(
        std::ranges::count_if(entries, [](const Entry& entry) { return entry.parent < 0; }));
}

std::string Catalogue::path(std::int32_t index) const {
    const Entry& entry = entries[static_cast<std::size_t>(index)];
    if (entry.parent < 0) return {};
    const std::string folder = path(entry.parent);
    return folder.empty() ? entry.name : folder + "/" + entry.name;
}

int Catalogue::item(std::int32_t index) const {
    const Entry* entry = &entries[static_cast<std::size_t>(index)];
    while (entry->parent >= 0) entry = &entries[static_cast<std::size_t>(entry->parent)];
    return std::stoi(entry->name);
}

CatalogueTotals totals(const Catalogue& catalogue) {
    CatalogueTotals totals;
    for (const Entry& entry : catalogue.entries) {
        ++totals.entries;
        if (entry.kind == Kind::folder) ++totals.folders;
        if (entry.kind != Kind::file) continue;
        ++totals.files;
        totals.bytes += entry.size;
        totals.largest = std::max(totals.largest, entry.size);
        for (const Extent& extent : entry.extents) totals.data += extent.length;
    }
    return totals;
}

std::vector<std::byte> encode(const Catalogue& catalogue, Encoding encoding) {
    Writer writer;
    writer.number(catalogue.entries.size());
    for (const Entry& entry : catalogue.entries) write_entry(writer, entry, encoding);
    return writer.take();
}

Result<Catalogue> decode(std::span<const std::byte> bytes) {
    Reader reader(bytes);
    constexpr std::size_t least = 4;  // bytes of an entry
    const std::size_t count = reader.count(least);
    if (count > static_cast<std::size_t>(INT32_MAX)) return unsound("it has too many entries");
    Catalogue catalogue;
    Soundness soundness;
    for (std::size_t index = 0; index < count; ++index) {
        Entry entry = read_entry(reader, index);
        if (!reader.good()) break;
        if (const auto wrong = soundness.check(catalogue.entries, entry); !wrong.empty())
            return unsound(wrong);
        catalogue.entries.push_back(std::move(entry));
    }
    if (!reader.good() || reader.left() > 0) return unsound("it is too short, or out of shape");
    return catalogue;
}

}  // namespace splitcast::storage
