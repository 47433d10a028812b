// The part of the machine that goes from one epoch to the next. See machine.hpp for the idea.

#include "collectives/machine.hpp"
#include "collectives/repair.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::collectives {

using Kind = ControlMessage::Kind;

// ---- losses
// --------------------------------------------------------------------------------------------------

// True if a member of this epoch is gone that was not gone before.
bool Machine::lose(Loss loss) {
    if (loss.rank == config_.self) return false;
    const Ticks silence = pulse_.silence(loss.rank, now_);
    if (!membership_.lose(loss)) return false;
    if (totals_.noticed == 0) {
        totals_.noticed = now_;
        totals_.silence = std::max<Ticks>(silence, 0);
    }
    pulse_.forget(loss.rank);
    mover_->forsake(loss.rank);
    reports_.erase(loss.rank);
    actions_.push_back({.kind = Action::Kind::forsake, .peer = loss.rank});
    return true;
}

// Takes over what another rank knows. True if that changes who is present.
bool Machine::learn(const ControlMessage& message) {
    bool fresh = false;
    for (const Loss& loss : message.losses) {
        if (loss.rank == config_.self) {
            be_evicted();
            return false;
        }
        if (lose(loss)) fresh = true;
    }
    spoilers_.insert(message.spoilers.begin(), message.spoilers.end());
    return fresh;
}

// It does not know that others have left it out, or are about to.
void Machine::from_the_lost(Rank from, const ControlMessage& message) {
    if (membership_.dead(from) || message.kind == Kind::decision) return;
    if (!membership_.member(from)) {
        send_control(from, {.kind = Kind::evicted});
    } else if (message.kind == Kind::call) {
        // Before it is agreed on it is left in silence: where two parts accuse each other, one has
        // to give up. But it waits for this rank now, and silence of a rank that it has never heard
        // of would not be noticed.
        send_control(from, {.kind = Kind::beat, .away = away_});
    }
}

// Something is wrong with this epoch, and whoever has to know is told.
void Machine::react() {
    if (state_ == State::done) return;
    if (state_ == State::committing) {
        // Also without a quorum: those who are silent may have returned.
        decide();
    } else if (!membership_.quorum()) {
        be_evicted();
    } else if (membership_.coordinator() == config_.self) {
        begin_attempt();
    } else {
        send_control(membership_.coordinator(),
                     {.kind = Kind::notice,
                      .attempt = promised_,
                      .verdict = damaged_ ? Verdict::damaged : Verdict::none,
                      .losses = membership_.losses(),
                      .spoilers = {spoilers_.begin(), spoilers_.end()}});
        pulse_.watch(neighbours(), now_);
    }
}

void Machine::damage(Rank by) {
    const bool first = !damaged_;
    damaged_ = true;
    spoilers_.insert(by);
    if (!recovers()) {
        verdict_ = Verdict::damaged;
        return;
    }
    // One notice an epoch: what else is bad is reported with what is held.
    if (first && state_ != State::regrouping) react();
}

void Machine::on_notice(Rank /*from*/, const ControlMessage& message) {
    if (learn(message)) {
        react();
        return;
    }
    const bool leads = state_ == State::regrouping
                           ? leader() == config_.self
                           : membership_.coordinator() == config_.self && membership_.quorum();
    if (message.attempt > promised_ && leads && state_ != State::committing &&
        state_ != State::done) {
        // An earlier coordinator had got further than this one knew. Who has followed that one will
        // take no epoch of this rank's, not even one that is formed already.
        promised_ = message.attempt;
        begin_attempt();
        return;
    }
    const bool bad_bytes = message.verdict == Verdict::damaged && message.epoch == epoch_;
    if (bad_bytes &&
        (state_ == State::surveying || state_ == State::moving || state_ == State::completing)) {
        react();
    }
}

// ---- an attempt to form an epoch
// -----------------------------------------------------------------------------

void Machine::begin_attempt() {
    join((promised_ / ranks() + 1) * ranks() + static_cast<Attempt>(config_.self));
    if (state_ == State::done) return;
    reports_.clear();
    for (const Rank rank : membership_.present()) {
        if (rank == config_.self) continue;
        send_control(rank, {.kind = Kind::call,
                            .attempt = promised_,
                            .losses = membership_.losses(),
                            .spoilers = {spoilers_.begin(), spoilers_.end()}});
    }
}

