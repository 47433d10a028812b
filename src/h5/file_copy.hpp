#pragma once

#include "h5/channel.hpp"
#include "h5/description.hpp"
#include "h5/handle.hpp"
#include "splitcast/error.hpp"
#include "storage/staged_file.hpp"

#include <memory>
#include <string>

namespace splitcast::h5 {

/// An HDF5 file under construction on one rank: first what was described, then the elements. Nobody
/// sees it under its name before `publish`.
class FileCopy {
public:
    /// Throw a Failure.
    FileCopy(const std::string& path, bool force, const Bytes& image);

    /// Writes what arrives of a dataset. Null for Way::inside.
    std::unique_ptr<Consumer> consumer(const Item& item) const;

    /// All of it is written; errors that HDF5 has kept for later come now.
    void complete();
    /// Another view of it, to read.
    [[nodiscard]] Handle reopen() const;

    [[nodiscard]] storage::StagedFile& staged() { return staged_; }

private:
    [[nodiscard]] std::string handle_name() const;

    storage::StagedFile staged_;
    Handle file_;
};

}  // namespace splitcast::h5
