#pragma once

#include "splitcast/error.hpp"
#include "storage/posix.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace splitcast::storage {

/// A file under construction, which nobody sees under its final name before `publish`.
///
/// Where the file system can, the file has no name at all until then, so that nothing stays behind
/// however the process ends; else it has a hidden temporary name in the same folder. The life of a
/// file is
///
///     create -> (bytes are written) -> seal -> publish -> settle
///
/// and every way off that line, the destructor included, leaves the folder as it was before.
class StagedFile {
public:
    struct Options {
        bool replace =
            false;          ///< an existing file of the final name is replaced; else it is an error
        bool sync = false;  ///< seal and settle wait until the disk has it all
        bool named = false;  ///< with a temporary name even where the file system could do without
        /// Under the name ".NAME.splitcast-partial", and it stays when the copy is interrupted,
        /// however that happens: the next copy that keeps finds it with its content.
        bool keep = false;
        mode_t mode = 0666;  ///< the umask, or the folder's default ACL, takes away from this
    };

    /// Makes the file with room for `length` bytes: a full disk is known here. `path` must not be a
    /// folder.
    static Result<StagedFile> create(const std::string& path, std::int64_t length,
                                     const Options& options);

    StagedFile(StagedFile&& other) noexcept;
    StagedFile& operator=(StagedFile&&) = delete;
    StagedFile(const StagedFile&) = delete;
    ~StagedFile();

    [[nodiscard]] int descriptor() const { return file_.get(); }
    /// A descriptor of the folder, as good as a path for *at functions.
    [[nodiscard]] int folder() const { return folder_.get(); }
    /// ".NAME.splitcast-WHAT", for what lies beside a file that is kept.
    [[nodiscard]] std::string kept_name(std::string_view what) const;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::int64_t length() const { return length_; }

    /// Asks the file system for errors that it has kept for later, and checks that
    /// nobody else has changed the length.
    Result<void> seal();

    /// Gives the file its final name, in one step. Until settle a signal handler would undo that.
    Result<void> publish();

    /// After publish: it stays. What it replaced is gone.
    void settle();

    /// Undoes publish: what the file replaced is back, as far as the file system can exchange two
    /// names. Without publish the file is dropped.
    void withdraw();

    /// The same, and nothing is kept.
    void discard();

private:
    enum class State { anonymous, named, published, exchanged, done };

    StagedFile(std::string path, std::int64_t length, const Options& options);
    Result<void> open_folder();
    Result<void> check_name() const;
    Result<void> open_file();
    Result<void> open_kept();
    Result<void> reserve() const;
    Result<void> give_temporary_name();
    Result<void> publish_new();
    Result<void> publish_over();
    [[nodiscard]] std::string fresh_name() const;
    void drop_temporary_name();
    [[nodiscard]] bool name_is_ours() const;
    [[nodiscard]] Error failure(std::string_view what, int code) const;

    std::string path_;
    std::string name_;  ///< last part of the path
    std::string temporary_;
    std::int64_t length_ = 0;
    Options options_;
    Descriptor folder_;
    Descriptor file_;
    FileIdentity identity_;  ///< from publish on
    State state_ = State::done;
};

}  // namespace splitcast::storage