void Machine::on_call(Rank from, const ControlMessage& message) {
    if (!recovers() && !collecting_) {
        // Others still wait for this rank's part in the survey, and nobody will call them off.
        early_call_ = message.attempt;
        return;
    }
    const bool fresh = learn(message);
    if (state_ == State::done) return;
    if (message.attempt > promised_) {
        join(message.attempt);
    } else if (message.attempt < promised_) {
        send_control(from, {.kind = Kind::notice, .attempt = promised_});
    }
    // Whoever else has to know is told by the caller; but the caller may be the wrong one.
    if (fresh && !membership_.quorum()) be_evicted();
}

void Machine::join(Attempt attempt) {
    promised_ = attempt;
    reported_ = false;
    if (state_ == State::committing) {
        decide();
        return;
    }
    if (state_ != State::regrouping) fire(Trigger::called);
    if (recovers()) pulse_.watch(neighbours(), now_);
}

void Machine::stop_moving() {
    mover_->stop();
    if (!recovers()) {
        mover_->withdraw(actions_);  // all know already that nothing was sent
        return;
    }
    for (const Rank peer : mover_->partners()) {
        if (membership_.gone(peer)) continue;
        send_control(peer,
                     {.kind = Kind::flush, .attempt = promised_, .counts = mover_->sent_to(peer)});
        if (const auto told = flushed_.find(peer); told != flushed_.end())
            mover_->flush(peer, told->second, actions_);
    }
}

void Machine::on_flush(Rank from, const ControlMessage& message) {
    // Not an attempt of a rank that is not heard any more, or will never be heard again.
    if (message.attempt > promised_ && !membership_.gone(leader(message.attempt)))
        join(message.attempt);
    if (state_ == State::done) return;
    if (message.epoch == epoch_) {
        flushed_[from] = message.counts;
        // Else when this rank stops as well.
        if (state_ == State::regrouping) mover_->flush(from, message.counts, actions_);
        // A rank that was called otherwise takes this one for a partner that it is not.
        if (!std::ranges::binary_search(mover_->partners(), from))
            send_control(from, {.kind = Kind::flush, .attempt = promised_});
    } else if (message.epoch > epoch_) {
        // An epoch that this rank never reached, and never will, having promised a later one.
        send_control(from, {.kind = Kind::flush, .attempt = promised_});
        outgoing_.back().epoch = message.epoch;
    }
}

void Machine::report_when_drained() {
    if (reported_ || !mover_->drained()) return;
    reported_ = true;
    ControlMessage report{.kind = Kind::report,
                          .attempt = promised_,
                          .verdict = damaged_ ? Verdict::damaged : Verdict::none,
                          .survey = mine_,
                          .losses = membership_.losses(),
                          .spoilers = {spoilers_.begin(), spoilers_.end()},
                          .holdings = {held_}};
    if (leader() == config_.self) {
        reports_[config_.self] = std::move(report);
        form_when_all_reported();
    } else {
        send_control(leader(), std::move(report));
    }
}

void Machine::on_report(Rank from, const ControlMessage& message) {
    if (learn(message)) {
        react();
        return;
    }
    if (state_ != State::regrouping || message.attempt != promised_ || leader() != config_.self)
        return;
    if (message.holdings.size() != 1) return;
    reports_[from] = message;
    form_when_all_reported();
}

void Machine::form_when_all_reported() {
    const std::vector<Rank> present = membership_.present();
    ControlMessage epoch{.kind = Kind::epoch, .attempt = promised_};
    bool bad_bytes = false;
    for (const Rank rank : present) {
        const auto report = reports_.find(rank);
        if (report == reports_.end()) return;
        epoch.survey.fold(report->second.survey);
        epoch.holdings.push_back(report->second.holdings.front());
        if (report->second.verdict == Verdict::damaged) bad_bytes = true;
    }
    if (bad_bytes && ++damages_ > config_.recovery.damage_limit) epoch.verdict = Verdict::damaged;
    epoch.losses = membership_.losses();
    epoch.spoilers.assign(spoilers_.begin(), spoilers_.end());
    for (const Rank rank : membership_.members()) {
        if (rank == config_.self || membership_.dead(rank)) continue;
        if (membership_.gone(rank)) {
            send_control(rank, {.kind = Kind::evicted});
        } else {
            send_control(rank, epoch);
        }
    }
    adopt(epoch);
}

void Machine::on_epoch(const ControlMessage& message) {
    if (state_ != State::regrouping || message.attempt != promised_) return;
    const auto left = std::ranges::count_if(membership_.members(), [&message](Rank rank) {
        return std::ranges::find(message.losses, rank, &Loss::rank) == message.losses.end();
    });
    if (left == std::ssize(message.holdings)) adopt(message);
}

