#include "sim/network.hpp"

#include "sim/violation.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::sim {

namespace {

constexpr std::byte rubbish{0xEE};

std::string way_text(Rank from, Rank to, int channel) {
    return "from rank " + std::to_string(from) + " to rank " + std::to_string(to) +
           (channel < 0 ? std::string(" (control)") : " on channel " + std::to_string(channel));
}

}  // namespace

Network::Network(Timeline& timeline, Random& random, const Delays& delays, Rank ranks)
    : timeline_(timeline),
      random_(random),
      delays_(delays),
      ends_(static_cast<std::size_t>(ranks)) {}

std::size_t Network::queue(Rank from, Rank to, int channel) {
    const auto part = [](auto value) {
        return static_cast<std::uint64_t>(static_cast<std::uint16_t>(value));
    };
    const std::uint64_t key = part(from) << 32U | part(to) << 16U | part(channel);
    const auto [known, added] = queue_of_.try_emplace(key, queues_.size());
    if (added) queues_.emplace_back();
    return known->second;
}

Ticks Network::delay(Ticks longest) {
    return delays_.random ? random_.below(longest + 1) : longest;
}

Ticks Network::way(Rank from, Rank to) {
    const bool slow =
        from == delays_.slow || to == delays_.slow || random_.chance(delays_.straggler_percent);
    return delay(slow ? delays_.straggler : delays_.message);
}

std::size_t Network::add(Operation operation) {
    ++end(operation.rank).outstanding;
    operations_.push_back(operation);
    return operations_.size() - 1;
}

void Network::report_later(std::size_t operation) {
    timeline_.add(delay(delays_.report), Timeline::Kind::report, operation);
}

// ---- sending
// -------------------------------------------------------------------------------------------------

std::size_t Network::dispatch(Message message) {
    message.queue = queue(message.from, message.to, message.channel);
    Queue& way_there = queues_[message.queue];
    const std::size_t index = messages_.size();
    // No overtaking: not before the one that was sent before. At the same time, the timeline keeps
    // the order.
    way_there.last_arrival =
        std::max(way_there.last_arrival, timeline_.now() + way(message.from, message.to));
    timeline_.add(way_there.last_arrival - timeline_.now(), Timeline::Kind::arrive, index);
    messages_.push_back(std::move(message));
    sender_operation_.push_back(none);
    return index;
}

void Network::send(Rank self, std::int32_t flow, Rank to, int channel, Segment segment,
                   std::size_t bytes, const std::byte* from, bool synchronous, bool damaged) {
    std::vector<int>& under_way = end(self).under_way;
    const auto f = static_cast<std::size_t>(flow);
    if (f >= under_way.size()) under_way.resize(f + 1);
    ++under_way[f];
    const bool eager = !synchronous && random_.chance(delays_.eager_percent);
    const std::size_t message = dispatch({.from = self,
                                          .to = to,
                                          .channel = channel,
                                          .flow = flow,
                                          .segment = segment,
                                          .bytes = bytes,
                                          .memory = from,
                                          .eager = eager,
                                          .damaged = damaged});
    sender_operation_[message] = add({.kind = Operation::Kind::send,
                                      .rank = self,
                                      .flow = flow,
                                      .segment = segment,
                                      .peer = to,
                                      .message = message});
    if (eager) report_later(sender_operation_[message]);
}

void Network::send_control(Rank self, Rank to, std::vector<std::byte> message) {
    static_cast<void>(dispatch({.from = self,
                                .to = to,
                                .channel = control_channel,
                                .bytes = message.size(),
                                .copy = std::move(message)}));
}

int Network::under_way(Rank rank, std::int32_t flow) const {
    const std::vector<int>& flows = ends_[static_cast<std::size_t>(rank)].under_way;
    return static_cast<std::size_t>(flow) < flows.size() ? flows[static_cast<std::size_t>(flow)]
                                                         : 0;
}

Network::Report Network::arrive(std::size_t index) {
    Message& message = messages_[index];
    if (message.channel == control_channel) {
        message.matched = true;
        return {.to = message.to,
                .completion = Completion{.kind = Completion::Kind::control,
                                         .peer = message.from,
                                         .message = std::move(message.copy)}};
    }
    Queue& here = queues_[message.queue];
    if (here.posted.empty()) {
        here.unexpected.push_back(index);
        return {};
    }
    const std::size_t receive = here.posted.front();
    here.posted.erase(here.posted.begin());
    match(index, receive);
    return {};
}

// ---- receiving
// -----------------------------------------------------------------------------------------------

