#include "h5/source_file.hpp"

#include "h5/copying.hpp"
#include "h5/types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace splitcast::h5 {

namespace {

// Datasets up to this size, together up to that one, travel with the description: a message of
// their own would take longer.
constexpr std::uint64_t small_dataset = 64 << 10;
constexpr std::uint64_t all_small_datasets = 4 << 20;

Handle open_file(const std::string& name) {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot make properties");
    // A file system without locks is no reason not to read.
    H5Pset_file_locking(access, true, true);
    return {H5Fopen(name.c_str(), H5F_ACC_RDONLY, access), H5Fclose,
            name + ": cannot open it as an HDF5 file"};
}

Handle open_dataset(hid_t file, const std::string& path) {
    return {H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose,
            path + ": cannot open the dataset"};
}

/// "one for each dimension", or the default if none is given.
Lengths per_dimension(const std::vector<hsize_t>& given, std::size_t rank, const char* name) {
    Lengths ones(rank, 1);
    if (given.empty()) return ones;
    if (given.size() != rank) {
        throw Failure(Error{Status::argument,
                            fmt::format("the hyperslab's {} has {} numbers for {} dimensions", name,
                                        given.size(), rank)});
    }
    return {given.begin(), given.end()};
}

std::vector<Comb> combs_of(const Selection& selection, const Lengths& dims) {
    if (selection.start.empty() && selection.count.empty()) return {};
    if (dims.empty())
        throw Failure(
            Error{Status::argument, "there are no parts of a dataset without dimensions"});
    const Lengths start = per_dimension(selection.start, dims.size(), "start");
    const Lengths count = per_dimension(selection.count, dims.size(), "count");
    const Lengths stride = per_dimension(selection.stride, dims.size(), "stride");
    const Lengths block = per_dimension(selection.block, dims.size(), "block");
    std::vector<Comb> combs;
    for (std::size_t d = 0; d < dims.size(); ++d) {
        combs.push_back({start[d], stride[d], count[d], block[d]});
        // One block as long as it is: stride says nothing then, and HDF5 must not object to it.
        if (combs[d].count == 1) combs[d].stride = std::max(combs[d].stride, combs[d].block);
    }
    return combs;
}

struct ChunkList {
    struct Found {
        haddr_t address;
        ChunkEntry entry;
    };
    const ChunkGrid* grid;
    const std::vector<Comb>* selection;
    std::vector<Found> found;
};

extern "C" int add_chunk(const hsize_t* offset, unsigned mask, haddr_t address, hsize_t bytes,
                         void* data) {
    auto* list = static_cast<ChunkList*>(data);
    const std::size_t rank = list->grid->offset(0).size();
    const Lengths at(offset, offset + rank);
    const std::uint64_t number = list->grid->number(at);
    if (list->grid->touches(*list->selection, number))
        list->found.push_back({address, {number, bytes, mask}});
    return H5_ITER_CONT;
}

ChunkGrid grid_of(hid_t space, hid_t properties) {
    const Lengths dims = dims_of(space);
    Lengths chunk(dims.size());
    check(H5Pget_chunk(properties, static_cast<int>(chunk.size()),
                       reinterpret_cast<hsize_t*>(chunk.data())),
          "cannot see the chunks' shape");
    return {dims, chunk};
}

/// The part of a dataset that is selected, and within it a box: of elements as they are counted in
/// the selection.
Handle select_within(hid_t dataset, const Item& item, const Box& box) {
    Handle space(H5Dget_space(dataset), H5Sclose, "cannot see the shape");
    if (item.selection.empty()) {
        select(space, box);
        return space;
    }
    select(space, item.selection);
    const Handle all = simple_space(item.dims);
    const Handle part = simple_space(item.dims);
    select(part, box);
    return {H5Sselect_project_intersection(all, space, part), H5Sclose,
            "cannot select a part of the hyperslab"};
}

class ChunkProducer final : public Producer {
public:
    ChunkProducer(Handle dataset, const Item& item, const std::vector<ChunkEntry>& chunks,
                  std::uint64_t batch)
        : dataset_(std::move(dataset)),
          path_(item.path),
          left_(chunks),
          batch_(batch),
          grid_(make_grid()) {}

    std::uint64_t next() override {
        now_ = left_.first(batch_of(left_, batch_));
        left_ = left_.subspan(now_.size());
        if (now_.empty()) return 0;
        std::uint64_t bytes = table_bytes(now_.size());
        for (const ChunkEntry& chunk : now_) bytes += chunk.bytes;
        return bytes;
    }

