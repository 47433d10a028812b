#include "sim/engine_node.hpp"

#include "sim/machine_node.hpp"
#include "sim/violation.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace splitcast::sim {

namespace {

engine::Completion as_engine_hears(Completion heard) {
    using From = Completion::Kind;
    using To = engine::Completion::Kind;
    engine::Completion told{.flow = heard.flow,
                            .segment = heard.segment,
                            .peer = heard.peer,
                            .damaged = heard.damaged,
                            .message = std::move(heard.message)};
    switch (heard.kind) {
        case From::received: told.kind = To::received; break;
        case From::sent: told.kind = To::sent; break;
        case From::dropped: told.kind = To::dropped; break;
        case From::control: told.kind = To::control; break;
        case From::failed: told.kind = To::failed; break;
    }
    return told;
}

class SimulatedClock final : public engine::Clock {
public:
    explicit SimulatedClock(const Timeline& timeline) : timeline_(timeline) {}
    Ticks now() override { return timeline_.now(); }

private:
    const Timeline& timeline_;
};

}  // namespace

/// The transport of one rank. What has happened waits here until the engine asks for it.
class EngineNode::Wire final : public engine::Transport {
public:
    Wire(Port port, Segmentation segmentation) : port_(port), segmentation_(segmentation) {}

    void happened(engine::Completion completion) { happened_.push_back(std::move(completion)); }
    [[nodiscard]] bool waiting() const { return !happened_.empty(); }

    /// The engine tells nobody that an epoch has begun; before it does anything in it, the witness
    /// has to know.
    void watch(const Machine& machine) { machine_ = &machine; }
    void look_for_an_epoch() {
        if (machine_ == nullptr || machine_->epoch() == epoch_) return;
        epoch_ = machine_->epoch();
        port_.renew();
    }

    void receive(std::int32_t flow, Rank from, int channel, Segment segment,
                 std::span<std::byte> into, Trailer* /*trailer*/) override {
        look_for_an_epoch();
        port_.receive(flow, from, channel, segment, into.size(), into.data());
    }
    void send(std::int32_t flow, Rank to, int channel, Segment segment,
              std::span<const std::byte> bytes, const Trailer* /*trailer*/,
              bool synchronous) override {
        if (!is_content(segmentation_.offset(segment), bytes)) {
            throw Violation("rank " + std::to_string(port_.self()) +
                            " sends wrong bytes for segment " + std::to_string(segment));
        }
        look_for_an_epoch();
        port_.send(flow, to, channel, segment, bytes.size(), bytes.data(), synchronous);
    }
    void send_control(Rank to, std::vector<std::byte> message) override {
        port_.send_control(to, std::move(message));
    }
    void cancel(std::int32_t flow, Segment from) override { port_.cancel(flow, from); }
    void forsake(Rank peer) override { port_.forsake(peer); }
    void drain() override {}

    // As MPI_Testsome does: some of what has happened, in no particular order.
    std::optional<Error> poll(bool /*listen*/,
                              std::vector<engine::Completion>& completions) override {
        if (happened_.empty()) return std::nullopt;
        Random& random = port_.stage().random;
        random.shuffle(happened_);
        for (auto some = random.between<std::size_t>(1, happened_.size()); some > 0; --some) {
            completions.push_back(std::move(happened_.back()));
            happened_.pop_back();
        }
        return std::nullopt;
    }
    [[nodiscard]] bool idle() override {
        return happened_.empty() && port_.stage().network.outstanding(port_.self()) == 0;
    }

private:
    Port port_;
    Segmentation segmentation_;
    const Machine* machine_ = nullptr;
    Attempt epoch_ = 0;
    std::vector<engine::Completion> happened_;
};

EngineNode::EngineNode(Port port)
    : port_(port), clock_(std::make_unique<SimulatedClock>(port.stage().timeline)) {
    make_broadcast();
    wire_->watch(broadcast_->machine());
    port_.stage().witness.watch(port_.self(), broadcast_->machine());
}