// ---- a new epoch
// ---------------------------------------------------------------------------------------------

void Machine::adopt(const ControlMessage& epoch) {
    for (const Loss& loss : epoch.losses) lose(loss);
    membership_.renew(epoch.losses, epoch.survey.view.root);
    all_have_entered();  // they have reported
    agreed_losses_ = epoch.losses;
    agreed_ = epoch.survey;
    spoilers_ = {epoch.spoilers.begin(), epoch.spoilers.end()};
    const bool intact = totals_.noticed == 0 && epoch.losses.empty() && epoch.spoilers.empty();
    if (epoch_ == base_ && intact) base_ = epoch.attempt;
    epoch_ = epoch.attempt;
    damaged_ = false;
    flushed_.clear();
    reports_.clear();
    early_.erase(early_.begin(), early_.lower_bound({epoch_, 0, 0}));
    ++totals_.epochs;
    totals_.regrouped = now_;

    verdict_ = epoch.verdict == Verdict::none ? Verdict::success : epoch.verdict;
    if (epoch.survey.differs()) verdict_ = Verdict::mismatch;
    RankPlan mine;
    bool moves = false;
    if (verdict_ == Verdict::success) {
        std::vector<Holdings> holdings(static_cast<std::size_t>(config_.ranks));
        const std::vector<Rank>& members = membership_.members();
        for (std::size_t i = 0; i < members.size(); ++i)
            holdings[static_cast<std::size_t>(members[i])] = epoch.holdings[i];
        const Recovery& how = config_.recovery;
        const Planned planned = plan_repair({.holdings = holdings,
                                             .live = members,
                                             .root = config_.view.root,
                                             .mirrors = how.mirrors,
                                             .spoilers = epoch.spoilers,
                                             .resend = how.resend},
                                            how.placement, how.shape);
        if (const auto* without = std::get_if<Unrecoverable>(&planned)) {
            verdict_ = Verdict::lost;
            missing_ = without->missing;
        } else {
            const Plan& plan = std::get<Plan>(planned);
            moves = !plan.transfers.empty();
            mine = rank_plan(plan, config_.self);
        }
    }
    const Segment in_memory = config_.piecemeal ? 0 : held_.segments();
    mover_ = std::make_unique<Mover>(
        std::move(mine),
        Mover::Limits{.receive_depth = config_.receive_depth, .window = config_.window},
        mover_->end(), held_, in_memory, in_memory);
    // Of the members, some may be known here to be lost although the coordinator did not know it.
    for (const Rank rank : membership_.members()) {
        if (membership_.gone(rank)) mover_->forsake(rank);
    }
    actions_.push_back({.kind = Action::Kind::renew});
    const bool awaits = config_.ballot_pending && verdict_ == Verdict::success;
    fire(moves ? Trigger::formed : awaits ? Trigger::awaits_ballot : Trigger::settled);
    if (membership_.torn()) react();
}

void Machine::begin_epoch() {
    if (recovers()) pulse_.watch(neighbours(), now_);
    mover_->post_receives(actions_);
    begin_stage(views);
}

// ---- the end
// -------------------------------------------------------------------------------------------------

ControlMessage Machine::decision() const {
    ControlMessage message{.kind = Kind::decision,
                           .epoch = epoch_,
                           .verdict = verdict_,
                           .survey = agreed_,
                           .losses = agreed_losses_,
                           .spoilers = {spoilers_.begin(), spoilers_.end()}};
    if (verdict_ == Verdict::lost) {
        Holdings left = Holdings::everything(held_.segments());
        for (const Range& range : missing_) {
            for (Segment s = range.begin; s < range.end; ++s) left.remove(s);
        }
        message.holdings.push_back(std::move(left));
    }
    return message;
}

// All members are ready and this rank knows it: whatever happens now, the verdict stands. Those who
// do not know it yet must not wait for this rank, which is about to return.
void Machine::decide() {
    const ControlMessage message = decision();
    for (const Rank rank : membership_.present()) {
        if (rank != config_.self) send_control(rank, message);
    }
    fire(Trigger::decided);
}

void Machine::on_decision(const ControlMessage& message) {
    if (state_ == State::done || state_ == State::idle) return;
    verdict_ = message.verdict;
    agreed_ = message.survey;
    agreed_losses_ = message.losses;
    spoilers_ = {message.spoilers.begin(), message.spoilers.end()};
    if (!message.holdings.empty()) missing_ = message.holdings.front().missing();
    decide();
}

