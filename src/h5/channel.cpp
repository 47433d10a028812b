#include "h5/channel.hpp"

#include "h5/handle.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace splitcast::h5 {

namespace {

/// Says what the next message is. Every batch, and every text, is preceded by one.
struct Frame {
    enum class Kind : std::int32_t { batch, end, failed };
    Kind kind = Kind::end;
    Status status = Status::success;  ///< of what failed
    std::uint64_t bytes = 0;          ///< of the message that follows, be it a batch or a text
};
static_assert(sizeof(Frame) == 16);

std::string host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

}  // namespace

Channel::Channel(Team& team, int root, std::string settings)
    : team_(team), root_(root), settings_(std::move(settings)) {}

/// With the place where it happened, unless it came with one from another team's channel.
Error Channel::located(const Error& error) const {
    if (error.text.starts_with("rank ")) return error;
    return {error.status, fmt::format("rank {} on {}: {}", team_.rank(), host_name(), error.text)};
}

Result<void> Channel::tally(const Result<Report>& report) {
    if (!report) return report.error();
    traffic_.wire_bytes += report->bytes;
    traffic_.bytes_received += report->bytes_received;
    ++traffic_.broadcasts;
    return {};
}

Result<void> Channel::send(void* data, std::uint64_t bytes, int root) {
    return tally(team_.broadcast(data, static_cast<MPI_Count>(bytes), MPI_BYTE, root, settings_));
}

