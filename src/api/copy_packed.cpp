#include "api/copy_packed.hpp"

#include "api/agreement.hpp"
#include "api/team_impl.hpp"
#include "engine/progress.hpp"
#include "storage/catalogue.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace splitcast::api {

using storage::Codec;
using storage::Lane;

namespace {

constexpr const char* others_refuse =
    "a rank that takes part in the copy could not go on, or one that reads has read other bytes "
    "than the first";

}  // namespace

Packed::~Packed() {
    // Before what they work on.
    filling_.reset();
    unpacking_.reset();
}

std::byte* Packed::Block::at_least(std::size_t wanted) {
    if (size < wanted) {
        memory = std::make_unique_for_overwrite<std::byte[]>(wanted);
        size = wanted;
    }
    return memory.get();
}

Result<void> Packed::run() {
    if (auto error = locally([this] { return start_lanes(); })) return refuse(*error);
    if (auto learnt = learn(); !learnt) return learnt;
    if (auto resumed = resume(); !resumed) return resumed;
    if (auto moved = move(); !moved) return moved;
    if (auto error = beside([this] { return finish(); })) return *error;
    return {};
}

/// In place of the first broadcast, so that the others do not wait in it.
Error Packed::refuse(const Error& error) {
    if (const int from = root(); from >= 0)
        static_cast<void>(
            team_.pass(reinterpret_cast<std::byte*>(&head_), sizeof head_, from, {}, error));
    return error;
}

int Packed::root() const {
    const std::vector<int> ranks = setup_.mover_ranks();
    for (const int member : team_.members()) {
        if (setup_.reads(ranks[static_cast<std::size_t>(member)])) return member;
    }
    return -1;
}

std::vector<int> Packed::mirrors() const {
    const std::vector<int> ranks = setup_.mover_ranks();
    std::vector<int> mirrors;
    for (const int member : team_.members()) {
        if (member != root() && setup_.reads(ranks[static_cast<std::size_t>(member)]))
            mirrors.push_back(member);
    }
    return mirrors;
}

Result<void> Packed::start_lanes() {
    if (reads()) {
        reader_ = std::make_unique<storage::TreeReader>(
            setup_.sources->catalogue, setup_.sources->places, storage::TreeReader::Of::source);
        filling_ = std::make_unique<Lane>([this](const Lane::Piece& piece) { return fill(piece); });
        if (auto started = filling_->start(); !started) return started;
    }
    if (writes()) {
        unpacking_ =
            std::make_unique<Lane>([this](const Lane::Piece& piece) { return unpack(piece); });
        if (auto started = unpacking_->start(); !started) return started;
    }
    return {};
}

/// All get the catalogue. If its reader is lost before they have, it is the next one's turn.
Result<void> Packed::learn() {
    for (int from = root();; from = root()) {
        if (from < 0) {
            return Error{Status::lost,
                         "the rank that reads was lost before it had told what there is to copy"};
        }
        auto told = tell(from);
        if (told) break;
        if (told.error().status == Status::mismatch) return Error{Status::internal, others_refuse};
        if (told.error().status != Status::lost) return told;
    }
    codec_ = static_cast<Codec>(head_.codec);
    next_ = head_.first;
    if (codec_ != Codec::none) unpacker_ = std::make_unique<storage::Compressor>(codec_);
    stuck_ = locally([this]() -> Result<void> {
        if (reads() && filling_->done() == 0 && batches_.count() > 0) {
            if (codec_ != Codec::none) packer_ = std::make_unique<storage::Compressor>(codec_);
            give_to_fill(0);
        }
        if (reads() && batches_.count() > 1) give_to_fill(1);
        return {};
    });
    if (writes()) failed_ = beside([this] { return begin_writing(); });
    return {};
}

Result<void> Packed::tell(int from) {
    if (team_.rank() == from) {
        const auto error = beside([this]() -> Result<void> {
            prepare_to_tell();
            return {};
        });
        if (error) return refuse(*error);
    }
    if (auto told = team_.tell(&head_, sizeof head_, from); !told) return told;
    catalogue_.resize(static_cast<std::size_t>(head_.bytes));
    const std::size_t members = team_.members().size();
    const auto told = team_.tell(catalogue_.data(), head_.bytes, from);
    if (team_.members().size() < members || team_.unusable()) {
        // Who was given up may still be sent from this memory, or write to it: it stays.
        const auto* const kept = new std::vector<std::byte>(std::move(catalogue_));
        catalogue_ = *kept;
    }
    return told;
}