    void fill(std::span<std::byte> batch) override {
        const Bytes table = encode_table(now_);
        std::ranges::copy(table, batch.begin());
        std::size_t at = table.size();
        for (const ChunkEntry& chunk : now_) {
            read(chunk, batch.subspan(at, static_cast<std::size_t>(chunk.bytes)));
            at += static_cast<std::size_t>(chunk.bytes);
        }
    }

private:
    [[nodiscard]] ChunkGrid make_grid() const {
        const Handle space(H5Dget_space(dataset_), H5Sclose, "cannot see the shape");
        const Handle properties(H5Dget_create_plist(dataset_), H5Pclose, "cannot see properties");
        return grid_of(space, properties);
    }

    void read(const ChunkEntry& chunk, std::span<std::byte> into) {
        const Lengths offset = grid_.offset(chunk.number);
        std::uint32_t mask = 0;
        hsize_t length = 0;
        check(H5Dget_chunk_storage_size(dataset_, raw(offset), &length),
              path_ + ": cannot find a chunk");
        if (length != chunk.bytes) {
            throw Failure(Error{Status::source, path_ + ": a chunk has changed meanwhile"});
        }
#if H5_VERSION_GE(2, 0, 0)
        std::size_t room = into.size();
        check(H5Dread_chunk2(dataset_, H5P_DEFAULT, raw(offset), &mask, into.data(), &room),
#else
        check(H5Dread_chunk(dataset_, H5P_DEFAULT, raw(offset), &mask, into.data()),
#endif
              fmt::format("{}: cannot read the chunk at ({})", path_, fmt::join(offset, ", ")));
    }

    Handle dataset_;
    std::string path_;
    std::span<const ChunkEntry> left_;
    std::span<const ChunkEntry> now_;
    std::uint64_t batch_;
    ChunkGrid grid_;
};

class ElementProducer final : public Producer {
public:
    ElementProducer(Handle dataset, Item item, std::uint64_t batch)
        : dataset_(std::move(dataset)),
          item_(std::move(item)),
          most_(std::max<std::uint64_t>(1, batch / item_.element)),
          type_(H5Dget_type(dataset_), H5Tclose, "cannot see the type") {}

    std::uint64_t next() override {
        if (position_ >= item_.elements()) return 0;
        box_ = box_at(item_.dims, position_, most_);
        position_ += volume(box_.count);
        return volume(box_.count) * item_.element;
    }

    void fill(std::span<std::byte> batch) override {
        const Handle part = select_within(dataset_, item_, box_);
        const Handle memory = simple_space({volume(box_.count)});
        check(H5Dread(dataset_, type_, memory, part, H5P_DEFAULT, batch.data()),
              item_.path + ": cannot read the dataset");
    }

private:
    Handle dataset_;
    Item item_;
    std::uint64_t most_;
    Handle type_;
    std::uint64_t position_ = 0;
    Box box_;
};

/// How many elements make a batch is learnt from the batches before.
class ImageProducer final : public Producer {
public:
    ImageProducer(Handle dataset, Item item, std::uint64_t batch)
        : dataset_(std::move(dataset)),
          item_(std::move(item)),
          batch_(batch),
          type_(H5Dget_type(dataset_), H5Tclose, "cannot see the type") {}

