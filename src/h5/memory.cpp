#include "h5/memory.hpp"

#include "h5/types.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace splitcast::h5 {

namespace {

Handle space_of(hid_t dataset) { return {H5Dget_space(dataset), H5Sclose, "cannot see the shape"}; }

Handle type_of(hid_t dataset) { return {H5Dget_type(dataset), H5Tclose, "cannot see the type"}; }

/// Decodes one chunk at a time: a dataset in memory that is one chunk long, with the filters of the
/// original. HDF5 takes the stored chunk as it is, and gives the elements.
class Decoder {
public:
    explicit Decoder(hid_t dataset)
        : properties_(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "cannot make properties"),
          type_(type_of(dataset)),
          chunk_(dims_of(space_of(dataset))) {
        const Handle given(H5Dget_create_plist(dataset), H5Pclose, "cannot see the filters");
        check(H5Pget_chunk(given, static_cast<int>(chunk_.size()),
                           reinterpret_cast<hsize_t*>(chunk_.data())),
              "cannot see the chunks' shape");
        unsigned options = 0;
        check(H5Pget_chunk_opts(given, &options), "cannot see the chunks' options");
        plain_edges_ = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
        check(H5Pset_chunk(properties_, static_cast<int>(chunk_.size()), raw(chunk_)),
              "cannot set the chunks' shape");
        copy_filters(given, properties_);
        copy_fill_value(given, properties_, type_);  // some filters look at it
        renew();
    }

    [[nodiscard]] const Lengths& chunk() const { return chunk_; }

    /// The elements of the chunk that `part` selects, to where `memory` says.
    void decode(std::span<const std::byte> stored, std::uint32_t mask, bool partial, hid_t part,
                hid_t type, hid_t memory, void* data) {
        if (partial && plain_edges_) mask = all_skipped;
        written_ += stored.size();
        // HDF5 does not take note of another mask when it overwrites a chunk of the same length.
        if (written_ > most_written || mask != mask_) renew();
        mask_ = mask;
        const Lengths origin(chunk_.size(), 0);
        check(
            H5Dwrite_chunk(dataset_, H5P_DEFAULT, mask, raw(origin), stored.size(), stored.data()),
            "cannot take a chunk", Status::integrity);
        // Nor, while the dataset is open, of a chunk's mask at all.
        if (mask != 0) reopen();
        check(H5Dread(dataset_, type, memory, part, H5P_DEFAULT, data), "cannot decode a chunk",
              Status::integrity);
    }

private:
    static constexpr std::uint32_t all_skipped = 0xffffffffU;
    // The file in memory does not give back what longer and longer chunks have left behind.
    static constexpr std::uint64_t most_written = 64 << 20;

    void renew() {
        dataset_ = {};
        file_ = {};
        file_ = new_memory_file();
        dataset_ = Handle(H5Dcreate2(file_, "chunk", type_, simple_space(chunk_), H5P_DEFAULT,
                                     properties_, H5P_DEFAULT),
                          H5Dclose, "cannot decode chunks with these filters");
        written_ = 0;
    }

    void reopen() {
        dataset_ = {};
        dataset_ = Handle(H5Dopen2(file_, "chunk", H5P_DEFAULT), H5Dclose, "cannot decode chunks");
    }

    Handle properties_;
    Handle type_;
    Lengths chunk_;
    bool plain_edges_ = false;
    std::uint64_t written_ = 0;
    std::uint32_t mask_ = 0;
    Handle file_;
    Handle dataset_;  // after the file: closed before it
};

class ChunkConsumer final : public Consumer {
public:
    ChunkConsumer(Item item, const Room& room)
        : item_(std::move(item)),
          room_(room),
          decoder_(room.dataset),
          dims_(dims_of(space_of(room.dataset))),
          grid_(dims_, decoder_.chunk()) {}

    void take(std::span<const std::byte> batch) override {
        const auto table = decode_table(batch);
        if (!table) throw Failure(Error{Status::integrity, item_.path + ": a batch is broken"});
        std::size_t at = table_bytes(table->size());
        for (const ChunkEntry& chunk : *table) {
            const auto stored = batch.subspan(at, static_cast<std::size_t>(chunk.bytes));
            at += stored.size();
            if (chunk.number >= grid_.chunks())
                throw Failure(Error{Status::integrity, item_.path + ": there is no such chunk"});
            take_chunk(chunk, stored);
        }
    }

private:
    void take_chunk(const ChunkEntry& chunk, std::span<const std::byte> stored) {
        const Box box = grid_.box(chunk.number);
        const bool partial = grid_.partial(chunk.number);
        const Handle part = simple_space(decoder_.chunk());
        Handle memory = simple_space(item_.dims);
        if (item_.selection.empty()) {
            select(part, Box{Lengths(box.start.size(), 0), box.count});
            select(memory, box);
        } else {
            memory = select_part(box, part, std::move(memory));
        }
        decoder_.decode(stored, chunk.mask, partial, part, room_.type, memory, room_.data);
    }

