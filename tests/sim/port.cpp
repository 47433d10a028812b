#include "sim/port.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace splitcast::sim {

namespace {

constexpr std::string_view looked = "  look\n";

std::string number(std::int64_t value) { return std::to_string(value); }

std::string describe(const engine::Completion& completion, Rank peer) {
    using Kind = engine::Completion::Kind;
    const std::string segment = "segment " + number(completion.segment);
    switch (completion.kind) {
        case Kind::received:
            return "received " + segment + " from " + number(peer) +
                   (completion.damaged ? ", damaged" : "");
        case Kind::sent: return "sent " + segment + " to " + number(peer);
        case Kind::dropped: return "cancelled the receive of " + segment + " from " + number(peer);
        case Kind::control: break;
    }
    const auto message = decode(completion.message);
    if (!message) return "heard something unknown from " + number(peer);
    std::string out = "survey of round " + number(message->round) + " from " + number(peer);
    if (message->survey.mismatch()) {
        out += ": " + number(message->survey.rank) + " and " + number(message->survey.differing) +
               " differ";
    }
    return out;
}

}  // namespace

void Port::write(const std::string& text, bool act) const {
    std::string& out = *stage_.hooks.transcript;
    if (act) {
        out += std::string(10, ' ');
    } else {
        // A rank that has looked and done nothing is not worth a line.
        if (out.ends_with(looked)) out.erase(out.rfind('\n', out.size() - 2) + 1);
        const std::string now = number(stage_.timeline.now());
        out += std::string(5 - std::min<std::size_t>(now.size(), 5), ' ') + now + "  " +
               number(self_) + "  ";
    }
    out += text + "\n";
}

bool Port::survives(Moment::Kind kind, Rank peer, Segment segment) {
    if (stage_.hooks.fate == nullptr) return true;
    if (stage_.is_dead(self_)) return false;
    const Moment moment{.kind = kind,
                        .rank = self_,
                        .now = stage_.timeline.now(),
                        .peer = peer,
                        .segment = segment};
    if (stage_.hooks.fate->at(moment) == Fate::Verdict::live) return true;
    stage_.dead[static_cast<std::size_t>(self_)] = true;
    note([] { return std::string("dies"); });
    return false;
}

void Port::receive(std::int32_t flow, Rank from, int channel, Segment segment, std::size_t bytes,
                   std::byte* into) {
    if (!survives(Moment::Kind::receive, from, segment)) return;
    note(
        [&] {
            return "receive segment " + number(segment) + " from " + number(from) + ":" +
                   number(channel);
        },
        true);
    stage_.witness.posts_receive(self_, flow, from, channel, segment);
    stage_.network.receive(self_, flow, from, channel, segment, bytes, into);
}

void Port::send(std::int32_t flow, Rank to, int channel, Segment segment, std::size_t bytes,
                const std::byte* from, bool synchronous) {
    if (!survives(Moment::Kind::send, to, segment)) return;
    note(
        [&] {
            return "send segment " + number(segment) + " to " + number(to) + ":" + number(channel) +
                   (synchronous ? ", synchronous" : "");
        },
        true);
    stage_.witness.sends(self_, flow, to, channel, segment, stage_.network.under_way(self_, flow));
    stage_.network.send(self_, flow, to, channel, segment, bytes, from, synchronous);
}

void Port::send_control(Rank to, std::vector<std::byte> message) {
    if (!survives(Moment::Kind::send_control, to)) return;
    note(
        [&] {
            const auto decoded = decode(message);
            return "send survey of round " + (decoded ? number(decoded->round) : "?") + " to " +
                   number(to);
        },
        true);
    stage_.network.send_control(self_, to, std::move(message));
}

void Port::expect_control(Rank from, std::size_t capacity) {
    if (stage_.is_dead(self_)) return;
    note([&] { return "expect control from " + number(from); }, true);
    stage_.network.expect_control(self_, from, capacity);
}

void Port::cancel(std::int32_t flow) {
    if (!survives(Moment::Kind::cancel)) return;
    note(
        [&] {
            const RankPlan& plan = stage_.plans[static_cast<std::size_t>(self_)];
            const Flow& planned = plan.in[static_cast<std::size_t>(flow)];
            return "cancel receives from " + number(planned.peer) + ":" + number(planned.channel);
        },
        true);
    stage_.network.cancel(self_, flow);
}

bool Port::hears(const engine::Completion& completion, Segment carried) {
    if (!survives(Moment::Kind::hear, completion.peer, completion.segment)) return false;
    note([&] { return describe(completion, completion.peer); });
    if (completion.kind == engine::Completion::Kind::received) {
        stage_.witness.received(self_, completion.flow, completion.segment, carried,
                                completion.damaged);
    } else if (completion.kind == engine::Completion::Kind::sent) {
        stage_.witness.sent(self_, completion.flow, completion.segment);
    }
    return true;
}

}  // namespace splitcast::sim
