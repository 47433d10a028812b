#pragma once

#include "sim/port.hpp"

#include <cstddef>
#include <deque>
#include <vector>

namespace splitcast::sim {

/// A rank that is a machine and nothing else: hears of everything at once, acts at once.
class MachineNode final : public Node {
public:
    explicit MachineNode(Port port);

    void enter() override;
    void hear(Completion completion) override;
    void tick() override;
    void bring_ballot() override;
    void resume() override;
    void leave() override;
    void come_back() override;
    void stream() override;
    void answer(const Completion& message) override;
    [[nodiscard]] bool returned() const override { return returned_; }

private:
    /// What is to be done, with the message that is to be sent.
    struct Duty {
        Action action;
        ControlMessage message{};
    };

    [[nodiscard]] Ticks now() const { return port_.stage().timeline.now(); }
    void step(const Event& event);
    void take(const Event& event);
    void act();
    void carry_out(Duty& duty);
    void stream_later();
    [[nodiscard]] std::size_t bytes(Segment segment) const {
        return static_cast<std::size_t>(segmentation_.size(segment));
    }

    Port port_;
    Segmentation segmentation_;
    Machine machine_;
    std::deque<Duty> duties_;
    Segment ring_ = 0;
    Segment bound_ = 0;  ///< below it, the ring has room
    bool will_stream_ = false;
    bool returned_ = false;
};

/// The configuration of a rank's machine in a scenario.
[[nodiscard]] Machine::Config configuration(const Stage& stage, Rank rank);

}  // namespace splitcast::sim
