#pragma once

#include "sim/port.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace splitcast::sim {

/// A rank that is a machine and nothing else: hears of everything at once, acts at once.
class MachineNode final : public Node {
public:
    explicit MachineNode(Port port);

    void enter() override;
    void hear(std::optional<engine::Completion> reported) override;
    [[nodiscard]] bool returned() const override { return returned_; }

private:
    void step(const Event& event);
    void carry_out(const Action& action);
    [[nodiscard]] std::size_t bytes(Segment segment) const {
        return static_cast<std::size_t>(segmentation_.size(segment));
    }

    Port port_;
    Segmentation segmentation_;
    Machine machine_;
    std::vector<Action> altered_;
    bool returned_ = false;
};

/// The configuration of a rank's machine in a scenario.
[[nodiscard]] Machine::Config configuration(const Stage& stage, Rank rank);

}  // namespace splitcast::sim