    /// What of the chunk is selected: in the chunk, and where that goes.
    [[nodiscard]] Handle select_part(const Box& box, hid_t part, Handle all) const {
        const Handle selected = simple_space(dims_);
        select(selected, item_.selection);
        const Handle chunk = simple_space(dims_);
        select(chunk, box);
        Handle memory(H5Sselect_project_intersection(selected, all, chunk), H5Sclose,
                      "cannot select a part of the hyperslab");
        select(selected, box, H5S_SELECT_AND);
        const std::vector<hssize_t> back(box.start.begin(), box.start.end());
        check(H5Sselect_adjust(selected, back.data()), "cannot select a part of a chunk");
        check(H5Sselect_copy(part, selected), "cannot select a part of a chunk");
        return memory;
    }

    Item item_;
    Room room_;
    Decoder decoder_;
    Lengths dims_;
    ChunkGrid grid_;
};

class ElementConsumer final : public Consumer {
public:
    ElementConsumer(Item item, const Room& room)
        : item_(std::move(item)),
          room_(room),
          type_(type_of(room.dataset)),
          same_(check(H5Tequal(type_, room.type), "cannot compare types") > 0),
          size_(H5Tget_size(room.type)) {}

    std::span<std::byte> place(std::uint64_t bytes) override {
        if (!same_) return {};
        const std::uint64_t from = std::exchange(placed_, placed_ + bytes);
        if (placed_ > item_.elements() * item_.element) return {};
        return {static_cast<std::byte*>(room_.data) + from, static_cast<std::size_t>(bytes)};
    }

    void take(std::span<const std::byte> batch) override {
        const std::uint64_t count = batch.size() / item_.element;
        if (taken_ + count > item_.elements() || batch.size() % item_.element != 0)
            throw Failure(Error{Status::integrity, item_.path + ": a batch is broken"});
        if (!same_) convert(batch, count);
        taken_ += count;
    }

private:
    // HDF5 converts in place, and what arrived may still be on its way to others.
    void convert(std::span<const std::byte> batch, std::uint64_t count) {
        const std::size_t each = std::max<std::size_t>(size_, item_.element);
        work_.resize(static_cast<std::size_t>(count) * each);
        background_.assign(static_cast<std::size_t>(count) * each, std::byte{0});
        std::ranges::copy(batch, work_.begin());
        check(H5Tconvert(type_, room_.type, static_cast<std::size_t>(count), work_.data(),
                         background_.data(), H5P_DEFAULT),
              item_.path + ": cannot convert to the type in memory", Status::argument);
        std::memcpy(static_cast<std::byte*>(room_.data) + taken_ * size_, work_.data(),
                    static_cast<std::size_t>(count) * size_);
    }

    Item item_;
    Room room_;
    Handle type_;
    bool same_;
    std::size_t size_;
    std::uint64_t placed_ = 0;  ///< bytes
    std::uint64_t taken_ = 0;   ///< elements
    Bytes work_;
    Bytes background_;
};

class ImageConsumer final : public Consumer {
public:
    ImageConsumer(Item item, const Room& room)
        : item_(std::move(item)), room_(room), size_(H5Tget_size(room.type)) {}

    void take(std::span<const std::byte> batch) override {
        const Handle file = open_image(batch.data(), batch.size());
        const Handle set(H5Dopen2(file, "batch", H5P_DEFAULT), H5Dclose, "a batch is broken",
                         Status::integrity);
        const auto count = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space_of(set)));
        if (count > item_.elements() - taken_)
            throw Failure(Error{Status::integrity, item_.path + ": a batch is too long"});
        check(H5Dread(set, room_.type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                      static_cast<std::byte*>(room_.data) + taken_ * size_),
              item_.path + ": cannot read a batch");
        taken_ += count;
    }

private:
    Item item_;
    Room room_;
    std::size_t size_;
    std::uint64_t taken_ = 0;
};

void fill(const Item& item, const Room& room) {
    const Handle properties(H5Dget_create_plist(room.dataset), H5Pclose, "cannot see properties");
    H5D_fill_value_t defined = H5D_FILL_VALUE_DEFAULT;
    check(H5Pfill_value_defined(properties, &defined), "cannot see the fill value");
    const std::size_t size = H5Tget_size(room.type);
    if (defined != H5D_FILL_VALUE_USER_DEFINED) {
        std::memset(room.data, 0, static_cast<std::size_t>(item.elements()) * size);
        return;
    }
    Bytes value(std::max(size, H5Tget_size(type_of(room.dataset))));
    check(H5Pget_fill_value(properties, room.type, value.data()), "cannot see the fill value");
    check(H5Dfill(value.data(), room.type, room.data, room.type, simple_space({item.elements()})),
          "cannot fill");
}

}  // namespace

void begin(const Item& item, const Room& room) {
    if (item.elements() == 0) return;
    if (item.way != Way::inside) {
        if (item.sparse) fill(item, room);
        return;
    }
    const Handle part = space_of(room.dataset);
    select(part, item.selection);
    check(H5Dread(room.dataset, room.type, simple_space(item.dims), part, H5P_DEFAULT, room.data),
          item.path + ": cannot read what came with the description");
}

std::unique_ptr<Consumer> memory_consumer(const Item& item, const Room& room) {
    switch (item.way) {
        case Way::inside: return nullptr;
        case Way::chunks: return std::make_unique<ChunkConsumer>(item, room);
        case Way::elements: return std::make_unique<ElementConsumer>(item, room);
        case Way::images: return std::make_unique<ImageConsumer>(item, room);
    }
    return nullptr;
}

}  // namespace splitcast::h5
