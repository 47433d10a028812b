#include "h5/file_copy.hpp"

#include "h5/types.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace splitcast::h5 {

namespace {

/// Chunks as they are stored, and other elements in the order in which they come.
class FileConsumer final : public Consumer {
public:
    FileConsumer(Handle dataset, Item item)
        : dataset_(std::move(dataset)),
          item_(std::move(item)),
          type_(H5Dget_type(dataset_), H5Tclose, "cannot see the type", Status::destination) {}

    void take(std::span<const std::byte> batch) override {
        switch (item_.way) {
            case Way::inside: return;
            case Way::chunks: take_chunks(batch); return;
            case Way::elements: write(batch.data(), batch.size() / item_.element); return;
            case Way::images: take_image(batch); return;
        }
    }

private:
    void take_chunks(std::span<const std::byte> batch) {
        const auto table = decode_table(batch);
        if (!table) throw Failure(Error{Status::integrity, item_.path + ": a batch is broken"});
        const Handle properties(H5Dget_create_plist(dataset_), H5Pclose, "cannot see properties");
        Lengths chunk(item_.dims.size());
        check(H5Pget_chunk(properties, static_cast<int>(chunk.size()),
                           reinterpret_cast<hsize_t*>(chunk.data())),
              "cannot see the chunks' shape");
        const ChunkGrid grid(item_.dims, chunk);
        std::size_t at = table_bytes(table->size());
        for (const ChunkEntry& entry : *table) {
            const Lengths offset = grid.offset(entry.number);
            const auto stored = batch.subspan(at, static_cast<std::size_t>(entry.bytes));
            at += stored.size();
            check(H5Dwrite_chunk(dataset_, H5P_DEFAULT, entry.mask, raw(offset), stored.size(),
                                 stored.data()),
                  item_.path + ": cannot write a chunk", Status::destination);
        }
    }

    void take_image(std::span<const std::byte> batch) {
        const Handle file = open_image(batch.data(), batch.size());
        const Handle set(H5Dopen2(file, "batch", H5P_DEFAULT), H5Dclose, "a batch is broken",
                         Status::integrity);
        const Handle space(H5Dget_space(set), H5Sclose, "cannot see the shape");
        Elements values(type_, static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space)));
        check(H5Dread(set, type_, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
              item_.path + ": cannot read a batch", Status::integrity);
        write(values.data(), values.count());
    }

    void write(const void* data, std::uint64_t count) {
        const Box box = box_at(item_.dims, taken_, count);
        if (volume(box.count) != count)
            throw Failure(Error{Status::integrity, item_.path + ": a batch is no box"});
        const Handle part(H5Dget_space(dataset_), H5Sclose, "cannot see the shape");
        select(part, box);
        check(H5Dwrite(dataset_, type_, simple_space({count}), part, H5P_DEFAULT, data),
              item_.path + ": cannot write elements", Status::destination);
        taken_ += count;
    }

    Handle dataset_;
    Item item_;
    Handle type_;
    std::uint64_t taken_ = 0;
};

storage::StagedFile new_file(const std::string& path, bool force) {
    // HDF5 wants to know the name of what it opens, so there is one.
    auto file = storage::StagedFile::create(path, 0, {.replace = force, .named = true});
    if (!file) throw Failure(file.error());
    return std::move(*file);
}

}  // namespace

FileCopy::FileCopy(const std::string& path, bool force, const Bytes& image)
    : staged_(new_file(path, force)) {
    if (const int code = storage::write_whole(staged_.descriptor(), image, 0); code != 0)
        throw Failure(storage::system_error(Status::destination, path, "cannot write", code));
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot make properties");
    H5Pset_file_locking(access, true, true);
    file_ = Handle(H5Fopen(handle_name().c_str(), H5F_ACC_RDWR, access), H5Fclose,
                   path + ": cannot open it as an HDF5 file", Status::destination);
}

/// Leads to the file, whatever its name is, and whatever becomes of the folders on the way to it.
std::string FileCopy::handle_name() const {
    return fmt::format("/proc/self/fd/{}", staged_.descriptor());
}

std::unique_ptr<Consumer> FileCopy::consumer(const Item& item) const {
    if (item.way == Way::inside) return nullptr;
    Handle dataset(H5Dopen2(file_, item.path.c_str(), H5P_DEFAULT), H5Dclose,
                   item.path + ": it is not in the copy", Status::destination);
    return std::make_unique<FileConsumer>(std::move(dataset), item);
}

void FileCopy::complete() {
    file_.close(staged_.path() + ": cannot complete the file", Status::destination);
}

Handle FileCopy::reopen() const {
    return {H5Fopen(handle_name().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose,
            staged_.path() + ": cannot open the copy", Status::destination};
}

}  // namespace splitcast::h5
