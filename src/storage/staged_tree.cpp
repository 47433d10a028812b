#include "storage/staged_tree.hpp"

#include "storage/remove_tree.hpp"
#include "storage/tree_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

namespace splitcast::storage {

namespace {

constexpr std::string_view ending = ".splitcast";
constexpr std::size_t digits = 16;

std::string chance() {
    std::uint64_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value))
        value = static_cast<std::uint64_t>(::getpid());
    return fmt::format("{:016x}", value);
}

/// ".NAME.", cut so that the whole is no longer than a name may be.
std::string prefix_for(const std::string& name) {
    return "." + name.substr(0, NAME_MAX - 2 - digits - ending.size()) + ".";
}

bool is_staging(std::string_view name, std::string_view prefix) {
    return name.starts_with(prefix) && name.ends_with(ending) &&
           name.size() == prefix.size() + digits + ending.size() &&
           name.substr(prefix.size(), digits).find_first_not_of("0123456789abcdef") ==
               std::string_view::npos;
}

}  // namespace

StagedTree::StagedTree(std::string folder, std::vector<Item> items, const Need& need,
                       Options options)
    : folder_(std::move(folder)),
      items_(std::move(items)),
      need_(need),
      options_(std::move(options)) {}

StagedTree::~StagedTree() { withdraw(); }

std::string StagedTree::final_path(const Item& item) const {
    return folder_.ends_with('/') ? folder_ + item.name : folder_ + "/" + item.name;
}

Error StagedTree::failure(const Item& item, std::string_view what, int code) const {
    return system_error(Status::destination, final_path(item), what, code);
}

Result<std::unique_ptr<StagedTree>> StagedTree::create(const std::string& folder,
                                                       std::vector<Item> items, const Need& need,
                                                       const Options& options) {
    std::unique_ptr<StagedTree> tree(new StagedTree(folder, std::move(items), need, options));
    if (auto done = tree->open_folder(); !done) return done.error();
    for (const Item& item : tree->items_) {
        if (auto free = tree->check_name(item); !free) return free.error();
    }
    if (auto done = options.keep ? tree->open_kept() : tree->make_staging(); !done)
        return done.error();
    if (tree->found_) return tree;  // how much more it needs is known when it is resumed
    if (auto enough = tree->check_room(need); !enough) return enough.error();
    return tree;
}

