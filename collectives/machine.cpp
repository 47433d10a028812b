#include "collectives/machine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace splitcast::collectives {

// The life of a broadcast. A pair of state and trigger that has no row does not happen; `fire`
// ignores it.
struct Machine::Row {
    State from;
    Trigger on;
    State to;
    void (Machine::*then)();
};

const Machine::Row Machine::table[] = {
    {State::idle, Trigger::start, State::surveying, &Machine::enter},
    {State::surveying, Trigger::views_agree, State::moving, &Machine::begin_moving},
    {State::surveying, Trigger::views_differ, State::withdrawing, &Machine::withdraw},
    {State::surveying, Trigger::views_resume, State::surveying, &Machine::collect},
    {State::moving, Trigger::flows_done, State::completing, &Machine::finish_moving},
    {State::withdrawing, Trigger::withdrawn, State::completing, &Machine::give_up},
    {State::completing, Trigger::all_complete, State::committing, &Machine::all_are_complete},
    {State::committing, Trigger::all_committed, State::done, &Machine::finish},

    {State::surveying, Trigger::called, State::regrouping, &Machine::stop_moving},
    {State::moving, Trigger::called, State::regrouping, &Machine::stop_moving},
    {State::withdrawing, Trigger::called, State::regrouping, &Machine::stop_moving},
    {State::completing, Trigger::called, State::regrouping, &Machine::stop_moving},
    {State::regrouping, Trigger::formed, State::surveying, &Machine::begin_epoch},
    {State::regrouping, Trigger::settled, State::completing, &Machine::settle},
    {State::regrouping, Trigger::awaits_ballot, State::moving, &Machine::keep_waiting},

    {State::surveying, Trigger::decided, State::done, &Machine::finish},
    {State::moving, Trigger::decided, State::done, &Machine::finish},
    {State::withdrawing, Trigger::decided, State::done, &Machine::finish},
    {State::regrouping, Trigger::decided, State::done, &Machine::finish},
    {State::completing, Trigger::decided, State::done, &Machine::finish},
    {State::committing, Trigger::decided, State::done, &Machine::finish},
};

bool Machine::fire(Trigger trigger) {
    const Row* const row = std::ranges::find_if(
        table, [&](const Row& r) { return r.from == state_ && r.on == trigger; });
    if (row == std::end(table)) return false;
    state_ = row->to;
    (this->*row->then)();
    return true;
}

Machine::Machine(Config config) : config_(std::move(config)), held_(std::move(config_.held)) {
    if (config_.members.empty()) {
        for (Rank rank = 0; rank < config_.ranks; ++rank) config_.members.push_back(rank);
    }
    membership_ = Membership(config_.members, config_.self);
    const Segment in_memory = config_.piecemeal ? 0 : held_.segments();
    if (config_.resumes) config_.plan = {};  // it would receive what it has
    mover_ = std::make_unique<Mover>(
        std::move(config_.plan),
        Mover::Limits{.receive_depth = config_.receive_depth, .window = config_.window}, 0, held_,
        in_memory, in_memory);
    mine_ = {.rank = config_.self,
             .view = config_.view,
             .ballot = config_.ballot,
             .resumes = config_.resumes};
    if (config_.digest) {
        mine_.source = config_.self;
        mine_.digest = *config_.digest;
    }
    agreed_ = mine_;
}

std::span<const Action> Machine::step(const Event& event) {
    actions_.clear();
    outgoing_.clear();
    now_ = event.now;
    if (state_ == State::done) return actions_;
    switch (event.kind) {
        case Event::Kind::start: fire(Trigger::start); break;
        case Event::Kind::received: on_received(event); break;
        case Event::Kind::sent:
            if (!mover_->knows_out(event.flow)) break;
            if (recovers()) pulse_.stirred(mover_->receiver(event.flow), now_);
            mover_->sent(event.flow, event.segment, held_, now_);
            break;
        case Event::Kind::dropped:
            if (mover_->knows_in(event.flow)) mover_->dropped(event.flow, event.segment);
            break;
        case Event::Kind::control: on_control(event.peer, *event.message); break;
        case Event::Kind::readable: mover_->set_readable(event.segment); break;
        case Event::Kind::writable: mover_->set_writable(event.segment); break;
        case Event::Kind::failed:
            if (recovers() && config_.recovery.deaths_are_told &&
                lose({.rank = event.peer, .dead = true}))
                react();
            break;
        case Event::Kind::tick: on_tick(); break;
        case Event::Kind::ballot:
            mine_.ballot = event.ballot;
            config_.ballot_pending = false;
            break;
        case Event::Kind::leaving: go(true); break;
        case Event::Kind::returning: go(false); break;
    }
    check();
    return actions_;
}