void EngineNode::make_broadcast() {
    const Stage& stage = port_.stage();
    const Rank self = port_.self();
    const Scenario& scenario = stage.scenario;
    const Scenario::Memory& memory = scenario.memory[static_cast<std::size_t>(self)];
    const Segmentation segmentation = scenario.call(self).segmentation();
    Machine::Config config = configuration(stage, self);
    auto wire = std::make_unique<Wire>(port_, segmentation);
    wire_ = wire.get();
    if (memory.ring > 0) {
        if (self == scenario.call(self).root) source_.emplace(port_);
        if (memory.sink) sink_.emplace(port_);
        engine::Buffer ring(source_ ? &*source_ : nullptr, sink_ ? &*sink_ : nullptr, segmentation,
                            memory.ring * segmentation.segment_bytes, 1);
        config.piecemeal = ring.piecemeal();
        broadcast_ = std::make_unique<engine::Broadcast>(std::move(config), std::move(ring),
                                                         std::move(wire), *clock_);
        return;
    }
    whole_.assign(static_cast<std::size_t>(segmentation.length), std::byte{0xCC});
    for (Segment s = 0; s < segmentation.count(); ++s) {
        if (!config.held.has(s)) continue;
        const auto offset = static_cast<std::size_t>(segmentation.offset(s));
        fill_with_content(
            segmentation.offset(s),
            std::span(whole_).subspan(offset, static_cast<std::size_t>(segmentation.size(s))));
    }
    broadcast_ = std::make_unique<engine::Broadcast>(
        std::move(config), engine::Buffer(whole_.data(), segmentation), std::move(wire), *clock_);
}

void EngineNode::enter() {
    broadcast_->start();
    wake_later();
    look_for_the_end();
}

void EngineNode::hear(Completion completion) {
    if (returned_)
        throw Violation("rank " + std::to_string(port_.self()) +
                        " has returned with work under way");
    wire_->happened(as_engine_hears(std::move(completion)));
    wake_later();
}

void EngineNode::wake() {
    will_wake_ = false;
    if (returned_) return;
    port_.note([] { return std::string("look"); });
    if (broadcast_->progress() || wire_->waiting()) wake_later();
    wire_->look_for_an_epoch();
    if (port_.stage().is_dead(port_.self())) return;
    port_.stage().witness.check_step(port_.self());
    look_for_the_end();
}

void EngineNode::stream() {
    if (source_) source_->advance();
    if (sink_) sink_->advance();
    wake_later();
}

void EngineNode::wake_later() {
    if (will_wake_) return;
    will_wake_ = true;
    Stage& stage = port_.stage();
    stage.timeline.add(stage.report_delay(), Timeline::Kind::wake,
                       static_cast<std::size_t>(port_.self()));
}

void EngineNode::look_for_the_end() {
    if (!broadcast_->done()) return;
    port_.note([] { return std::string("return"); }, true);
    returned_ = true;
    const std::string who = "rank " + std::to_string(port_.self());
    if (broadcast_->failure()) throw Violation(who + " fails: " + broadcast_->failure()->text);
    port_.stage().witness.check_return(port_.self());
    if (port_.stage().network.outstanding(port_.self()) > 0) {
        throw Violation(who + " has returned with messages under way");
    }
    if (source_ && source_->restarts() >= broadcast_->machine().totals().epochs)
        throw Violation(who + " has read its source again and again");
    if (source_ && !source_->at_rest())
        throw Violation(who + " has returned while its source fills the ring");
    if (sink_ && !sink_->at_rest())
        throw Violation(who + " has returned while its sink empties the ring");
    if (broadcast_->machine().outcome().success()) check_memory();
    broadcast_.reset();  // whoever still uses its memory is found out by the address sanitizer
    whole_ = {};
}

void EngineNode::check_memory() {
    const std::string who = "rank " + std::to_string(port_.self());
    const Bytes length = port_.stage().scenario.call(port_.self()).length;
    if (sink_ && sink_->taken() != length)
        throw Violation(who + " has not given everything to its sink");
    if (!is_content(0, whole_)) throw Violation(who + " reports success and has wrong bytes");
}

}  // namespace splitcast::sim