Result<void> StagedTree::check(const std::string& folder, const std::vector<Item>& items,
                               const Need& need, const Options& options) {
    StagedTree tree(folder, items, need, options);
    if (auto done = tree.open_folder(); !done) return done;
    for (const Item& item : items) {
        if (auto free = tree.check_name(item); !free) return free;
    }
    if (::faccessat(tree.around_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
        return system_error(Status::destination, folder, "cannot make anything in this folder",
                            errno);
    return tree.check_room(need);
}

// From here on everything happens relative to this descriptor: see StagedFile.
Result<void> StagedTree::open_folder() {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    around_ = Descriptor(retry([&] { return ::open(folder_.c_str(), flags); }));
    if (around_) return check_outside();
    return system_error(Status::destination, folder_, "cannot open the destination's folder",
                        errno);
}

Result<void> StagedTree::check_outside() const {
    if (options_.outside_of.empty()) return {};
    FileIdentity before;
    for (Descriptor at = open_inner(around_.get(), "."); at; at = open_inner(at.get(), "..")) {
        struct stat facts{};
        if (::fstat(at.get(), &facts) != 0) return {};
        const FileIdentity here = identity(facts);
        if (std::ranges::find(options_.outside_of, here) != options_.outside_of.end()) {
            return plain_error(
                Status::destination, folder_,
                "the destination lies in the source, a folder, which cannot be copied "
                "into itself");
        }
        if (here == before) return {};  // the root is its own parent
        before = here;
    }
    return {};
}

/// As cp does: a folder replaces a folder, and what is none replaces a file or a symbolic link.
Result<void> StagedTree::check_name(const Item& item) const {
    const std::string path = final_path(item);
    if (item.name.empty() || item.name == "." || item.name == "..") {
        return plain_error(Status::destination, path, "the destination is a folder");
    }
    if (item.skipped) return {};
    struct stat facts{};
    if (::fstatat(around_.get(), item.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return system_error(Status::destination, path, "cannot examine the destination", errno);
    }
    const bool folder = S_ISDIR(facts.st_mode);
    if (folder && !item.folder)
        return plain_error(Status::destination, path, "the destination is a folder");
    if (!folder && !S_ISREG(facts.st_mode) && !S_ISLNK(facts.st_mode)) {
        return plain_error(Status::destination, path,
                           "the destination exists and is not a regular file");
    }
    if (!folder && item.folder) {
        return plain_error(Status::destination, path,
                           "the destination exists and is not a folder, as the source is");
    }
    if (!options_.replace) return plain_error(Status::destination, path, "the destination exists");
    return {};
}

/// What a full disk says later, if somebody else fills it meanwhile, is an error as well.
Result<void> StagedTree::check_room(const Need& need) const {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        static_cast<rlim_t>(need.largest) > limit.rlim_cur) {
        return system_error(Status::destination, folder_,
                            fmt::format("no room for {} (see ulimit -f)", size_text(need.largest)),
                            EFBIG);
    }
    struct statvfs space{};
    const int folder = inside_ ? inside_.get() : around_.get();
    if (::fstatvfs(folder, &space) != 0) return {};
    const auto block = std::max<std::uint64_t>(space.f_frsize, 1);
    if (static_cast<std::uint64_t>(need.bytes) / block > space.f_bavail) {
        return system_error(Status::destination, folder_,
                            fmt::format("no room for {}", size_text(need.bytes)), ENOSPC);
    }
    // Some file systems have no fixed number of files, and say 0.
    if (space.f_files > 0 && static_cast<std::uint64_t>(need.entries) > space.f_favail) {
        return system_error(Status::destination, folder_,
                            fmt::format("no room for {} more files and folders", need.entries),
                            ENOSPC);
    }
    return {};
}

/// Removes what dead processes have left behind.
void StagedTree::remove_stale(const std::string& prefix) const {
    for (const std::string& name : names_in(around_.get())) {
        if (!is_staging(name, prefix)) continue;
        const Descriptor folder = open_inner(around_.get(), name);
        if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0)
            remove_tree(around_.get(), name.c_str());
    }
}

Result<void> StagedTree::make_staging() {
    const std::string prefix = prefix_for(items_.front().name);
    remove_stale(prefix);
    staging_.around = around_.get();
    int code = EEXIST;
    for (int attempt = 0; attempt < 100 && code == EEXIST; ++attempt) {
        staging_.name = prefix + chance() + std::string(ending);
        unfinished::add_staging(staging_);
        there_ = true;
        code = ::mkdirat(around_.get(), staging_.name.c_str(), 0700) == 0 ? 0 : errno;
        if (code == 0) {
            inside_ = open_inner(around_.get(), staging_.name);
            staging_.folder = inside_.get();
            if (inside_ && locked()) return {};
            code = inside_ ? EEXIST : errno;
        }
        unfinished::drop_staging(staging_);
        there_ = false;
    }
    return system_error(Status::destination, folder_, "cannot make anything in this folder", code);
}

/// Who looks for what dead processes have left may have been faster than the lock. Where there are
/// no locks nobody removes anything.
bool StagedTree::locked() const {
    struct stat facts{};
    const bool taken = ::flock(inside_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return !taken && ::fstat(inside_.get(), &facts) == 0 && facts.st_nlink > 0;
}

std::vector<Place> StagedTree::places() const {
    std::vector<Place> places;
    for (std::size_t i = 0; i < items_.size(); ++i) {
        const std::string shown = final_path(items_[i]);
        if (items_[i].skipped) {
            places.push_back({shown, around_.get(), items_[i].name, true});
        } else {
            places.push_back({shown, inside_.get(), std::to_string(i), false});
        }
    }
    return places;
}

Result<void> StagedTree::begin(Catalogue catalogue) {
    catalogue_ = std::move(catalogue);
    if (catalogue_.items() != static_cast<int>(items_.size())) {
        return plain_error(
            Status::integrity, folder_,
            "the catalogue of the copy has another number of items than was announced");
    }
    places_ = places();
    for (const Item& item : items_) skipped_.push_back(item.skipped);
    writer_.emplace(catalogue_, places_, skipped_,
                    TreeWriter::Options{.preserve = options_.preserve});
    return {};
}

Result<Digest> StagedTree::finish() {
    auto digest = writer_->finish();
    if (!digest) return digest;
    if (options_.sync && ::syncfs(inside_.get()) != 0)
        return system_error(Status::destination, folder_, "cannot bring the files to the disk",
                            errno);
    return digest;
}

Result<Digest> StagedTree::read_back() {
    TreeReader reader(catalogue_, places_, TreeReader::Of::copy);
    std::vector<std::byte> bytes(std::size_t{4} << 20U);
    for (std::int64_t left = totals(catalogue_).data; left > 0;) {
        const auto count = std::min(left, static_cast<std::int64_t>(bytes.size()));
        if (auto read = reader.fill(std::span(bytes).first(static_cast<std::size_t>(count))); !read)
            return read.error();
        left -= count;
    }
    return reader.finish();
}

Result<void> StagedTree::publish() {
    // All that a signal handler has to know must be there before the first item moves.
    for (std::size_t i = 0; i < items_.size(); ++i) {
        unfinished::Staging::Item item{.name = std::to_string(i), .final_name = items_[i].name};
        struct stat facts{};
        if (!items_[i].skipped) {
            if (::fstatat(inside_.get(), item.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0)
                return failure(items_[i], "cannot examine the copy", errno);
            item.identity = identity(facts);
            item.replaces = options_.replace && ::fstatat(around_.get(), item.final_name.c_str(),
                                                          &facts, AT_SYMLINK_NOFOLLOW) == 0;
        }
        staging_.items.push_back(std::move(item));
    }
    // What is replaced comes to where the copy was, and may be as the journal says: whoever finds
    // it there, after a process that was killed, must not take it for the copy.
    if (journal_ && std::ranges::any_of(staging_.items, &unfinished::Staging::Item::replaces)) {
        staging_.lasting = false;
        journal_->remove();
    }
    for (std::size_t i = 0; i < items_.size(); ++i) {
        staging_.begun = i + 1;
        if (items_[i].skipped) continue;
        if (auto done = publish(i); !done) return done;
    }
    return {};
}

Result<void> StagedTree::publish(std::size_t index) {
    const Item& item = items_[index];
    const unfinished::Staging::Item& staged = staging_.items[index];
    // Opened first: with its last permissions that may not be possible.
    const Descriptor folder = item.folder ? open_inner(inside_.get(), staged.name) : Descriptor();
    if (item.folder && !folder) return failure(item, "cannot open the copy", errno);
    const auto rename = [&](unsigned flags) {
        return ::renameat2(inside_.get(), staged.name.c_str(), around_.get(), item.name.c_str(),
                           flags);
    };
    int result = rename(staged.replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
        struct stat facts{};
        // A file system without either: what is replaced is lost at once, and an empty folder that
        // comes at the wrong moment, too.
        if (!staged.replaces &&
            ::fstatat(around_.get(), item.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) {
            return failure(item, "cannot name the copy", EEXIST);
        }
        if (staged.replaces) remove_tree(around_.get(), item.name.c_str());
        result = rename(0);
    }
    if (result != 0)
        return failure(item, staged.replaces ? "cannot replace it" : "cannot name the copy", errno);
    if (!item.folder) return {};
    for (std::size_t i = 0; i < catalogue_.entries.size(); ++i) {
        const Entry& entry = catalogue_.entries[i];
        if (entry.parent < 0 && entry.name == staged.name)
            return writer_->finish_item(folder.get(), static_cast<std::int32_t>(i));
    }
    return {};
}

void StagedTree::settle() {
    staging_.kept = true;  // first: from here on they stay
    if (journal_) journal_->remove();
    if (options_.sync) {
        for (const Item& item : items_) {
            if (const Descriptor folder = open_inner(around_.get(), item.name))
                ::fsync(folder.get());
        }
        ::fsync(around_.get());
    }
    remove_tree(around_.get(), staging_.name.c_str());
    unfinished::drop_staging(staging_);
    there_ = false;
}

void StagedTree::withdraw() {
    if (!std::exchange(there_, false)) return;
    if (!unfinished::put_back(staging_)) {
        // What was replaced is lost to its name, but not lost.
    } else if (staging_.lasting) {
        ::unlinkat(around_.get(), staging_.name.c_str(), AT_REMOVEDIR);  // if nothing is in it
    } else {
        remove_tree(around_.get(), staging_.name.c_str());
    }
    unfinished::drop_staging(staging_);
}

std::vector<std::string> StagedTree::shortfalls() const {
    return writer_ ? writer_->shortfalls().texts() : std::vector<std::string>();
}

}  // namespace splitcast::storage
