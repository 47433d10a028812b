#include "storage/marker.hpp"

#include "storage/unfinished.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace splitcast::storage {

namespace {

Descriptor open_folder(const std::string& folder) {
    return Descriptor(
        retry([&] { return ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
}

}  // namespace

Marker::Marker(const std::string& folder, std::string name)
    : name_(std::move(name)), folder_(open_folder(folder)) {
    if (!folder_) return;
    unfinished::add_file(folder_.get(), name_);
    constexpr int flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC;
    const Descriptor file(
        retry([&] { return ::openat(folder_.get(), name_.c_str(), flags, 0600); }));
    there_ = static_cast<bool>(file);
    if (!there_) unfinished::drop_file(folder_.get(), name_);
}

Marker::~Marker() {
    if (!there_) return;
    ::unlinkat(folder_.get(), name_.c_str(), 0);
    unfinished::drop_file(folder_.get(), name_);
}

bool Marker::seen(const std::string& folder, const std::string& name) {
    const Descriptor there = open_folder(folder);
    struct stat facts{};
    return there && ::fstatat(there.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace splitcast::storage
