#include "storage/file_sink.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <vector>

namespace splitcast::storage {

Result<std::unique_ptr<FileSink>> FileSink::create(const std::string& path, std::int64_t length,
                                                   const StagedFile::Options& options) {
    auto file = StagedFile::create(path, length, options);
    if (!file) return file.error();
    std::unique_ptr<FileSink> sink(new FileSink(std::move(*file)));
    if (auto started = sink->lane_.start(); !started) return started.error();
    return sink;
}

FileSink::FileSink(StagedFile file)
    : file_(std::move(file)), lane_([this](const Lane::Piece& piece) { return write(piece); }) {}

Result<std::int64_t> FileSink::resume(const Origin& origin) {
    auto opened = Journal::open(file_.folder(), file_.kept_name("journal"), origin, file_.path());
    if (!opened) return opened.error();
    auto held = (*opened)->prove(file_.descriptor());
    if (held) journal_ = std::move(*opened);
    return held;
}

Result<void> FileSink::map() {
    if (file_.length() == 0) return {};
    auto made = FileMap::create(file_.descriptor(), file_.length(), file_.path());
    if (!made) return made.error();
    map_ = std::move(*made);
    return {};
}

void FileSink::detach() {
    lane_.drain();
    if (map_) map_->detach();
}

std::optional<Error> FileSink::error() {
    if (auto failed = lane_.error()) return failed;
    return map_ ? map_->error() : std::nullopt;
}

void FileSink::offer(std::int64_t offset, std::span<const std::byte> bytes) {
    // A lane serves readers too, hence the mutable bytes; this one only reads them.
    lane_.give({offset, {const_cast<std::byte*>(bytes.data()), bytes.size()}});
}

Result<void> FileSink::write(const Lane::Piece& piece) {
    if (!map_) {  // else it is there already
        const int code = write_whole(file_.descriptor(), piece.bytes, piece.offset);
        if (code != 0) return system_error(Status::destination, file_.path(), "cannot write", code);
    }
    digester_.add(piece.bytes);
    if (journal_) return journal_->add(piece.offset, piece.bytes);
    return {};
}

Result<Digest> FileSink::seal() {
    lane_.drain();
    if (auto failed = error()) return *failed;
    if (lane_.done() != file_.length()) {
        return Error{Status::internal, fmt::format("{}: {} of {} bytes were offered", file_.path(),
                                                   lane_.done(), file_.length())};
    }
    if (auto sealed = file_.seal(); !sealed) return sealed.error();
    return digester_.digest();
}

Result<Digest> FileSink::read_back() {
    const auto failure = [this](int code) {
        return system_error(Status::destination, file_.path(), "cannot read back", code);
    };
    // Memory that is the file would be read instead; and only what the disk has can be dropped.
    map_.reset();
    if (retry([&] { return ::fdatasync(file_.descriptor()); }) != 0) return failure(errno);
    ::posix_fadvise(file_.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    Digester digester;
    std::vector<std::byte> bytes(std::size_t{4} << 20U);
    for (std::int64_t offset = 0; offset < file_.length();) {
        const std::int64_t count = read_whole(file_.descriptor(), bytes, offset);
        if (count < 0) return failure(errno);
        if (count == 0) break;
        digester.add(std::span(bytes).first(static_cast<std::size_t>(count)));
        offset += count;
    }
    return digester.digest();
}

void FileSink::settle() {
    file_.settle();
    if (journal_) journal_->remove();
}

void FileSink::discard() {
    file_.discard();
    if (journal_) journal_->remove();
}

}  // namespace splitcast::storage
