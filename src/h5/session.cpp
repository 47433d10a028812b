#include "h5/session.hpp"

#include "h5/types.hpp"

#include <utility>

namespace splitcast::h5 {

Result<void> Session::check(const Team& team) {
    if (team.size() == 0)
        return Error{Status::state, "the team is empty: it was moved from or freed"};
    return {};
}

Session::Session(Team& team, const Wish& wish)
    : wish_(wish), channel_(team, wish.root, wish.settings) {}

Result<void> Session::describe() {
    auto told = channel_.tell([this] {
        if (wish_.batch <= 0)
            throw Failure(Error{Status::argument, "a batch has at least one byte"});
        source_.emplace(wish_.file);
        try {
            return encode(source_->describe(wish_.path, wish_.selection,
                                            static_cast<std::uint64_t>(wish_.batch)));
        } catch (const Failure& failure) {  // of HDF5: it does not know the file's name any more
            throw Failure(Error{failure.error().status, wish_.file + ": " + failure.error().text});
        }
    });
    if (!told) return told.error();
    channel_.locally([&] {
        auto description = decode_description(*told);
        if (!description)
            throw Failure(Error{Status::integrity, "the description of the data is broken"});
        described_ = std::make_shared<Described>();
        described_->description = std::move(*description);
        Bytes image = std::move(described_->description.image);
        described_->file = open_image(image.data(), image.size());
        described_->description.image = std::move(image);
    });
    return channel_.settle();
}

Result<void> Session::move(Channel& channel, const Item& item, Consumer* consumer) {
    if (item.way == Way::inside) return {};
    std::unique_ptr<Producer> producer;
    if (channel.reading()) {
        auto made = attempt([&] { return source_->producer(item, described_->description.batch); });
        if (made) {
            producer = std::move(made).value();
        } else {
            class Broken final : public Producer {
            public:
                explicit Broken(Error error) : error_(std::move(error)) {}
                std::uint64_t next() override { throw Failure(error_); }
                void fill(std::span<std::byte> /*batch*/) override {}

            private:
                Error error_;
            };
            producer = std::make_unique<Broken>(made.error());
        }
    }
    return channel.stream(producer.get(), consumer);
}

Traffic Session::traffic(const Channel* other) const {
    Traffic all = channel_.traffic();
    if (other != nullptr) {
        all.wire_bytes += other->traffic().wire_bytes;
        all.bytes_received += other->traffic().bytes_received;
        all.broadcasts += other->traffic().broadcasts;
    }
    for (const Item& item : description().items) {
        all.logical_bytes += static_cast<std::int64_t>(item.elements() * item.element);
        all.stored_bytes += static_cast<std::int64_t>(item.stored);
    }
    all.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
    return all;
}

}  // namespace splitcast::h5