void Packed::prepare_to_tell() {
    codec_ = choose();
    if (codec_ != Codec::none) packer_ = std::make_unique<storage::Compressor>(codec_);
    if (batches_.count() > 0) give_to_fill(0);
    catalogue_ = encode(setup_.sources->catalogue);
    filling_->drain();
    head_ = {.bytes = std::ssize(catalogue_),
             .digest = storage::digest_of(catalogue_),
             .codec = static_cast<std::int32_t>(codec_),
             .libraries = storage::libraries(),
             .first = slot(0).packing};
}

storage::Codec Packed::choose() {
    switch (compression_) {
        case Compression::none: break;
        case Compression::lz4: return Codec::lz4;
        case Compression::zstd: return Codec::zstd;
        case Compression::automatic: {
            // A reader of its own, so that the stream is not begun.
            storage::TreeReader reader(setup_.sources->catalogue, setup_.sources->places,
                                       storage::TreeReader::Of::source);
            constexpr std::int64_t most = std::int64_t{4} << 20;
            std::vector<std::byte> sample(
                static_cast<std::size_t>(std::min(most, setup_.facts.totals.data)));
            if (sample.empty() || !reader.fill(sample)) break;
            const double bandwidth = team_.links().shared_memory ? 0 : team_.links().bandwidth;
            return storage::choose_codec(bandwidth, measure(Codec::lz4, sample),
                                         measure(Codec::zstd, sample));
        }
    }
    return Codec::none;
}

Result<void> Packed::begin_writing() {
    if (storage::digest_of(catalogue_) != head_.digest) {
        return Error{Status::integrity,
                     setup_.target->path() +
                         ": the catalogue of the copy has arrived otherwise than "
                         "it was sent"};
    }
    auto catalogue = storage::decode(catalogue_);
    if (!catalogue) return catalogue.error();
    if (storage::totals(*catalogue) != setup_.facts.totals) {
        return Error{Status::integrity, setup_.target->path() +
                                            ": the catalogue of the copy is another one than was "
                                            "announced"};
    }
    catalogue_ = {};
    return setup_.target->tree()->begin(std::move(*catalogue));
}

/// All find out with which batch to begin.
Result<void> Packed::resume() {
    if (!resume_) return {};
    const std::int64_t count = batches_.count();
    if (writes() && !failed_) failed_ = beside([this] { return find_held(); });
    const bool needs = writes() && !failed_;  // who writes nothing needs nothing
    const bool same = codec_ == Codec::none || storage::libraries() == head_.libraries;
    if (needs && same && !reads()) given_below_ = held_;
    constexpr std::int64_t failure = 0;
    const auto first = lowest(failed_ || stuck_ ? failure : 1 + (needs ? held_ : count));
    if (!first) return first.error();
    if (failed_) return *failed_;
    if (stuck_) return *stuck_;
    // Why, it says itself.
    if (*first == failure) return Error{Status::internal, "a rank that writes could not begin"};
    const auto beyond = lowest(count - given_below_);
    if (!beyond) return beyond.error();
    first_ = *first - 1;
    resumed_ = count - *beyond;
    if (given_below_ > first_ && locally([this] { return fill_held(); })) given_below_ = 0;
    return first_ > 0 ? pass_over() : Result<void>();
}

Result<void> Packed::find_held() {
    const auto held = setup_.target->tree()->resume(setup_.facts.origin);
    if (!held) return held.error();
    held_ = batches_.whole_below(*held);
    return {};
}

/// Of what all movers bring.
Result<std::int64_t> Packed::lowest(std::int64_t mine) {
    const auto least = team_.lowest([mine](const engine::Broadcast&) {
        return Team::Impl::Vote{.ballot = static_cast<collectives::Ballot>(mine)};
    });
    if (!least) return least.error();
    return static_cast<std::int64_t>(*least);
}

/// Who does not read the sources reads its own files.
Result<void> Packed::fill_held() {
    if (codec_ != Codec::none) packer_ = std::make_unique<storage::Compressor>(codec_);
    reader_ = setup_.target->tree()->reader();
    reader_->skip(batches_.offset(first_));
    filling_ = std::make_unique<Lane>([this](const Lane::Piece& piece) { return fill(piece); });
    if (auto started = filling_->start(); !started) return started;
    give_to_fill(first_);
    return {};
}

/// The batches that nobody lacks are read all the same, for the digest of all. All are told how
/// long the one behind them is.
Result<void> Packed::pass_over() {
    const std::int64_t count = batches_.count();
    if (reads()) {
        for (std::int64_t batch = 0; batch < first_; ++batch) {
            wait_for(*filling_, batches_.offset(batch + 1));
            if (batch + 2 < count) give_to_fill(batch + 2);
        }
        wait_for(*filling_, batches_.offset(std::min(first_ + 1, count)));
    }
    while (first_ < count) {
        const int from = root();
        if (from < 0)
            return Error{Status::lost, "the ranks that read were lost before all was read"};
        if (team_.rank() == from) next_ = slot(first_).packing;
        auto told = team_.tell(&next_, sizeof next_, from);
        if (told) break;
        if (told.error().status != Status::lost) return told;
    }
    return {};
}