Result<Bytes> Channel::tell_from(int rank, const std::function<Bytes()>& make) {
    const bool telling = team_.rank() == rank;
    Bytes bytes;
    Frame frame{Frame::Kind::batch, Status::success, 0};
    if (telling) {
        auto made = attempt(make);
        if (made) {
            bytes = std::move(made).value();
        } else {
            const Error error = located(made.error());
            const auto text = std::as_bytes(std::span(error.text));
            bytes.assign(text.begin(), text.end());
            frame.kind = Frame::Kind::failed;
            frame.status = error.status;
        }
        frame.bytes = bytes.size();
    }
    if (auto sent = send(&frame, sizeof frame, rank); !sent) return sent.error();
    bytes.resize(static_cast<std::size_t>(frame.bytes));
    if (auto sent = send(bytes.data(), frame.bytes, rank); !sent) return sent.error();
    if (frame.kind == Frame::Kind::failed) {
        return Error{frame.status,
                     std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
    }
    return bytes;
}

void Channel::locally(const std::function<void()>& body) {
    if (noted_) return;
    if (auto done = attempt(body); !done) note(done.error());
}

void Channel::note(const std::optional<Error>& error) {
    if (error && !noted_) noted_ = error;
}

/// The course of one stream() on this rank. Two buffers: one batch is on the wire, and in the other
/// the one before is taken and then the one after is read.
class Channel::Round {
public:
    Round(Channel& channel, Producer* producer, Consumer* consumer)
        : channel_(channel), producer_(producer), consumer_(consumer) {}

    Result<void> run() {
        if (producer_ != nullptr) produce(buffers_[0]);
        auto frame = announce();
        for (std::size_t n = 0;; ++n) {
            if (auto known = finish(frame); !known) return known.error();
            if (announced_.kind == Frame::Kind::end) {
                if (n > 0) consume(buffers_[(n + 1) % 2]);
                return {};
            }
            Buffer& now = buffers_[n % 2];
            Buffer& other = buffers_[(n + 1) % 2];
            const bool failed = announced_.kind == Frame::Kind::failed;
            if (failed) return receive_error();
            make_room(now);
            auto payload = start(now.bytes.data(), now.bytes.size());
            if (producer_ == nullptr) frame = announce();
            const auto work = aside([&, n] {
                if (n > 0) consume(other);
                if (producer_ != nullptr) produce(other);
            });
            auto outcome = drive(payload, producer_ == nullptr ? &frame : nullptr, work);
            // The others wait for the next frame, whatever became of this batch.
            if (producer_ != nullptr) {
                if (!outcome) next_ = failure(outcome.error());
                frame = announce();
            }
            if (!outcome) {
                (void)finish(frame);
                return outcome.error();
            }
        }
    }

private:
    struct Buffer {
        std::span<std::byte> bytes;
        Bytes staging;
    };

    /// Where the batch goes that `announced_` tells of. The reader has it there already. Without
    /// memory for it this rank takes part with a length that does not match, so that all know.
    void make_room(Buffer& buffer) {
        if (producer_ != nullptr) return;
        const auto done = attempt([&] { place(buffer, announced_.bytes); });
        if (done) return;
        channel_.note(done.error());
        buffer.bytes = {};
    }

    void place(Buffer& buffer, std::uint64_t bytes) {
        buffer.bytes = {};
        if (consumer_ != nullptr && !channel_.noted()) buffer.bytes = consumer_->place(bytes);
        if (!buffer.bytes.empty()) return;
        if (buffer.staging.size() < bytes) {
            buffer.staging = {};
            buffer.staging.resize(static_cast<std::size_t>(bytes));
        }
        buffer.bytes = std::span(buffer.staging).first(static_cast<std::size_t>(bytes));
    }

    Frame failure(const Error& error) {
        text_ = error.text;
        return {Frame::Kind::failed, error.status, text_.size()};
    }

    /// Reads the next batch, and decides what the next frame says.
    void produce(Buffer& buffer) {
        next_ = {};
        if (const auto& mine = channel_.noted()) {  // of the reader's own consumer
            next_ = failure(channel_.located(*mine));
            return;
        }
        const auto done = attempt([&] {
            const std::uint64_t bytes = producer_->next();
            if (bytes == 0) return;
            place(buffer, bytes);
            producer_->fill(buffer.bytes);
            next_ = {Frame::Kind::batch, Status::success, bytes};
        });
        if (!done) next_ = failure(channel_.located(done.error()));
    }

    void consume(Buffer& buffer) {
        if (consumer_ == nullptr) return;
        channel_.locally([&] { consumer_->take(buffer.bytes); });
    }

    /// A request, or why there is none.
    using Started = Result<Request>;
    Started start(void* data, std::uint64_t bytes) {
        return channel_.team_.start(data, static_cast<MPI_Count>(bytes), MPI_BYTE, channel_.root_,
                                    channel_.settings_);
    }

    Started announce() {
        announced_ = next_;
        return start(&announced_, sizeof announced_);
    }

    Result<void> finish(Started& started) {
        if (!started) return started.error();
        return channel_.tally(started->wait());
    }

    /// `work` in a second thread, or here if there is none to be had.
    template <class Work>
    static std::future<void> aside(Work work) {
        try {
            return std::async(std::launch::async, work);
        } catch (const std::system_error&) {
            return std::async(std::launch::deferred, work);
        }
    }

    /// Lets segments move until the batch is here and the other thread has done its work.
    Result<void> drive(Started& payload, Started* frame, const std::future<void>& work) {
        using namespace std::chrono_literals;
        while (payload && !payload->test()) std::this_thread::yield();
        while (work.wait_for(20us) == std::future_status::timeout) {
            if (frame != nullptr && *frame) (void)(*frame)->test();  // others may wait for us
        }
        work.wait();
        return finish(payload);
    }

    Result<void> receive_error() {
        Error error{announced_.status, text_};
        error.text.resize(static_cast<std::size_t>(announced_.bytes));
        if (auto sent = channel_.send(error.text.data(), announced_.bytes, channel_.root_); !sent)
            return sent.error();
        return error;
    }

    Channel& channel_;
    Producer* producer_;
    Consumer* consumer_;
    std::array<Buffer, 2> buffers_;
    Frame announced_;  ///< on its way, or here
    Frame next_;       ///< on the reader, what the next frame is going to say
    std::string text_;
};

Result<void> Channel::stream(Producer* producer, Consumer* consumer) {
    auto outcome = Round(*this, producer, consumer).run();
    if (outcome || outcome.error().status != Status::mismatch) return outcome;
    // Calls did not match: perhaps because a rank could not take part as it should.
    if (auto settled = settle(); !settled) return settled;
    return outcome;
}

/// Has a rank of [from, to) noted an error? Whoever has calls the next broadcast with another
/// length; that calls do not match is reported on every rank.
Result<bool> Channel::any_failed(int from, int to) {
    std::array<std::byte, 2> nothing{};
    const bool mine = noted_ && team_.rank() >= from && team_.rank() < to;
    auto report = team_.broadcast(nothing.data(), mine ? 2 : 1, MPI_BYTE, root_, settings_);
    if (report) {
        ++traffic_.broadcasts;
        return mine;  // all have the same to say
    }
    if (report.error().status != Status::mismatch) return report.error();
    mismatch_ = report.error().text;
    return true;
}

Result<void> Channel::settle() {
    if (team_.size() == 1) {
        if (noted_) return located(*noted_);
        return {};
    }
    auto failed = any_failed(0, team_.size());
    if (!failed) return failed.error();
    if (!*failed) return {};
    int first = 0;
    for (int end = team_.size(); end - first > 1;) {
        const int middle = first + (end - first) / 2;
        failed = any_failed(first, middle);
        if (!failed) return failed.error();
        (*failed ? end : first) = middle;
    }
    auto told = tell_from(first, [this]() -> Bytes {
        // Nobody has one: calls did not match because the program's did not.
        throw Failure(noted_.value_or(Error{Status::mismatch, mismatch_}));
    });
    return told.error();
}

}  // namespace splitcast::h5