void Network::post(Operation operation) {
    operation.queue = queue(operation.peer, operation.rank, operation.channel);
    const std::size_t index = add(operation);
    Queue& here = queues_[operation.queue];
    if (here.unexpected.empty()) {
        here.posted.push_back(index);
        return;
    }
    const std::size_t message = here.unexpected.front();
    here.unexpected.erase(here.unexpected.begin());
    match(message, index);
}

void Network::receive(Rank self, std::int32_t flow, Rank from, int channel, Segment segment,
                      std::size_t bytes, std::byte* into) {
    if (into != nullptr) std::fill_n(into, bytes, rubbish);
    post({.kind = Operation::Kind::receive,
          .rank = self,
          .flow = flow,
          .segment = segment,
          .peer = from,
          .channel = channel,
          .bytes = bytes,
          .into = into});
}

void Network::match(std::size_t message, std::size_t operation) {
    Message& matched = messages_[message];
    matched.matched = true;
    operations_[operation].message = message;
    report_later(operation);
    if (!matched.eager) report_later(sender_operation_[message]);
    if (matched.flow >= 0) --end(matched.from).under_way[static_cast<std::size_t>(matched.flow)];
}

void Network::cancel(Rank self, std::int32_t flow, Segment first) {
    bool posted = false;
    for (std::size_t i = operations_.size(); i-- > 0;) {
        Operation& receive = operations_[i];
        if (receive.kind != Operation::Kind::receive || receive.rank != self ||
            receive.flow != flow || receive.segment < first || receive.cancelled ||
            receive.forsaken || receive.reported) {
            continue;
        }
        // The cancellation of a matched receive would never end.
        if (receive.message != none) {
            throw Violation("rank " + std::to_string(self) + " cancels the receive of segment " +
                            std::to_string(receive.segment) + ", which is under way");
        }
        posted = true;
        receive.cancelled = true;
        std::erase(queues_[receive.queue].posted, i);
        report_later(i);
    }
    if (posted) return;
    throw Violation("rank " + std::to_string(self) + " cancels receives that it has not posted");
}

void Network::forsake(Rank self, Rank peer) {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
        Operation& operation = operations_[i];
        if (operation.rank != self || operation.peer != peer || operation.forsaken ||
            operation.reported) {
            continue;
        }
        operation.forsaken = true;
        --end(self).outstanding;
        if (operation.kind == Operation::Kind::receive && operation.message == none &&
            !operation.cancelled)
            std::erase(queues_[operation.queue].posted, i);
    }
}

Rank Network::waits_for(Rank rank) const {
    for (const Operation& operation : operations_) {
        if (operation.rank == rank && !operation.reported && !operation.forsaken)
            return operation.peer;
    }
    return no_rank;
}

// ---- reports
// -------------------------------------------------------------------------------------------------

void Network::deliver(const Operation& receive, Completion& completion) {
    const Message& message = messages_[receive.message];
    completion.damaged = message.damaged || message.bytes != receive.bytes;
    if (receive.into == nullptr) return;
    const std::byte* content = message.copy.empty() ? message.memory : message.copy.data();
    std::copy_n(content, std::min(message.bytes, receive.bytes), receive.into);
}

Network::Report Network::report(std::size_t index) {
    Operation& operation = operations_[index];
    operation.reported = true;
    if (operation.forsaken) return {};
    --end(operation.rank).outstanding;
    Completion completion{
        .flow = operation.flow, .segment = operation.segment, .peer = operation.peer};
    if (operation.kind == Operation::Kind::send) {
        // From here on the sender may change its memory. At machine level there is none.
        Message& message = messages_[operation.message];
        if (message.memory != nullptr) {
            message.copy.assign(message.memory, message.memory + message.bytes);
        }
        completion.kind = Completion::Kind::sent;
    } else if (operation.cancelled) {
        completion.kind = Completion::Kind::dropped;
    } else {
        completion.carried = messages_[operation.message].segment;
        deliver(operation, completion);
    }
    return {.to = operation.rank, .completion = std::move(completion)};
}

void Network::check_empty() const {
    for (const Message& message : messages_) {
        if (message.matched) continue;
        throw Violation(
            "a message " + way_text(message.from, message.to, message.channel) +
            (message.segment < 0 ? "" : " with segment " + std::to_string(message.segment)) +
            " was never received");
    }
    for (const Operation& operation : operations_) {
        if (operation.message != none || operation.cancelled) continue;
        throw Violation("rank " + std::to_string(operation.rank) +
                        " has left a receive posted for rank " + std::to_string(operation.peer));
    }
}

}  // namespace splitcast::sim
