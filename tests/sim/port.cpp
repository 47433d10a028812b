#include "sim/port.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace splitcast::sim {

namespace {

constexpr std::string_view looked = "  look\n";

std::string number(std::int64_t value) { return std::to_string(value); }

std::string describe(const ControlMessage& message) {
    using Kind = ControlMessage::Kind;
    std::string out(name(message.kind));
    switch (message.kind) {
        case Kind::survey: {
            static constexpr const char* stages[] = {"", " of completion", " of commitment"};
            out += stages[std::min<int>(message.stage, 2)];
            out += " of round " + number(message.round);
            if (message.survey.mismatch()) {
                out += ": " + number(message.survey.rank) + " and " +
                       number(message.survey.differing) + " differ";
            }
            break;
        }
        case Kind::beat:
            if (message.away) out += ", away";
            break;
        case Kind::flush:
            for (const FlowCount& count : message.counts)
                out += (&count == message.counts.data() ? " " : ", ") + number(count.sent) +
                       " on channel " + number(count.channel);
            break;
        case Kind::report:
            out += ", lacks " + (message.holdings.empty() ? std::string("?")
                                                          : message.holdings[0].missing().text());
            break;
        case Kind::decision: out += ": " + std::string(name(message.verdict)); break;
        case Kind::notice:
        case Kind::call:
        case Kind::epoch:
        case Kind::evicted: break;
    }
    if (message.attempt > 0)
        out += " (attempt " + number(static_cast<std::int64_t>(message.attempt)) + ")";
    if (!message.losses.empty()) out += "; " + text(message.losses);
    if (!message.spoilers.empty()) {
        out += "; spoilt by";
        for (const Rank rank : message.spoilers) out += " " + number(rank);
    }
    return out;
}

std::string describe(const Completion& completion, Rank peer) {
    using Kind = Completion::Kind;
    const std::string segment = "segment " + number(completion.segment);
    switch (completion.kind) {
        case Kind::received:
            return "received " + segment + " from " + number(peer) +
                   (completion.damaged ? ", damaged" : "");
        case Kind::sent: return "sent " + segment + " to " + number(peer);
        case Kind::dropped: return "cancelled the receive of " + segment + " from " + number(peer);
        case Kind::failed: return "hears that " + number(peer) + " has died";
        case Kind::control: break;
    }
    const auto message = decode(completion.message);
    if (!message) return "heard something unknown from " + number(peer);
    return describe(*message) + " from " + number(peer);
}

}  // namespace

// ---- what befalls ranks
// ------------------------------------------------------------------------------------------------

void Stage::say(const std::string& text) const {
    if (hooks.transcript == nullptr) return;
    const std::string now = number(timeline.now());
    *hooks.transcript +=
        std::string(5 - std::min<std::size_t>(now.size(), 5), ' ') + now + "  *  " + text + "\n";
}

void Stage::kill(Rank rank, bool silent) {
    Lives::Life& life = lives.of(rank);
    if (life.dead) return;
    life.dead = true;
    life.silent = silent;
    life.mail.clear();
    say("rank " + number(rank) + " dies");
    const Ticks longest = std::max(scenario.delays.message, scenario.delays.straggler) + 1;
    for (Rank other = 0; other < scenario.ranks(); ++other) {
        // Part of what it had under way arrives.
        lives.cutoff(rank, other) =
            timeline.now() + (scenario.delays.random ? random.below(2 * longest) - longest / 2 : 0);
    }
    if (!silent) announce(rank, 0);
}

void Stage::announce(Rank dead, Ticks in) {
    lives.of(dead).announced = true;
    for (Rank other = 0; other < scenario.ranks(); ++other) {
        if (other == dead) continue;
        const Ticks heard =
            scenario.delays.random ? random.below(scenario.obituary + 1) : scenario.obituary;
        timeline.add(in + heard, Timeline::Kind::failed,
                     static_cast<std::size_t>(other * scenario.ranks() + dead));
    }
    patience = std::max(patience, timeline.now() + in + scenario.obituary);
}

// Whether any rank but those knows that everybody has entered, and so can miss somebody.
bool Stage::somebody_knows(const std::vector<Rank>& but) const {
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        const Lives::Life& life = lives.of(rank);
        if (!life.dead && !life.for_ever && witness.has_passed(rank) &&
            std::ranges::find(but, rank) == but.end())
            return true;
    }
    return false;
}

// Silence of a rank that nobody knows to have entered is no failure: it would be waited for.
bool Stage::would_be_waited_for(const Blow& blow) const {
    if (blow.lasts > 0 || scenario.all_here) return false;
    if (blow.kind == Blow::Kind::stop) return !somebody_knows(blow.ranks);
    if (blow.kind != Blow::Kind::cut) return false;
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        if (!is_dead(rank) && !witness.has_passed(rank)) return true;
    }
    return false;
}

// Who has returned misses nobody any more. (Its team tells those whom it has left out, whatever
// broadcast they are in: src/mpi/hub.hpp, `expel`. Here the death is announced to them instead.)
void Stage::announce_the_unmissed() {
    std::vector<Rank> returned;
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        if (lives.of(rank).returned) returned.push_back(rank);
    }
    if (scenario.all_here || somebody_knows(returned)) return;
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        if (lives.of(rank).dead && !lives.of(rank).announced)
            announce(rank, 3 * scenario.pulse.timeout);
        if (lives.of(rank).for_ever && !lives.of(rank).dead) {
            lives.of(rank).for_ever = false;
            timeline.add(3 * scenario.pulse.timeout, Timeline::Kind::resume, lives.of(rank).blow);
            patience = std::max(patience, timeline.now() + 3 * scenario.pulse.timeout);
        }
    }
}

