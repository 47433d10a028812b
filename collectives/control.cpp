#include "collectives/control.hpp"

#include "collectives/wire.hpp"

#include <algorithm>

namespace splitcast::collectives {

namespace {

constexpr std::uint8_t wire_version = 4;

// ---- holdings
// ------------------------------------------------------------------------------------------------

enum class Form : std::uint8_t { words, runs };
// Bounds what a damaged message can make a rank allocate: a bitmap of 32 MiB.
constexpr Segment most_segments = Segment{1} << 28U;
constexpr std::size_t run_bytes = 8;

struct HeldRun {
    std::uint32_t first;
    std::uint32_t count;
};

/// What is held, as runs of every `stride`-th segment; nothing if there are more than `most`.
std::optional<std::vector<HeldRun>> held_runs(const Holdings& held, Segment stride,
                                              std::size_t most) {
    std::vector<HeldRun> runs;
    for (Segment first = 0; first < std::min(stride, held.segments()); ++first) {
        bool open = false;
        for (Segment s = first; s < held.segments(); s += stride) {
            if (!held.has(s)) {
                open = false;
            } else if (open) {
                ++runs.back().count;
            } else {
                if (runs.size() == most) return std::nullopt;
                runs.push_back({static_cast<std::uint32_t>(s), 1});
                open = true;
            }
        }
    }
    return runs;
}

void put(WireWriter& out, const Holdings& held) {
    out.put(held.segments());
    // Groups are seldom larger than this; a stride that is not tried costs bytes, nothing else.
    constexpr Segment most_stripes = 32;
    std::size_t best = held.words().size() * sizeof(std::uint64_t) / run_bytes;
    std::vector<HeldRun> runs;
    Segment stride = 0;
    for (Segment s = 1; s <= most_stripes && best > 0; ++s) {
        if (auto found = held_runs(held, s, best - 1)) {
            best = found->size();
            runs = std::move(*found);
            stride = s;
        }
    }
    if (stride == 0) {
        out.put(static_cast<std::uint8_t>(Form::words));
        for (const std::uint64_t word : held.words()) out.put(word);
        return;
    }
    out.put(static_cast<std::uint8_t>(Form::runs));
    out.put(static_cast<std::uint16_t>(stride));
    out.put(static_cast<std::uint32_t>(runs.size()));
    for (const HeldRun& run : runs) {
        out.put(run.first);
        out.put(run.count);
    }
}

Holdings holdings(WireReader& in) {
    const auto segments = in.get<Segment>();
    const auto form = in.get<std::uint8_t>();
    if (segments < 0 || segments > most_segments) in.refuse();
    if (!in.good()) return {};
    if (form == static_cast<std::uint8_t>(Form::words)) {
        std::vector<std::uint64_t> words;
        for (Segment s = 0; s < segments && in.good(); s += 64) {
            words.push_back(in.get<std::uint64_t>());
        }
        if (!in.good()) return {};
        return Holdings::from_words(words, segments);
    }
    const auto stride = static_cast<Segment>(in.get<std::uint16_t>());
    const std::size_t runs = in.count(run_bytes);
    if (stride < 1) in.refuse();
    Holdings held(in.good() ? segments : 0);
    for (std::size_t i = 0; i < runs && in.good(); ++i) {
        const auto first = static_cast<Segment>(in.get<std::uint32_t>());
        const auto count = static_cast<Segment>(in.get<std::uint32_t>());
        if (count < 1 || first + (count - 1) * stride >= segments) {
            in.refuse();
            break;
        }
        for (Segment n = 0; n < count && in.good(); ++n) {
            if (!held.add(first + n * stride)) in.refuse();  // runs that overlap are none of ours
        }
    }
    return held;
}

// ---- the rest
// ------------------------------------------------------------------------------------------------

void put(WireWriter& out, const View& view) {
    out.put(view.root);
    out.put(view.length);
    out.put(view.fingerprint);
}

View view(WireReader& in) {
    View v;
    v.root = in.get<Rank>();
    v.length = in.get<Bytes>();
    v.fingerprint = in.get<std::uint64_t>();
    return v;
}

void put(WireWriter& out, const Survey& survey) {
    out.put(survey.rank);
    put(out, survey.view);
    out.put(survey.differing);
    put(out, survey.differing_view);
    out.put(survey.source);
    out.put(survey.digest);
    out.put(survey.odd_source);
    out.put(survey.ballot);
    out.put(survey.resumes);
}

Survey survey(WireReader& in) {
    Survey s;
    s.rank = in.get<Rank>();
    s.view = view(in);
    s.differing = in.get<Rank>();
    s.differing_view = view(in);
    s.source = in.get<Rank>();
    s.digest = in.get<std::uint64_t>();
    s.odd_source = in.get<Rank>();
    s.ballot = in.get<Ballot>();
    s.resumes = in.flag();
    return s;
}

}  // namespace

std::string View::text() const {
    return "root " + std::to_string(root) + ", " + std::to_string(length) + " bytes";
}

std::string Mismatch::text() const {
    if (bytes_differ) {
        return "ranks " + std::to_string(first) + " and " + std::to_string(second) +
               " were to have the same bytes, and have not";
    }
    std::string out = "rank " + std::to_string(first) + " called with " + first_view.text() +
                      ", rank " + std::to_string(second) + " with " + second_view.text();
    if (first_view.root == second_view.root && first_view.length == second_view.length) {
        out += " but other settings";
    }
    return out;
}

namespace {

/// Root and mirrors: the lowest of them, and the lowest that has other bytes.
void fold_sources(Survey& folded, const Survey& a, const Survey& b) {
    const bool a_first = b.source == no_rank || (a.source != no_rank && a.source <= b.source);
    const Survey& low = a_first ? a : b;
    const Survey& high = a_first ? b : a;
    folded.source = low.source;
    folded.digest = low.digest;
    folded.odd_source = low.odd_source;
    if (high.source == no_rank) return;
    const Rank candidate = high.digest != low.digest ? high.source : high.odd_source;
    if (candidate != no_rank && (folded.odd_source == no_rank || candidate < folded.odd_source))
        folded.odd_source = candidate;
}

}  // namespace

void Survey::fold(const Survey& other) {
    if (other.rank == no_rank) return;
    if (rank == no_rank) {
        *this = other;
        return;
    }
    const Survey& low = other.rank < rank ? other : *this;
    const Survey& high = other.rank < rank ? *this : other;
    Survey folded = low;
    folded.ballot = std::min(low.ballot, high.ballot);
    folded.resumes = low.resumes || high.resumes;
    fold_sources(folded, low, high);
    // The lowest rank of the higher set that differs from the lower set's view.
    const bool all_differ = high.view != low.view;
    const Rank candidate = all_differ ? high.rank : high.differing;
    const View& candidate_view = all_differ ? high.view : high.differing_view;
    if (candidate != no_rank && (folded.differing == no_rank || candidate < folded.differing)) {
        folded.differing = candidate;
        folded.differing_view = candidate_view;
    }
    *this = folded;
}

std::optional<Mismatch> Survey::mismatch() const {
    if (differing != no_rank) return Mismatch{rank, view, differing, differing_view};
    if (odd_source != no_rank) return Mismatch{source, view, odd_source, view, true};
    return std::nullopt;
}

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::none: return "none";
        case Verdict::success: return "success";
        case Verdict::mismatch: return "mismatch";
        case Verdict::lost: return "lost";
        case Verdict::damaged: return "damaged";
        case Verdict::evicted: return "evicted";
    }
    return "unknown";
}