// What any event may have made possible.
void Machine::check() {
    if (state_ == State::surveying || state_ == State::moving || state_ == State::regrouping) {
        mover_->post_receives(actions_);
    }
    if (state_ == State::moving) {
        const std::size_t before = actions_.size();
        mover_->pump_sends(held_, now_, actions_);
        for (std::size_t i = before; i < actions_.size(); ++i) {
            ++totals_.segments_sent;
            if (recovers()) pulse_.said(actions_[i].peer, now_);
        }
        const bool whole = recovers() ? !membership_.torn() && !damaged_ : true;
        if (whole && !config_.ballot_pending && mover_->complete(damaged_))
            fire(Trigger::flows_done);
    }
    if (state_ == State::withdrawing && mover_->withdrawn()) fire(Trigger::withdrawn);
    if (state_ == State::regrouping) report_when_drained();
}

void Machine::enter() {
    if (recovers()) {
        pulse_ = Pulse(config_.recovery.pulse, now_);
        pulse_.watch(neighbours(), now_);
        if (config_.all_here) all_have_entered();
    }
    mover_->post_receives(actions_);
    begin_stage(views);
}

void Machine::begin_moving() { all_have_entered(); }

// From now on everybody's silence means something. Whoever knows it tells it with every message:
// of a rank that is lost on its way to the others, only some may have heard.
void Machine::all_have_entered() {
    if (!recovers()) return;
    entered_ = true;
    pulse_.all_are_here(membership_.members(), now_);
}

// Nobody moves anything before it knows everybody's survey, so nothing has moved.
void Machine::collect() {
    all_have_entered();
    collecting_ = true;
    if (early_call_ > 0) {
        join(early_call_);
    } else if (membership_.coordinator() == config_.self) {
        begin_attempt();
    }
}

// ---- segments
// ------------------------------------------------------------------------------------------------

void Machine::on_received(const Event& event) {
    if (!mover_->knows_in(event.flow)) return;
    const Rank from = mover_->sender(event.flow);
    mover_->received(event.flow, event.segment);
    if (recovers()) pulse_.stirred(from, now_);
    if (event.damaged) {
        damage(from);
        return;
    }
    held_.add(event.segment);
    ++totals_.segments_received;
    if (epoch_ > base_) ++totals_.segments_repaired;
}

void Machine::finish_moving() {
    totals_.complete = now_;
    if (recovers() || config_.agree) {
        begin_stage(complete);
    } else {
        fire(Trigger::decided);
    }
}

void Machine::withdraw() {
    if (recovers()) {
        pulse_.watch(neighbours(), now_);  // by the view that is now known to all
        all_have_entered();
    }
    mover_->withdraw(actions_);
}

void Machine::give_up() {
    verdict_ = Verdict::mismatch;
    if (recovers()) {
        begin_stage(complete);
    } else {
        fire(Trigger::decided);
    }
}

void Machine::settle() {
    keep_waiting();
    if (recovers() || config_.agree) {
        begin_stage(complete);
    } else {
        fire(Trigger::decided);
    }
}

// Nothing moves in this epoch, and yet it may last: some ranks bring their ballots late.
void Machine::keep_waiting() {
    if (recovers()) pulse_.watch(neighbours(), now_);
}

void Machine::all_are_complete() {
    if (recovers()) {
        begin_stage(commit);
    } else {
        fire(Trigger::decided);
    }
}

void Machine::finish() {
    outcome_.verdict = verdict_;
    outcome_.ballot = agreed_.ballot;
    outcome_.losses = agreed_losses_;
    outcome_.spoilers.assign(spoilers_.begin(), spoilers_.end());
    if (verdict_ == Verdict::mismatch) outcome_.mismatch = agreed_.mismatch();
    if (verdict_ == Verdict::lost) outcome_.missing = missing_;
    actions_.push_back({.kind = Action::Kind::finish});
}