void Stage::strike(std::size_t index) {
    const Blow& blow = scenario.blows[index];
    if (would_be_waited_for(blow)) {
        // The longer it has waited for that, the longer it may wait.
        constexpr Ticks soon = 5;
        constexpr Ticks long_ago = 500;
        const Ticks now = timeline.now();
        const auto [first, added] = postponed.try_emplace(index, now);
        const Ticks waited = now - first->second;
        if (now < scenario.enters_at_last() + 10 * scenario.pulse.timeout)
            timeline.add(waited < long_ago ? soon : waited / 16, Timeline::Kind::blow, index);
        return;
    }
    patience = std::max(patience, timeline.now() + blow.lasts);
    switch (blow.kind) {
        case Blow::Kind::die:
            for (const Rank rank : blow.ranks) kill(rank, blow.silent);
            announce_the_unmissed();
            return;
        case Blow::Kind::stop:
            say(blow.text());
            for (const Rank rank : blow.ranks) {
                lives.of(rank).stopped = true;
                lives.of(rank).blow = index;
                if (blow.lasts == 0) lives.of(rank).for_ever = true;
            }
            break;
        case Blow::Kind::cut:
            say(blow.text());
            lives.cut(index, blow.ranks);
            break;
        case Blow::Kind::corrupt:
            for (const Rank rank : blow.ranks)
                lives.of(rank).corrupt = blow.lasts == 0 ? -1 : blow.lasts;
            return;
        case Blow::Kind::leave: timeline.add(0, Timeline::Kind::leave, index); return;
    }
    const Ticks absence = blow.lasts == 0 ? 1000 * scenario.pulse.timeout : blow.lasts;
    const bool most = 2 * static_cast<Rank>(blow.ranks.size()) > scenario.ranks();
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        const bool among = std::ranges::find(blow.ranks, rank) != blow.ranks.end();
        // Of a cut, the smaller side; both if they are equal.
        // After it is healed, either side may be first to accuse the other.
        const bool absent = blow.kind == Blow::Kind::stop
                                ? among
                                : among != most || blow.lasts > 0 ||
                                      2 * static_cast<Rank>(blow.ranks.size()) == scenario.ranks();
        if (absent) lives.of(rank).absence += absence;
    }
    if (blow.lasts > 0) {
        timeline.add(blow.lasts,
                     blow.kind == Blow::Kind::stop ? Timeline::Kind::resume : Timeline::Kind::heal,
                     index);
    }
}

// ---- what a rank does
// --------------------------------------------------------------------------------------------------

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
    if (stage_.is_dead(self_)) return false;
    if (stage_.hooks.fate == nullptr && stage_.blows.none()) return true;
    const Moment moment{.kind = kind,
                        .rank = self_,
                        .now = stage_.timeline.now(),
                        .peer = peer,
                        .segment = segment,
                        .recovering = stage_.lives.of(self_).recovering};
    if (stage_.hooks.fate != nullptr && stage_.hooks.fate->at(moment) == Fate::Verdict::die)
        stage_.kill(self_, true);
    for (const std::size_t blow : stage_.blows.at(moment)) stage_.strike(blow);
    return !stage_.is_dead(self_);
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
    Ticks& corrupt = stage_.lives.of(self_).corrupt;
    const bool damaged = corrupt != 0;
    if (corrupt > 0) --corrupt;
    stage_.network.send(self_, flow, to, channel, segment, bytes, from, synchronous, damaged);
}

void Port::send_control(Rank to, std::vector<std::byte> message) {
    if (!survives(Moment::Kind::send_control, to)) return;
    note(
        [&] {
            const auto decoded = decode(message);
            return "send " + (decoded ? describe(*decoded) : "?") + " to " + number(to);
        },
        true);
    stage_.witness.tells(self_, to, message);
    stage_.network.send_control(self_, to, std::move(message));
}

void Port::cancel(std::int32_t flow, Segment first) {
    if (!survives(Moment::Kind::cancel)) return;
    note(
        [&] {
            return "cancel receives of flow " + number(flow) + " from segment " + number(first) +
                   " on";
        },
        true);
    stage_.network.cancel(self_, flow, first);
}

void Port::forsake(Rank peer) {
    if (!survives(Moment::Kind::forsake, peer)) return;
    note([&] { return "forsake " + number(peer); }, true);
    stage_.witness.forsakes(self_, peer);
    stage_.network.forsake(self_, peer);
}

void Port::renew() {
    if (!survives(Moment::Kind::renew)) return;
    note([&] { return std::string("renew"); }, true);
    stage_.witness.renews(self_, stage_.network.outstanding(self_));
}

bool Port::hears(const Completion& completion) {
    if (!survives(Moment::Kind::hear, completion.peer, completion.segment)) return false;
    note([&] { return describe(completion, completion.peer); });
    if (completion.kind == Completion::Kind::received) {
        stage_.witness.received(self_, completion.flow, completion.peer, completion.segment,
                                completion.carried, completion.damaged);
    } else if (completion.kind == Completion::Kind::sent) {
        stage_.witness.sent(self_, completion.flow, completion.segment);
    }
    return true;
}

}  // namespace splitcast::sim
