#include "storage/folders.hpp"

#include "storage/posix.hpp"
#include "storage/unfinished.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace splitcast::storage {

std::string existing_folder(const std::string& path) {
    std::string folder = path;
    while (::access(folder.c_str(), F_OK) != 0 && folder != "." && folder != "/")
        folder = folder_of(folder);
    return folder;
}

Result<MadeFolders> MadeFolders::make(const std::string& folder) {
    MadeFolders folders;
    for (std::size_t end = 0; end != std::string::npos;) {
        end = folder.find('/', end + 1);
        const std::string part = folder.substr(0, end);
        if (::mkdir(part.c_str(), 0777) == 0) {  // less what the umask takes away
            folders.made_.push_back(part);
            unfinished::add_folder(part);
            continue;
        }
        const int code = errno;
        struct stat facts{};
        const bool there = ::stat(part.c_str(), &facts) == 0;
        if (there && S_ISDIR(facts.st_mode)) continue;
        return system_error(Status::destination, part, "cannot make this folder",
                            there ? ENOTDIR : code);
    }
    return folders;
}

bool MadeFolders::remove() {
    bool removed = false;
    while (!made_.empty() && ::rmdir(made_.back().c_str()) == 0) {
        unfinished::drop_folder(made_.back());
        made_.pop_back();
        removed = true;
    }
    return removed;
}

void MadeFolders::keep() {
    for (const auto& folder : made_) unfinished::drop_folder(folder);
    made_.clear();
}

}  // namespace splitcast::storage
