#include "sim/fate.hpp"

namespace splitcast::sim {

using collectives::no_rank;
using collectives::Rank;

const char* name(Moment::Kind kind) {
    switch (kind) {
        case Moment::Kind::enter: return "enter";
        case Moment::Kind::hear: return "hear";
        case Moment::Kind::tick: return "tick";
        case Moment::Kind::receive: return "receive";
        case Moment::Kind::send: return "send";
        case Moment::Kind::send_control: return "tell";
        case Moment::Kind::cancel: return "cancel";
        case Moment::Kind::forsake: return "forsake";
        case Moment::Kind::renew: return "renew";
        case Moment::Kind::finish: return "finish";
        case Moment::Kind::answer: return "answer";
    }
    return "unknown";
}

const char* name(Blow::Kind kind) {
    switch (kind) {
        case Blow::Kind::die: return "die";
        case Blow::Kind::stop: return "stop";
        case Blow::Kind::cut: return "cut";
        case Blow::Kind::corrupt: return "corrupt";
        case Blow::Kind::leave: return "leave";
    }
    return "unknown";
}

std::string Blow::text() const {
    std::string out = name(kind);
    for (const Rank rank : ranks) out += " " + std::to_string(rank);
    if (silent) out += " silently";
    if (at >= 0) {
        out += " at " + std::to_string(at);
    } else {
        if (whose != no_rank && !(ranks.size() == 1 && ranks[0] == whose))
            out += " when " + std::to_string(whose);
        if (whose == no_rank) out += " when anybody";
        if (recovering) out += " recovering";
        out += " " + std::string(of_kind < 0 ? "moment" : name(static_cast<Moment::Kind>(of_kind)));
        out += " " + std::to_string(moment);
    }
    if (lasts > 0) out += " for " + std::to_string(lasts);
    return out;
}

std::vector<std::size_t> Blows::at(const Moment& moment) {
    std::vector<std::size_t> falling;
    for (std::size_t i = 0; i < blows_.size(); ++i) {
        const Blow& blow = blows_[i];
        if (left_[i] < 0 || (blow.whose != no_rank && blow.whose != moment.rank) ||
            (blow.recovering && !moment.recovering) ||
            (blow.of_kind >= 0 && blow.of_kind != static_cast<int>(moment.kind))) {
            continue;
        }
        if (left_[i]-- > 0) continue;
        --waiting_;
        falling.push_back(i);
    }
    return falling;
}

}  // namespace splitcast::sim
