#include "storage/mapped_memory.hpp"

#include "storage/posix.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace splitcast::storage {

namespace {

Error failure(std::string_view what, int code) {
    const bool memory = code == ENOSPC || code == ENOMEM || code == EFBIG;
    return {memory ? Status::memory : Status::internal,
            fmt::format("{}: {}", what, std::system_category().message(code))};
}

Error no_room(std::size_t length, std::string_view what, int code) {
    return failure(
        fmt::format("cannot have {} of {}", size_text(static_cast<std::int64_t>(length)), what),
        code);
}

constexpr std::string_view shared = "shared memory (see df /dev/shm)";

}  // namespace

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), length_(std::exchange(other.length_, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(length_, other.length_);
    return *this;
}

MappedMemory::~MappedMemory() {
    if (data_ != nullptr) ::munmap(data_, length_);
}

Result<MappedMemory> MappedMemory::own(std::size_t length) {
    MappedMemory memory;
    // There is no mapping of nothing, but there is memory of no bytes.
    const std::size_t least = std::max<std::size_t>(length, 1);
    void* data = ::mmap(nullptr, least, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return no_room(length, "memory", errno);
    ::madvise(data, least, MADV_HUGEPAGE);  // only advice: a refusal changes nothing
    memory.data_ = data;
    memory.length_ = least;
    return memory;
}

Result<MappedMemory> MappedMemory::make_shared(const std::string& name, std::size_t length) {
    const std::size_t least = std::max<std::size_t>(length, 1);
    const Descriptor file(
        ::shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) return failure("cannot make shared memory", errno);
    int code = ::posix_fallocate(file.get(), 0, static_cast<off_t>(least));
    void* data = MAP_FAILED;
    if (code == 0) {
        data = ::mmap(nullptr, least, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
        code = errno;
    }
    if (data == MAP_FAILED) {
        remove_name(name);
        return no_room(length, shared, code);
    }
    MappedMemory memory;
    memory.data_ = data;
    memory.length_ = least;
    return memory;
}

Result<MappedMemory> MappedMemory::open_shared(const std::string& name, std::size_t length) {
    const std::size_t least = std::max<std::size_t>(length, 1);
    const Descriptor file(::shm_open(name.c_str(), O_RDONLY | O_CLOEXEC, 0));
    if (!file) return failure("cannot open the shared memory of this node", errno);
    void* data = ::mmap(nullptr, least, PROT_READ, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) return no_room(length, shared, errno);
    MappedMemory memory;
    memory.data_ = data;
    memory.length_ = least;
    return memory;
}

void MappedMemory::remove_name(const std::string& name) { ::shm_unlink(name.c_str()); }

Result<void> MappedMemory::protect() {
    if (data_ != nullptr && ::mprotect(data_, length_, PROT_READ) != 0)
        return failure("cannot protect shared memory", errno);
    return {};
}

void MappedMemory::abandon() {
    data_ = nullptr;
    length_ = 0;
}

}  // namespace splitcast::storage