std::string_view name(ControlMessage::Kind kind) {
    using Kind = ControlMessage::Kind;
    switch (kind) {
        case Kind::survey: return "survey";
        case Kind::beat: return "beat";
        case Kind::notice: return "notice";
        case Kind::call: return "call";
        case Kind::flush: return "flush";
        case Kind::report: return "report";
        case Kind::epoch: return "epoch";
        case Kind::decision: return "decision";
        case Kind::evicted: return "evicted";
    }
    return "unknown";
}

std::vector<std::byte> encode(const ControlMessage& message) {
    WireWriter out;
    out.put(wire_version);
    out.put(static_cast<std::uint8_t>(message.kind));
    out.put(message.epoch);
    out.put(message.attempt);
    out.put(message.stage);
    out.put(message.round);
    out.put(message.away);
    out.put(message.entered);
    out.put(static_cast<std::uint8_t>(message.verdict));
    put(out, message.survey);
    out.put(static_cast<std::uint32_t>(message.counts.size()));
    for (const FlowCount& count : message.counts) {
        out.put(count.channel);
        out.put(count.sent);
    }
    out.put(static_cast<std::uint32_t>(message.losses.size()));
    for (const Loss& loss : message.losses) {
        out.put(loss.rank);
        out.put(loss.dead);
    }
    out.put(static_cast<std::uint32_t>(message.spoilers.size()));
    for (const Rank rank : message.spoilers) out.put(rank);
    out.put(static_cast<std::uint32_t>(message.holdings.size()));
    for (const Holdings& held : message.holdings) put(out, held);
    return out.take();
}

std::optional<ControlMessage> decode(std::span<const std::byte> bytes) {
    WireReader in(bytes);
    if (in.get<std::uint8_t>() != wire_version) return std::nullopt;
    ControlMessage message;
    const auto kind = in.get<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(ControlMessage::Kind::evicted)) return std::nullopt;
    message.kind = static_cast<ControlMessage::Kind>(kind);
    message.epoch = in.get<Attempt>();
    message.attempt = in.get<Attempt>();
    message.stage = in.get<std::uint8_t>();
    message.round = in.get<std::uint8_t>();
    message.away = in.flag();
    message.entered = in.flag();
    const auto verdict = in.get<std::uint8_t>();
    if (verdict > static_cast<std::uint8_t>(Verdict::evicted)) return std::nullopt;
    message.verdict = static_cast<Verdict>(verdict);
    message.survey = survey(in);
    for (std::size_t n = in.count(12); n > 0; --n) {
        const auto channel = in.get<std::int32_t>();
        message.counts.push_back({.channel = channel, .sent = in.get<Segment>()});
    }
    for (std::size_t n = in.count(5); n > 0; --n) {
        const auto rank = in.get<Rank>();
        message.losses.push_back({.rank = rank, .dead = in.flag()});
    }
    for (std::size_t n = in.count(4); n > 0; --n) message.spoilers.push_back(in.get<Rank>());
    for (std::size_t n = in.count(9); n > 0 && in.good(); --n) {
        message.holdings.push_back(holdings(in));
    }
    if (!in.exhausted()) return std::nullopt;
    return message;
}

}  // namespace splitcast::collectives
