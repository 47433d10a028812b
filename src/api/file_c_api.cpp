#include "api/c_api.hpp"
#include "splitcast/file.h"
#include "splitcast/file.hpp"

#include <string>
#include <utility>

struct splitcast_file {
    splitcast::FileContents contents;
};

namespace {

using splitcast::FileContents;
using splitcast::ReadOptions;
using splitcast::Result;
using splitcast::Status;
using splitcast::api::fail;
using splitcast::api::guarded;

using Read = Result<FileContents> (*)(splitcast::Team&, const std::string&, const ReadOptions&);

int read(Read how, const char* path, MPI_Count offset, MPI_Count length, int root,
         splitcast_team* team, splitcast_file** file) {
    return guarded([&] {
        if (file == nullptr) return fail(Status::argument, "the place for the file is NULL");
        *file = nullptr;
        if (team == nullptr) return fail(Status::argument, "the team is NULL");
        // A reader without a path takes part all the same, so that nobody waits for it for ever.
        auto contents = how(team->team, path == nullptr ? "" : path,
                            {.root = root, .offset = offset, .length = length});
        if (!contents) return fail(contents.error());
        *file = new splitcast_file{std::move(*contents)};
        return 0;
    });
}

}  // namespace

int splitcast_read_file(const char* path, MPI_Count offset, MPI_Count length, int root,
                        splitcast_team* team, splitcast_file** file) {
    return read(splitcast::read_file, path, offset, length, root, team, file);
}

int splitcast_read_file_shared(const char* path, MPI_Count offset, MPI_Count length, int root,
                               splitcast_team* team, splitcast_file** file) {
    return read(splitcast::read_file_shared, path, offset, length, root, team, file);
}

const void* splitcast_file_data(const splitcast_file* file) {
    return file == nullptr ? nullptr : file->contents.bytes().data();
}

MPI_Count splitcast_file_size(const splitcast_file* file) {
    return file == nullptr ? 0 : static_cast<MPI_Count>(file->contents.bytes().size());
}

int splitcast_file_free(splitcast_file** file) {
    return guarded([&] {
        if (file == nullptr) return fail(Status::argument, "the place of the file is NULL");
        delete *file;
        *file = nullptr;
        return 0;
    });
}
