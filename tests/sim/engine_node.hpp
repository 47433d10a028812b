#pragma once

#include "engine/broadcast.hpp"
#include "sim/port.hpp"
#include "sim/streams.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace splitcast::sim {

/// A rank that is the whole engine with bytes in memory: looks around from time to time, finds
/// several things that have happened at once, in any order.
class EngineNode final : public Node {
public:
    explicit EngineNode(Port port);

    void enter() override;
    void hear(Completion completion) override;
    void wake() override;
    void stream() override;
    [[nodiscard]] bool returned() const override { return returned_; }

private:
    class Wire;

    void make_broadcast();
    void wake_later();
    void look_for_the_end();
    void check_memory();

    Port port_;
    std::unique_ptr<engine::Clock> clock_;
    std::vector<std::byte> whole_;  ///< the caller's buffer, unless piecemeal
    std::optional<SlowSource> source_;
    std::optional<SlowSink> sink_;
    Wire* wire_ = nullptr;  ///< belongs to the broadcast
    std::unique_ptr<engine::Broadcast> broadcast_;
    bool will_wake_ = false;
    bool returned_ = false;
};

}  // namespace splitcast::sim
