// Reads a file twice, and writes what came of it into a file of its own for each rank:
//
//     reading --make PATH LENGTH
//     reading own|shared|own-mirror|shared-mirror PATH FOLDER
//
// FOLDER/<rank>.begun is there when the team is. FOLDER/<rank> gets, a line for each time that the
// file is read, "right", "wrong", or the error's kind and text; then "failed" and the ranks that
// the team has lost; then "end".

#include "mpi/payload.hpp"
#include "splitcast/file.hpp"

#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

namespace {

int make(const std::string& path, std::size_t length) {
    const auto bytes = payload(length, 1);
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return file.flush() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    if (std::string_view(argv[1]) == "--make") return make(argv[2], std::stoul(argv[3]));
    const std::string_view way = argv[1];
    const std::string path = argv[2];
    const std::string mine = std::string(argv[3]) + "/";
    MPI_Init(&argc, &argv);
    const std::string name = mine + std::to_string(world_rank());
    std::ofstream record(name);
    {
        auto team = splitcast::Team::create(MPI_COMM_WORLD);
        if (!team) {
            std::cerr << team.error().text << '\n';
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
        std::ofstream(name + ".begun") << "begun\n";
        const splitcast::ReadOptions options{.mirror = way.ends_with("-mirror")};
        for (int time = 0; time < 2; ++time) {
            const auto contents = way.starts_with("shared")
                                      ? splitcast::read_file_shared(*team, path, options)
                                      : splitcast::read_file(*team, path, options);
            if (!contents) {
                record << splitcast::text(contents.error().status) << ": " << contents.error().text
                       << std::endl;
                continue;
            }
            bool right = true;
            const auto bytes = contents->bytes();
            for (std::size_t i = 0; i < bytes.size() && right; ++i) {
                right = bytes[i] == static_cast<std::byte>(payload_byte(i, 1));
            }
            record << (right ? "right" : "wrong") << ' ' << bytes.size() << std::endl;
        }
        record << "failed";
        for (const int rank : team->failed()) record << ' ' << rank;
        record << std::endl;
    }
    MPI_Finalize();
    record << "end" << std::endl;
    return 0;
}
