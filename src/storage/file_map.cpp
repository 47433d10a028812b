#include "storage/file_map.hpp"

#include "storage/posix.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace splitcast::storage {

namespace {

/// Puts memory of the process's own in the place of the file's. If the system had no room for that,
/// what is there would stay as it is, and there is nothing better.
void lay_over(std::span<std::byte> pages) {
    static_cast<void>(::mmap(pages.data(), pages.size(), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
}

}  // namespace

Result<std::unique_ptr<FileMap>> FileMap::create(int descriptor, std::int64_t length,
                                                 const std::string& path) {
    const auto size = static_cast<std::size_t>(length);
    void* const start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (start == MAP_FAILED) {
        return system_error(Status::destination, path,
                            "cannot map the file into memory, which a copy needs that is to "
                            "survive lost ranks (setting survive=off does without)",
                            errno);
    }
    std::unique_ptr<FileMap> map(new FileMap({static_cast<std::byte*>(start), size}, path));
    if (auto started = map->lane_.start(); !started) return started.error();
    return map;
}

FileMap::FileMap(std::span<std::byte> memory, std::string path)
    : memory_(memory),
      path_(std::move(path)),
      lane_([this](const Lane::Piece& piece) { return fetch(piece); }) {}

FileMap::~FileMap() {
    lane_.drain();
    if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

void FileMap::make_room(std::int64_t below) {
    if (below <= asked_) return;
    lane_.give({asked_, memory_.subspan(static_cast<std::size_t>(asked_),
                                        static_cast<std::size_t>(below - asked_))});
    asked_ = below;
}

Result<void> FileMap::fetch(const Lane::Piece& piece) const {
    constexpr std::int64_t page = 4096;  // or larger, which is as well
    const std::int64_t begin = piece.offset / page * page;
    const std::int64_t end = piece.offset + static_cast<std::int64_t>(piece.bytes.size());
    const auto populate = [&] {
        return ::madvise(memory_.data() + begin, static_cast<std::size_t>(end - begin),
                         MADV_POPULATE_WRITE);
    };
    if (retry(populate) == 0) return {};
    // Linux before 5.14 cannot; then pages are fetched when they are written to.
    if (errno == EINVAL) return {};
    const int code = errno == EFAULT ? ENOSPC : errno;
    // What is still to come must have some place: writing to this one would be a signal.
    lay_over(memory_.subspan(static_cast<std::size_t>(begin)));
    return system_error(Status::destination, path_, "cannot write", code);
}

void FileMap::detach() {
    lane_.drain();
    if (memory_.empty()) return;
    lay_over(memory_);
    memory_ = {};
}

}  // namespace splitcast::storage
