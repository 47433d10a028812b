#pragma once

#include "api/copy_progress.hpp"
#include "api/copy_setup.hpp"
#include "splitcast/copy.hpp"
#include "storage/batches.hpp"
#include "storage/compression.hpp"
#include "storage/digest.hpp"
#include "storage/lane.hpp"
#include "storage/tree_reader.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace splitcast::api {

/// The data of a copy that is not one plain file, among the ranks that read or write: first the
/// catalogue, then the data of all files as one stream, cut into batches. While one batch is on its
/// way, whoever reads fills (and packs) the next one, and whoever writes unpacks the one before,
/// each in a thread of its own.
///
/// Batches lie in memory, so the broadcasts are ordinary ones, which survive lost ranks. Behind
/// each batch's bytes stands how long the next one will be, which only its reader knows. Mirrors
/// fill the same batches, and root of each is the lowest reader that is left.
///
/// A copy that is resumed begins with the first batch that somebody lacks who writes. Who has a
/// batch as a whole fills it from its own files, for those who lack it; it is sent only the end,
/// with the length of the next one.
///
/// Memory: three batches on who reads, two on who writes, one more to unpack into, and as much
/// again for compressed bytes: at most 7 x 16 MiB.
class Packed {
public:
    Packed(CopySetup& setup, const CopyOptions& options, Progress& progress)
        : setup_(setup),
          team_(*setup.movers),
          compression_(options.compression),
          resume_(options.resume),
          progress_(progress),
          batches_(setup.facts.totals.data) {}
    Packed(const Packed&) = delete;
    Packed& operator=(const Packed&) = delete;
    ~Packed();

    /// Collective among the movers. An error of this rank's, or of the team's. Whatever this rank
    /// cannot do, it stays with the others to the end.
    Result<void> run();

    [[nodiscard]] const std::optional<storage::Digest>& read() const { return read_; }
    [[nodiscard]] const std::optional<storage::Digest>& written() const { return written_; }
    [[nodiscard]] const Report& report() const { return report_; }
    [[nodiscard]] std::int64_t wire_bytes() const { return wire_bytes_; }
    [[nodiscard]] storage::Codec codec() const { return codec_; }

private:
    /// How a batch is on the wire.
    struct Packing {
        std::int64_t bytes = 0;
        std::int32_t codec = 0;
        std::uint32_t content = 0;  ///< part of the digest of these bytes, where somebody resumes
        friend bool operator==(const Packing&, const Packing&) = default;
    };
    /// What is said before the catalogue is.
    struct Head {
        std::int64_t bytes = 0;  ///< of the catalogue
        storage::Digest digest;
        std::int32_t codec = 0;
        std::int32_t unused = 0;
        storage::Digest libraries;  ///< that compress; others may make other bytes
        Packing first;
    };
    /// Memory that grows, and is not filled with zeros before.
    struct Block {
        std::unique_ptr<std::byte[]> memory;
        std::size_t size = 0;
        std::byte* at_least(std::size_t wanted);
    };
    /// A batch in memory. Behind the bytes that go on the wire there is room for the next one's
    /// packing.
    struct Slot {
        Block plain;
        Block packed;
        Packing packing;
        std::int64_t unpacked =
            0;  ///< what the unpacking lane has done when it is through with this
        [[nodiscard]] std::byte* wire() const {
            return (packing.codec == 0 ? plain : packed).memory.get();
        }
    };

    [[nodiscard]] bool reads() const { return setup_.sources.has_value(); }
    [[nodiscard]] bool writes() const { return setup_.target->tree() != nullptr; }
    [[nodiscard]] int root() const;  ///< rank of the team of movers; -1: nobody reads any more
    [[nodiscard]] std::vector<int> mirrors() const;
    Slot& slot(std::int64_t batch) {
        return slots_[static_cast<std::size_t>(batch % (reads() ? 3 : 2))];
    }

    Result<void> learn();
    Result<void> tell(int from);
    void prepare_to_tell();
    Result<void> start_lanes();
    Error refuse(const Error& error);
    [[nodiscard]] storage::Codec choose();
    Result<void> begin_writing();
    Result<void> resume();
    Result<void> find_held();
    Result<std::int64_t> lowest(std::int64_t mine);
    Result<void> fill_held();
    Result<void> pass_over();
    [[nodiscard]] int ranks_left() const;
    Result<void> move();
    Result<void> move(std::int64_t batch);
    void give_to_fill(std::int64_t batch);
    void give_to_unpack(std::int64_t batch, std::span<std::byte> bytes);
    std::optional<Error> ready_to_send(std::int64_t batch);
    std::optional<Error> ready_to_receive(std::int64_t batch);
    std::int64_t ready_to_give(std::int64_t batch);
    Result<void> fill(const storage::Lane::Piece& piece);
    void pack(const storage::Lane::Piece& piece);
    Result<void> unpack(const storage::Lane::Piece& piece);
    static void wait_for(storage::Lane& lane, std::int64_t bytes);
    void sum_up(const Report& report);
    Result<void> finish();

    CopySetup& setup_;
    Team::Impl& team_;
    Compression compression_;
    bool resume_;
    Progress& progress_;
    storage::Batches batches_;
    Head head_;
    std::vector<std::byte> catalogue_;             ///< encoded
    std::unique_ptr<storage::TreeReader> reader_;  ///< of the sources, or of what this rank holds
    storage::Codec codec_ = storage::Codec::none;
    std::unique_ptr<storage::Compressor> packer_;
    std::unique_ptr<storage::Compressor> unpacker_;
    std::array<Slot, 3> slots_;     ///< who does not read needs two
    Block plain_;                   ///< to unpack into
    Packing next_;                  ///< of the batch that comes next
    std::int64_t held_ = 0;         ///< batches from the front that this rank has as a whole
    std::int64_t given_below_ = 0;  ///< of these it fills those below for others
    std::int64_t first_ = 0;        ///< the batch that somebody lacks
    std::int64_t resumed_ = 0;      ///< from here on nobody has anything
    std::int64_t given_ = 0;        ///< bytes, to the unpacking lane
    std::optional<Error> failed_;   ///< this rank cannot write
    std::optional<Error> stuck_;    ///< this rank cannot begin to read
    std::unique_ptr<storage::Lane> filling_;
    std::unique_ptr<storage::Lane> unpacking_;
    std::optional<storage::Digest> read_;
    std::optional<storage::Digest> written_;
    Report report_;
    std::int64_t wire_bytes_ = 0;
};

}  // namespace splitcast::api