/// Who was lost in a team of some is not known in that of all before the end.
int Packed::ranks_left() const {
    const std::size_t lost_here = setup_.some ? team_.losses().size() : 0;
    return static_cast<int>(setup_.all->members().size() - lost_here);
}

Result<void> Packed::move() {
    for (std::int64_t batch = first_; batch < batches_.count(); ++batch) {
        if (auto moved = move(batch); !moved) return moved;
        const auto done = [&] { return batches_.offset(batch + 1); };
        progress_.tick(setup_.facts.totals.data, done, [&] { return ranks_left(); });
    }
    progress_.now(setup_.facts.totals.data, setup_.facts.totals.data, ranks_left());
    return {};
}

Result<void> Packed::move(std::int64_t batch) {
    const int from = root();
    if (from < 0) return Error{Status::lost, "the ranks that read were lost before all was read"};
    std::int64_t held = 0;
    // Also that there is no memory: the others are told, and do not wait.
    const auto wrong = locally([&]() -> Result<void> {
        if (stuck_) return *stuck_;
        held = ready_to_give(batch);
        if (auto error = reads() ? ready_to_send(batch) : ready_to_receive(batch)) return *error;
        return {};
    });
    Slot& here = slot(batch);
    const std::int64_t bytes = here.packing.bytes;
    const auto report =
        team_.pass(here.wire(), bytes + std::int64_t{sizeof(Packing)}, from, mirrors(), wrong,
                   batch < resumed_ ? std::optional(held) : std::nullopt);
    std::byte* const wire = here.wire();
    // Who was given up may still write to this memory, or be sent from it, for as long as it lives.
    if (!report || !report->evicted.empty()) {
        static_cast<void>((here.packing.codec == 0 ? here.plain : here.packed).memory.release());
        (here.packing.codec == 0 ? here.plain : here.packed).size = 0;
    }
    if (wrong) return *wrong;
    if (!report) {
        if (report.error().status != Status::mismatch) return report.error();
        // Why, they say themselves.
        return Error{Status::internal, others_refuse};
    }
    sum_up(*report);
    wire_bytes_ += bytes;
    if (reads()) return {};
    std::memcpy(&next_, wire + bytes, sizeof next_);
    give_to_unpack(batch, {wire, static_cast<std::size_t>(bytes)});
    return {};
}

/// This batch is filled, and the next one, too: its length goes with this one.
std::optional<Error> Packed::ready_to_send(std::int64_t batch) {
    wait_for(*filling_, batches_.offset(std::min(batch + 2, batches_.count())));
    if (auto error = filling_->error()) return error;
    Slot& here = slot(batch);
    const bool last = batch + 1 == batches_.count();
    const Packing next = last ? Packing() : slot(batch + 1).packing;
    std::memcpy(here.wire() + here.packing.bytes, &next, sizeof next);
    const auto size = static_cast<std::size_t>(batches_.size(batch));
    give_to_unpack(batch, {here.plain.memory.get(), size});
    if (batch + 2 >= batches_.count()) return std::nullopt;
    // Into the memory of the batch before this one.
    if (writes() && batch > 0) wait_for(*unpacking_, slot(batch - 1).unpacked);
    give_to_fill(batch + 2);
    return std::nullopt;
}

std::optional<Error> Packed::ready_to_receive(std::int64_t batch) {
    Slot& here = slot(batch);
    if (writes() && batch > 1) wait_for(*unpacking_, here.unpacked);
    const std::int64_t size = batches_.size(batch);
    const bool plain = next_.codec == 0 && next_.bytes == size;
    const bool packed = codec_ != Codec::none && next_.codec == static_cast<std::int32_t>(codec_) &&
                        next_.bytes > 0 && next_.bytes < size;
    here.packing = plain || packed ? next_ : Packing{};
    const auto room = static_cast<std::size_t>(here.packing.bytes) + sizeof(Packing);
    (here.packing.codec == 0 ? here.plain : here.packed).at_least(room);
    if (plain || packed) return std::nullopt;
    return Error{Status::integrity, "the length of a batch has arrived otherwise than it was sent"};
}

/// How many bytes of a batch are there because this rank has filled it, which does not read.
std::int64_t Packed::ready_to_give(std::int64_t batch) {
    if (reads() || batch >= given_below_) return 0;
    wait_for(*filling_, batches_.offset(batch + 1) - batches_.offset(first_));
    if (batch + 1 < given_below_) give_to_fill(batch + 1);
    // If not, it is sent what it could not read.
    return !filling_->error() && slot(batch).packing == next_ ? next_.bytes : 0;
}

