#include "h5/contents.hpp"
#include "h5/file_copy.hpp"
#include "h5/nodes.hpp"
#include "h5/session.hpp"
#include "splitcast/h5.hpp"
#include "storage/destination.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace splitcast::h5 {

namespace {

void want(const Result<void>& done) {
    if (!done) throw Failure(done.error());
}

/// What the reader was called with goes for all.
struct Order {
    std::string destination;
    bool force = false;
    bool verify = false;
};

/// Collective.
Result<Order> order_of(Channel& channel, const std::string& destination,
                       const ExtractOptions& options) {
    auto told = channel.tell([&] {
        Writer writer;
        writer.put_text(destination);
        writer.put(options.force);
        writer.put(options.verify);
        return writer.take();
    });
    if (!told) return told.error();
    Reader reader(*told);
    Order order;
    order.destination = reader.get_text();
    order.force = reader.get<std::uint8_t>() != 0;
    order.verify = reader.get<std::uint8_t>() != 0;
    return order;
}

/// Which ranks have a copy of their own, and under which name. Collective to make.
class Places {
public:
    static Result<Places> find(Team& team, const std::string& destination, int root,
                               const std::string& settings, const std::string& source) {
        const auto each = storage::per_rank(destination);
        if (!each) return each.error();
        Places places;
        if (!*each) {
            auto nodes = Nodes::create(team, root, settings);
            if (!nodes) return nodes.error();
            places.nodes_.emplace(std::move(*nodes));
        }
        places.count_ = *each ? team.size() : places.nodes_->count();
        places.here_ = *each || places.nodes_->impl().leads();
        if (!places.here_) return places;
        auto path = storage::expand(
            destination,
            {.host = storage::short_host_name(), .rank = team.rank(), .job = storage::job_id()});
        if (!path) {
            places.wrong_ = path.error();
            return places;
        }
        places.path_ = std::move(*path);
        if (storage::names_folder(places.path_))
            places.path_ += (places.path_.ends_with('/') ? "" : "/") + storage::base_name(source);
        return places;
    }

    [[nodiscard]] int count() const { return count_; }
    [[nodiscard]] bool here() const { return here_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    /// What is wrong with the name on this rank.
    [[nodiscard]] const std::optional<Error>& wrong() const { return wrong_; }
    /// The ranks with a copy, if those are not all.
    [[nodiscard]] Team* team() { return nodes_ ? nodes_->impl().leaders() : nullptr; }
    [[nodiscard]] bool per_node() const { return nodes_.has_value(); }

private:
    std::optional<Nodes> nodes_;
    int count_ = 0;
    bool here_ = false;
    std::string path_;
    std::optional<Error> wrong_;
};

/// The digests of what is in the file, from the reader to all; and their comparison with a copy.
class Comparison {
public:
    Comparison(Channel& channel, std::string path) : channel_(channel), path_(std::move(path)) {}

    /// Collective. `file` is called on the reader.
    Result<void> learn(const std::function<Handle()>& file) {
        auto told = channel_.tell([&] {
            Writer writer;
            for (const Content& content : contents(file(), path_)) {
                writer.put_text(content.path);
                writer.put(content.digest);
            }
            return writer.take();
        });
        if (!told) return told.error();
        Reader reader(*told);
        while (!reader.at_end() && !reader.broken()) {
            Content content;
            content.path = reader.get_text();
            content.digest = reader.get<storage::Digest>();
            expected_.push_back(std::move(content));
        }
        return {};
    }

    /// Of one copy, on its rank. Throws a Failure if it differs.
    void compare(hid_t copy, const std::string& name) const {
        const std::string where = first_difference(expected_, contents(copy, path_));
        if (where.empty()) return;
        throw Failure(Error{Status::integrity, name + ": it differs from the source at " + where});
    }

    [[nodiscard]] std::size_t objects() const { return expected_.size(); }

private:
    Channel& channel_;
    std::string path_;
    std::vector<Content> expected_;
};

Handle open_to_read(const std::string& name, Status status) {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "cannot make properties");
    H5Pset_file_locking(access, true, true);
    return {H5Fopen(name.c_str(), H5F_ACC_RDONLY, access), H5Fclose,
            name + ": cannot open it as an HDF5 file", status};
}

/// One extract(), step by step; after each of them all ranks agree.
class Extracting {
public:
    Extracting(Team& team, const Session::Wish& wish, Places places, Order order)
        : session_(team, wish), wish_(wish), places_(std::move(places)), order_(std::move(order)) {}