void Machine::be_evicted() {
    if (state_ == State::done || state_ == State::idle) return;
    verdict_ = Verdict::evicted;
    // Also those who were left out before: somebody who does not know that this rank has ever
    // entered would wait for it.
    for (const Rank rank : config_.members) {
        if (rank == config_.self || membership_.dead(rank)) continue;
        send_control(rank, {.kind = Kind::notice, .losses = {{.rank = config_.self}}});
        if (membership_.gone(rank)) continue;
        mover_->forsake(rank);
        actions_.push_back({.kind = Action::Kind::forsake, .peer = rank});
    }
    agreed_losses_.clear();
    fire(Trigger::decided);
}

Epilogue Machine::epilogue() const {
    return {.answers = recovers() && verdict_ != Verdict::evicted, .decision = decision()};
}

std::optional<ControlMessage> Epilogue::answer(Rank from, const ControlMessage& message) const {
    if (!answers || message.kind == Kind::evicted || message.kind == Kind::decision)
        return std::nullopt;
    if (std::ranges::find(decision.losses, from, &Loss::rank) != decision.losses.end())
        return ControlMessage{.kind = Kind::evicted, .epoch = decision.epoch};
    switch (message.kind) {
        case Kind::notice:
        case Kind::call:
        case Kind::flush:
        case Kind::report: return decision;
        default: return std::nullopt;
    }
}

// Only where all members are known to be here does anybody speak of all having entered before this
// one has.
std::optional<ControlMessage> answer_before_entry(const ControlMessage& message) {
    if (message.kind != Kind::beat || !message.entered) return std::nullopt;
    return ControlMessage{.kind = Kind::beat, .epoch = message.epoch};
}

// ---- heartbeats
// ----------------------------------------------------------------------------------------------

// Everybody has somebody who would notice its silence: the ranks it exchanges segments with and the
// next one, or its neighbours in a binary heap of all members below the root. Between two epochs
// those who wait for each other: the coordinator and all others.
std::vector<Rank> Machine::neighbours() const {
    const Recovery& how = config_.recovery;
    std::vector<Rank> ranks;
    if (!how.peer_beats && !how.root_beats) return ranks;
    const std::vector<Rank>& members = membership_.members();
    const std::size_t size = members.size();
    const auto self =
        static_cast<std::size_t>(std::ranges::lower_bound(members, config_.self) - members.begin());
    if (how.peer_beats) {
        ranks = mover_->partners();
        ranks.push_back(members[(self + 1) % size]);
        ranks.push_back(members[(self + size - 1) % size]);
    }
    if (how.root_beats) {
        const auto add_tree_below = [&](std::size_t root) {
            const std::size_t place = (self + size - root) % size;
            const auto at = [&](std::size_t p) { return members[(p + root) % size]; };
            if (place > 0) ranks.push_back(at((place - 1) / 2));
            for (const std::size_t child : {2 * place + 1, 2 * place + 2}) {
                if (child < size) ranks.push_back(at(child));
            }
        };
        const auto found = std::ranges::find(members, agreed_.view.root);
        add_tree_below(
            static_cast<std::size_t>(found == members.end() ? 0 : found - members.begin()));
        // Some may have been called with another root, and not know yet whose view counts. In a
        // tree that is not the same for everybody, somebody may have nobody.
        if (epoch_ == 0) add_tree_below(0);
    }
    if (state_ == State::regrouping) {
        if (leader() == config_.self) {
            ranks = members;
        } else {
            ranks.push_back(leader());
        }
    }
    // Whoever was given notice has to act on it.
    if (membership_.torn() || damaged_) ranks.push_back(membership_.coordinator());
    std::erase_if(ranks,
                  [this](Rank rank) { return rank == config_.self || membership_.gone(rank); });
    return ranks;
}

void Machine::on_tick() {
    if (!recovers() || state_ == State::idle) return;
    const Pulse::Due due = pulse_.tick(now_);
    bool fresh = false;
    for (const Rank rank : due.silent) {
        if (lose({.rank = rank, .dead = false})) fresh = true;
    }
    for (const Rank rank : due.beat) {
        if (!membership_.gone(rank)) send_control(rank, {.kind = Kind::beat, .away = away_});
    }
    if (fresh) react();
}

// Everybody is told, and not only those who watch this rank: any of them may come to lead an
// attempt, and would take it for silent.
void Machine::go(bool away) {
    if (!recovers() || state_ == State::idle || away_ == away) return;
    away_ = away;
    for (const Rank rank : membership_.present()) {
        if (rank != config_.self) send_control(rank, {.kind = Kind::beat, .away = away});
    }
}

}  // namespace splitcast::collectives