    std::uint64_t next() override {
        if (position_ >= item_.elements()) return 0;
        const Box box = box_at(item_.dims, position_, most_);
        const std::uint64_t count = volume(box.count);
        Elements values(type_, count);
        const Handle part = select_within(dataset_, item_, box);
        const Handle memory = simple_space({count});
        check(H5Dread(dataset_, type_, memory, part, H5P_DEFAULT, values.data()),
              item_.path + ": cannot read the dataset");
        const Handle file = new_memory_file();
        const Handle type(H5Tcopy(type_), H5Tclose, "cannot copy the type");
        Handle set(H5Dcreate2(file, "batch", type, memory, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                   H5Dclose, "cannot make a batch");
        check(H5Dwrite(set, type_, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
              "cannot write a batch");
        set.close("cannot write a batch", Status::source);
        image_ = image_of(file);
        position_ += count;
        const std::uint64_t each = std::max<std::uint64_t>(1, image_.size() / count);
        most_ = std::clamp<std::uint64_t>(batch_ / each, 1, 4 * most_);
        return image_.size();
    }

    void fill(std::span<std::byte> batch) override { std::ranges::copy(image_, batch.begin()); }

private:
    Handle dataset_;
    Item item_;
    std::uint64_t batch_;
    Handle type_;
    std::uint64_t position_ = 0;
    std::uint64_t most_ = 4096;
    Bytes image_;
};

/// Puts the elements of a small dataset into its copy.
void copy_elements(hid_t from, hid_t to) {
    const Handle type(H5Dget_type(from), H5Tclose, "cannot see the type");
    const Handle space(H5Dget_space(from), H5Sclose, "cannot see the shape");
    Elements values(type, static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space)));
    check(H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "cannot read it");
    check(H5Dwrite(to, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "cannot copy it");
}

bool fits_inside(hid_t dataset, std::uint64_t elements, bool variable, std::uint64_t bytes) {
    if (bytes > small_dataset) return false;
    if (!variable) return true;
    const Handle type(H5Dget_type(dataset), H5Tclose, "cannot see the type");
    const Handle space(H5Dget_space(dataset), H5Sclose, "cannot see the shape");
    hsize_t heap = 0;
    return elements <= 1024 && H5Dvlen_get_buf_size(dataset, type, space, &heap) >= 0 &&
           bytes + heap <= small_dataset;
}

}  // namespace

SourceFile::SourceFile(const std::string& name) : name_(name), file_(open_file(name)) {}

Description SourceFile::describe(const std::string& path, const Selection& selection,
                                 std::uint64_t batch) {
    Description description;
    description.path = path.empty() ? "/" : path.front() == '/' ? path : "/" + path;
    while (description.path.size() > 1 && description.path.back() == '/')
        description.path.pop_back();
    description.batch = std::max<std::uint64_t>(batch, 1);
    std::uint64_t room = all_small_datasets;
    const Handle image = new_file_like(file_);
    Copying copying(file_, image, [&](const std::string& where, hid_t from, hid_t to) {
        description.items.push_back(examine(where, from, to, selection, room));
    });
    copying.run(description.path);
    description.left_out = copying.left_out();
    description.image = image_of(image);
    return description;
}

Item SourceFile::examine(const std::string& path, hid_t from, hid_t to, const Selection& selection,
                         std::uint64_t& room) {
    const Handle type(H5Dget_type(from), H5Tclose, path + ": cannot see the type");
    const Handle space(H5Dget_space(from), H5Sclose, path + ": cannot see the shape");
    const Handle properties(H5Dget_create_plist(from), H5Pclose, path + ": cannot see properties");
    const Handle made(H5Dget_create_plist(to), H5Pclose, path + ": cannot see properties");
    Item item;
    item.path = path;
    item.element = H5Tget_size(type);
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        item.dims = {0};
        return item;
    }
    const Lengths dims = dims_of(space);
    item.selection = combs_of(selection, dims);
    select(space, item.selection);  // to hear what is wrong with it
    item.dims = dims;
    for (std::size_t d = 0; d < item.selection.size(); ++d)
        item.dims[d] = item.selection[d].length();

    const bool variable = has_variable_length(type);
    const H5D_layout_t layout = H5Pget_layout(properties);
    const std::uint64_t bytes = item.elements() * item.element;
    H5D_space_status_t allocated = H5D_SPACE_STATUS_ALLOCATED;
    check(H5Dget_space_status(from, &allocated), path + ": cannot examine the storage");
    const bool plain = layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0;
    if (item.elements() == 0) return item;
    if ((plain || layout == H5D_CHUNKED) && allocated == H5D_SPACE_STATUS_NOT_ALLOCATED) {
        item.sparse = true;
        return item;
    }
    if (layout == H5D_CHUNKED && !variable && same_filters(properties, made)) {
        examine_chunks(item, from, space, properties);
        return item;
    }
    item.stored = variable ? H5Dget_storage_size(from) : bytes;
    item.way = variable ? Way::images : Way::elements;
    const std::uint64_t whole = volume(dims) * item.element;
    if (layout == H5D_COMPACT ||
        (whole <= room && item.selection.empty() && layout != H5D_CHUNKED &&
         fits_inside(from, item.elements(), variable, bytes))) {
        copy_elements(from, to);
        room -= std::min(room, whole);
        item.way = Way::inside;
    }
    return item;
}

void SourceFile::examine_chunks(Item& item, hid_t from, hid_t space, hid_t properties) {
    const ChunkGrid grid = grid_of(space, properties);
    ChunkList list{&grid, &item.selection, {}};
    check(H5Dchunk_iter(from, H5P_DEFAULT, add_chunk, &list),
          item.path + ": cannot list its chunks");
    std::ranges::sort(list.found, {}, &ChunkList::Found::address);
    std::vector<ChunkEntry>& chunks = chunks_[item.path];
    chunks.clear();
    for (const auto& found : list.found) {
        chunks.push_back(found.entry);
        item.stored += found.entry.bytes;
    }
    item.way = Way::chunks;
    item.chunks = chunks.size();
    item.sparse = item.chunks < grid.touched(item.selection);
}

std::unique_ptr<Producer> SourceFile::producer(const Item& item, std::uint64_t batch) const {
    Handle dataset = open_dataset(file_, item.path);
    switch (item.way) {
        case Way::inside: return nullptr;
        case Way::chunks:
            return std::make_unique<ChunkProducer>(std::move(dataset), item, chunks_.at(item.path),
                                                   batch);
        case Way::elements:
            return std::make_unique<ElementProducer>(std::move(dataset), item, batch);
        case Way::images: return std::make_unique<ImageProducer>(std::move(dataset), item, batch);
    }
    return nullptr;
}

}  // namespace splitcast::h5
