#pragma once

#include "h5/channel.hpp"
#include "h5/description.hpp"
#include "h5/handle.hpp"
#include "h5/source_file.hpp"
#include "splitcast/h5.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace splitcast::h5 {

/// A description that was received, and the file in memory that it holds. Datasets keep it.
struct Described {
    Description description;
    Handle file;
};

/// What every call begins with: the reader opens the file and describes what was asked for, and all
/// ranks get the description.
class Session {
public:
    struct Wish {
        std::string file;
        std::string path;
        int root = 0;
        std::string settings;
        Selection selection;
        std::int64_t batch = 0;
    };

    /// What has to be checked before anybody talks. Anything else, such as a root that is not there
    /// or differs, is told by the first broadcast, to all.
    static Result<void> check(const Team& team);

    Session(Team& team, const Wish& wish);

    /// Collective.
    Result<void> describe();

    [[nodiscard]] Channel& channel() { return channel_; }
    [[nodiscard]] const std::shared_ptr<Described>& described() const { return described_; }
    [[nodiscard]] const Description& description() const { return described_->description; }
    [[nodiscard]] SourceFile* source() { return source_ ? &*source_ : nullptr; }

    /// The elements of one dataset over a channel (this session's own, or that of the nodes) to
    /// `consumer`. Collective over the channel's team.
    Result<void> move(Channel& channel, const Item& item, Consumer* consumer);

    /// All that was moved, by this session's channel and, if there is one, another.
    [[nodiscard]] Traffic traffic(const Channel* other = nullptr) const;

private:
    Wish wish_;
    Channel channel_;
    std::optional<SourceFile> source_;
    std::shared_ptr<Described> described_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// The dataset, where one was asked for; an error if it is none. The same answer on every rank.
[[nodiscard]] Result<Item> only_item(const Description& description);

}  // namespace splitcast::h5