void Packed::give_to_fill(std::int64_t batch) {
    const auto size = static_cast<std::size_t>(batches_.size(batch));
    std::byte* const memory = slot(batch).plain.at_least(size + sizeof(Packing));
    filling_->give({batch, {memory, size}});
}

void Packed::give_to_unpack(std::int64_t batch, std::span<std::byte> bytes) {
    if (!writes() || failed_ || batch < held_) return;
    given_ += std::ssize(bytes);
    slot(batch).unpacked = given_;
    unpacking_->give({batch, bytes});
}

/// In the filling lane.
Result<void> Packed::fill(const Lane::Piece& piece) {
    if (auto filled = reader_->fill(piece.bytes); !filled) return filled;
    pack(piece);
    if (!resume_) return {};
    // Whoever gives this batch from its own files must have the same bytes.
    Slot& here = slot(piece.offset);
    const std::span wire(here.wire(), static_cast<std::size_t>(here.packing.bytes));
    here.packing.content = static_cast<std::uint32_t>(storage::digest_of(wire).low);
    return {};
}

void Packed::pack(const Lane::Piece& piece) {
    Slot& here = slot(piece.offset);
    here.packing = {.bytes = std::ssize(piece.bytes)};
    if (codec_ == Codec::none) return;
    const std::size_t room = packer_->bound(piece.bytes.size());
    const std::span packed(here.packed.at_least(room + sizeof(Packing)), room);
    const std::size_t size = packer_->pack(piece.bytes, packed);
    if (size > 0) {
        here.packing = {.bytes = static_cast<std::int64_t>(size),
                        .codec = static_cast<std::int32_t>(codec_)};
    }
}

/// In the unpacking lane. What is packed is shorter than what is not.
Result<void> Packed::unpack(const Lane::Piece& piece) {
    storage::StagedTree& tree = *setup_.target->tree();
    const auto size = static_cast<std::size_t>(batches_.size(piece.offset));
    // It may have the beginning of the first one.
    const auto held = static_cast<std::size_t>(
        std::max(tree.held() - batches_.offset(piece.offset), std::int64_t{0}));
    if (piece.bytes.size() == size) return tree.take(piece.bytes.subspan(held));
    const std::span plain(plain_.at_least(size), size);
    if (auto unpacked = unpacker_->unpack(piece.bytes, plain); !unpacked) return unpacked;
    return tree.take(plain.subspan(held));
}

/// Until it has done so many bytes.
void Packed::wait_for(Lane& lane, std::int64_t bytes) {
    engine::progress::wait_gently([&] { return lane.done() >= bytes; });
}

/// All batches are one broadcast to the caller.
void Packed::sum_up(const Report& report) {
    report_.bytes += report.bytes;
    report_.segments += report.segments;
    report_.bytes_sent += report.bytes_sent;
    report_.bytes_received += report.bytes_received;
    report_.seconds += report.seconds;
    report_.bytes_repaired += report.bytes_repaired;
    // Those before are shorter, or as long.
    if (report.segment_bytes >= report_.segment_bytes) {
        report_.segment_bytes = report.segment_bytes;
        report_.group_size = report.group_size;
        report_.groups = report.groups;
        report_.children = report.children;
        report_.choice = report.choice;
    }
    if (report.epochs == 1) return;
    report_.failed.insert(report_.failed.end(), report.failed.begin(), report.failed.end());
    report_.evicted.insert(report_.evicted.end(), report.evicted.begin(), report.evicted.end());
    std::ranges::sort(report_.failed);
    std::ranges::sort(report_.evicted);
    report_.epochs += report.epochs - 1;
    report_.silence_seconds = report.silence_seconds;
    report_.regroup_seconds = report.regroup_seconds;
    report_.repair_seconds = report.repair_seconds;
}

/// This rank has read or written all it was to.
Result<void> Packed::finish() {
    Team::Impl::pass(collectives::FaultPoint::seal);
    if (reads()) {
        filling_->drain();
        if (auto error = filling_->error()) return *error;
        auto digest = reader_->finish();
        if (!digest) return digest.error();
        read_ = *digest;
    }
    if (!writes()) return {};
    unpacking_->drain();
    if (failed_) return *failed_;
    if (auto error = unpacking_->error()) {
        // What came before came the same way, and must not be gone on with.
        if (error->status == Status::integrity) setup_.target->discard();
        return *error;
    }
    auto digest = setup_.target->tree()->finish();
    if (!digest) return digest.error();
    written_ = *digest;
    return {};
}

}  // namespace splitcast::api