// ---- agreements
// ----------------------------------------------------------------------------------------------

void Machine::begin_stage(Stage stage) {
    stage_ = stage;
    Survey known = mine_;
    if (stage == commit) known = agreed_;
    agreement_ = Dissemination(membership_.members(), config_.self, known);
    const auto begin = early_.lower_bound({epoch_, stage, 0});
    auto end = begin;
    for (; end != early_.end() && std::get<0>(end->first) == epoch_ &&
           std::get<1>(end->first) == stage;
         ++end) {
        agreement_.hear(std::get<2>(end->first), end->second);
    }
    early_.erase(begin, end);
    pump_agreement();
}

void Machine::pump_agreement() {
    while (const auto word = agreement_.next()) {
        ControlMessage message;
        message.stage = stage_;
        message.round = word->round;
        message.survey = agreement_.known();
        send_control(word->to, std::move(message));
    }
    if (!agreement_.over()) return;
    agreed_ = agreement_.known();
    // Whoever has taken part has adopted the epoch.
    if (recovers()) membership_.settle(agreed_.view.root);
    switch (stage_) {
        case views:
            if (agreed_.differs()) {
                fire(Trigger::views_differ);
            } else {
                fire(agreed_.resumes && epoch_ == 0 ? Trigger::views_resume : Trigger::views_agree);
            }
            break;
        case complete: fire(Trigger::all_complete); break;
        case commit: fire(Trigger::all_committed); break;
    }
}

void Machine::on_survey(const ControlMessage& message) {
    if (message.epoch < epoch_) return;
    const bool now =
        message.epoch == epoch_ && message.stage == stage_ &&
        (state_ == State::surveying || state_ == State::completing || state_ == State::committing);
    if (!now) {
        early_[{message.epoch, message.stage, message.round}] = message.survey;
        return;
    }
    agreement_.hear(message.round, message.survey);
    pump_agreement();
}

void Machine::send_control(Rank to, ControlMessage message) {
    message.epoch = epoch_;
    message.entered = entered_;
    if (recovers()) pulse_.said(to, now_);
    actions_.push_back(
        {.kind = Action::Kind::send_control, .peer = to, .message = outgoing_.size()});
    outgoing_.push_back(std::move(message));
    ++totals_.control_sent;
}

void Machine::on_control(Rank from, const ControlMessage& message) {
    using Kind = ControlMessage::Kind;
    if (!recovers()) {
        switch (message.kind) {
            case Kind::survey: on_survey(message); break;
            case Kind::call: on_call(from, message); break;
            case Kind::report: on_report(from, message); break;
            case Kind::epoch: on_epoch(message); break;
            default: break;
        }
        return;
    }
    if (message.kind == Kind::evicted) {
        be_evicted();
        return;
    }
    if (message.entered && !entered_) all_have_entered();
    if (membership_.gone(from)) {
        from_the_lost(from, message);
        return;
    }
    if (message.kind == Kind::beat) {
        pulse_.beaten(from, now_, message.away);
    } else {
        pulse_.heard(from, now_);
    }
    switch (message.kind) {
        case Kind::survey: on_survey(message); break;
        case Kind::notice: on_notice(from, message); break;
        case Kind::call: on_call(from, message); break;
        case Kind::flush: on_flush(from, message); break;
        case Kind::report: on_report(from, message); break;
        case Kind::epoch: on_epoch(message); break;
        case Kind::decision: on_decision(message); break;
        case Kind::beat:
        case Kind::evicted: break;
    }
}

bool Machine::listens() const {
    return recovers() || state_ == State::surveying || state_ == State::regrouping ||
           state_ == State::completing;
}

std::string_view name(Machine::State state) {
    switch (state) {
        case Machine::State::idle: return "idle";
        case Machine::State::surveying: return "surveying";
        case Machine::State::moving: return "moving";
        case Machine::State::withdrawing: return "withdrawing";
        case Machine::State::regrouping: return "regrouping";
        case Machine::State::completing: return "completing";
        case Machine::State::committing: return "committing";
        case Machine::State::done: return "done";
    }
    return "unknown";
}

}  // namespace splitcast::collectives