    Result<Extraction> run() {
        channel().note(places_.wrong());
        if (auto settled = channel().settle(); !settled) return settled.error();
        if (auto described = session_.describe(); !described) return described.error();
        const Description& description = session_.description();
        channel().locally([&] {
            if (places_.here()) copy_.emplace(places_.path(), order_.force, description.image);
        });
        if (auto settled = channel().settle(); !settled) return settled.error();
        if (places_.per_node()) {
            if (places_.team() != nullptr) among_.emplace(*places_.team(), 0, wish_.settings);
        }
        if (auto moved = move(); !moved) channel().note(moved.error());
        if (among_) channel().note(among_->noted());
        channel().locally([&] {
            if (copy_) copy_->complete();
        });
        if (auto settled = channel().settle(); !settled) return settled.error();
        if (order_.verify) {
            if (auto same = verify(); !same) return same.error();
        }
        channel().locally([&] {
            if (copy_) want(copy_->staged().publish());
        });
        if (auto settled = channel().settle(); !settled) return settled.error();
        if (copy_) copy_->staged().settle();
        return Extraction{places_.count(), static_cast<std::int64_t>(description.items.size()),
                          description.left_out, session_.traffic(among_ ? &*among_ : nullptr)};
    }

private:
    Channel& channel() { return session_.channel(); }

    /// Among those who write. An error may be this rank's alone where only some do.
    Result<void> move() {
        if (!places_.here()) return {};
        Channel& way = among_ ? *among_ : channel();
        for (const Item& item : session_.description().items) {
            std::unique_ptr<Consumer> consumer;
            way.locally([&] { consumer = copy_->consumer(item); });
            if (auto moved = session_.move(way, item, consumer.get()); !moved) return moved;
        }
        return {};
    }

    Result<void> verify() {
        Comparison comparison(channel(), session_.description().path);
        auto learnt = comparison.learn([this] { return open_to_read(wish_.file, Status::source); });
        if (!learnt) return learnt;
        channel().locally([&] {
            if (copy_) comparison.compare(copy_->reopen(), places_.path());
        });
        return channel().settle();
    }

    Session session_;
    Session::Wish wish_;
    Places places_;
    Order order_;
    std::optional<FileCopy> copy_;
    std::optional<Channel> among_;
};

Session::Wish wish_of(const std::string& file, const std::string& path,
                      const ExtractOptions& options) {
    return {file, path, options.root, options.settings, {}, options.batch};
}

std::string absolute(std::string path) {
    if (!path.starts_with('/')) path = "/" + path;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

}  // namespace

Result<Extraction> extract(Team& team, const std::string& file, const std::string& path,
                           const std::string& destination, const ExtractOptions& options) {
    const auto wish = wish_of(file, path, options);
    if (auto fine = Session::check(team); !fine) return fine.error();
    Channel channel(team, options.root, options.settings);
    const auto order = order_of(channel, destination, options);
    if (!order) return order.error();
    auto places = Places::find(team, order->destination, options.root, options.settings, file);
    if (!places) return places.error();
    return Extracting(team, wish, std::move(*places), *order).run();
}

Result<Extraction> verify(Team& team, const std::string& file, const std::string& path,
                          const std::string& copy, const ExtractOptions& options) {
    if (auto fine = Session::check(team); !fine) return fine.error();
    Channel channel(team, options.root, options.settings);
    const auto order = order_of(channel, copy, options);
    if (!order) return order.error();
    auto places = Places::find(team, order->destination, options.root, options.settings, file);
    if (!places) return places.error();
    channel.note(places->wrong());
    if (auto settled = channel.settle(); !settled) return settled.error();
    Comparison comparison(channel, absolute(path));
    auto learnt = comparison.learn([&] { return open_to_read(file, Status::source); });
    if (!learnt) return learnt.error();
    channel.locally([&] {
        if (places->here())
            comparison.compare(open_to_read(places->path(), Status::destination), places->path());
    });
    if (auto settled = channel.settle(); !settled) return settled.error();
    return Extraction{
        places->count(), static_cast<std::int64_t>(comparison.objects()), {}, channel.traffic()};
}

}  // namespace splitcast::h5
