#include "h5/dataset.hpp"
#include "h5/memory.hpp"
#include "h5/session.hpp"
#include "h5/types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace splitcast::h5 {

namespace {

Session::Wish wish_of(const std::string& file, const std::string& path, const Options& options) {
    return {file, path, options.root, options.settings, options.selection, options.batch};
}

}  // namespace

Result<Item> only_item(const Description& description) {
    if (description.items.size() == 1 && description.items.front().path == description.path)
        return description.items.front();
    // Perhaps it was one that cannot be moved.
    for (const std::string& line : description.left_out) {
        if (line.starts_with(description.path + ": its elements"))
            return Error{Status::source, line};
    }
    return Error{Status::argument, description.path + ": this is not a dataset"};
}

namespace {

/// One dataset to memory, once every rank has room for it. Collective.
Result<void> fetch(Session& session, const Item& item, const Room& room) {
    Channel& channel = session.channel();
    std::unique_ptr<Consumer> consumer;
    channel.locally([&] {
        begin(item, room);
        consumer = memory_consumer(item, room);
    });
    if (auto ready = channel.settle(); !ready) return ready;
    if (auto moved = session.move(channel, item, consumer.get()); !moved) return moved;
    return {};
}

}  // namespace

Result<Dataset> read(Team& team, const std::string& file, const std::string& path,
                     const Options& options) {
    const auto wish = wish_of(file, path, options);
    if (auto fine = Session::check(team); !fine) return fine.error();
    Session session(team, wish);
    if (auto described = session.describe(); !described) return described.error();
    const auto item = only_item(session.description());
    if (!item) return item.error();
    std::unique_ptr<Dataset::Impl> impl;
    session.channel().locally([&] {
        impl = std::make_unique<Dataset::Impl>(session.described(), *item, options.memory_type);
        impl->allocate();
    });
    if (auto done = fetch(session, *item, impl ? impl->room() : Room{}); !done) return done.error();
    if (auto done = session.channel().settle(); !done) return done.error();
    impl->traffic = session.traffic();
    return Dataset(std::move(impl));
}

Result<Traffic> read_into(Team& team, const std::string& file, const std::string& path,
                          void* buffer, std::int64_t bytes, const Options& options) {
    const auto wish = wish_of(file, path, options);
    if (auto fine = Session::check(team); !fine) return fine.error();
    Session session(team, wish);
    if (auto described = session.describe(); !described) return described.error();
    const auto item = only_item(session.description());
    if (!item) return item.error();
    Handle object;
    Handle type;
    session.channel().locally([&] {
        object = Handle(H5Dopen2(session.described()->file, item->path.c_str(), H5P_DEFAULT),
                        H5Dclose, item->path + ": it is not in the description");
        type = memory_type(object, options.memory_type);
        const std::uint64_t needed = item->elements() * H5Tget_size(type);
        if (bytes < 0 || static_cast<std::uint64_t>(bytes) != needed ||
            (buffer == nullptr && needed > 0)) {
            throw Failure(
                Error{Status::argument,
                      fmt::format("{}: the buffer has {} bytes, but {} elements of {} "
                                  "have {}",
                                  item->path, bytes, item->elements(), type_text(type), needed)});
        }
    });
    if (auto done = fetch(session, *item, Room{object.get(), type.get(), buffer}); !done)
        return done.error();
    if (auto done = session.channel().settle(); !done) return done.error();
    return session.traffic();
}

Result<Group> read_group(Team& team, const std::string& file, const std::string& path,
                         const Options& options) {
    auto wish = wish_of(file, path, options);
    wish.selection = {};
    if (auto fine = Session::check(team); !fine) return fine.error();
    Session session(team, wish);
    if (auto described = session.describe(); !described) return described.error();
    Group group;
    std::vector<std::unique_ptr<Dataset::Impl>> made;
    session.channel().locally([&] {
        for (const Item& item : session.description().items) {
            made.push_back(
                std::make_unique<Dataset::Impl>(session.described(), item, options.memory_type));
            made.back()->allocate();
            begin(item, made.back()->room());
        }
    });
    if (auto ready = session.channel().settle(); !ready) return ready.error();
    for (const auto& impl : made) {
        const Item& item = impl->item();
        if (item.way == Way::inside) continue;
        std::unique_ptr<Consumer> consumer;
        session.channel().locally([&] { consumer = memory_consumer(item, impl->room()); });
        if (auto moved = session.move(session.channel(), item, consumer.get()); !moved)
            return moved.error();
    }
    if (auto done = session.channel().settle(); !done) return done.error();
    group.left_out = session.description().left_out;
    group.traffic = session.traffic();
    for (auto& impl : made) group.datasets.emplace_back(std::move(impl));
    std::ranges::sort(group.datasets, {}, &Dataset::path);
    return group;
}

Result<Inspection> inspect(Team& team, const std::string& file, const std::string& path,
                           const Options& options) {
    const auto wish = wish_of(file, path, options);
    if (auto fine = Session::check(team); !fine) return fine.error();
    Session session(team, wish);
    if (auto described = session.describe(); !described) return described.error();
    Inspection inspection;
    session.channel().locally([&] {
        for (const Item& item : session.description().items) {
            const Handle object(H5Dopen2(session.described()->file, item.path.c_str(), H5P_DEFAULT),
                                H5Dclose, item.path + ": it is not in the description");
            const Handle type(H5Dget_type(object), H5Tclose, "cannot see the type");
            const Handle properties(H5Dget_create_plist(object), H5Pclose, "cannot see filters");
            Overview overview{item.path,
                              type_text(type),
                              {item.dims.begin(), item.dims.end()},
                              filters_text(properties),
                              text(item.way),
                              static_cast<std::int64_t>(item.chunks),
                              static_cast<std::int64_t>(item.elements() * item.element),
                              static_cast<std::int64_t>(item.stored)};
            inspection.datasets.push_back(std::move(overview));
        }
    });
    if (auto done = session.channel().settle(); !done) return done.error();
    inspection.left_out = session.description().left_out;
    inspection.description_bytes = static_cast<std::int64_t>(session.description().image.size());
    return inspection;
}

}  // namespace splitcast::h5
