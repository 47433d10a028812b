#pragma once

#include "bench/rivals.hpp"
#include "splitcast/splitcast.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace splitcast::bench {

/// Something that can broadcast. Collective.
class Contender {
public:
    virtual ~Contender() = default;

    [[nodiscard]] virtual const std::string& name() const = 0;

    /// What has to be done before the clock starts.
    virtual void prepare() {}

    virtual Result<void> broadcast(std::span<std::byte> buffer, int root) = 0;

    /// One line on how it went about the last broadcast; empty if it does not tell.
    [[nodiscard]] virtual std::string choice() const { return {}; }
};

/// splitcast on a team, which has to outlive it.
class Splitcast final : public Contender {
public:
    explicit Splitcast(Team& team) : team_(team) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    Result<void> broadcast(std::span<std::byte> buffer, int root) override;
    [[nodiscard]] std::string choice() const override { return choice_; }

private:
    Team& team_;
    std::string name_ = "splitcast";
    std::string choice_;
};

/// A rival, which has to outlive it.
class Other final : public Contender {
public:
    explicit Other(Rival& rival) : rival_(rival) {}
    [[nodiscard]] const std::string& name() const override { return rival_.name(); }
    void prepare() override { rival_.activate(); }
    Result<void> broadcast(std::span<std::byte> buffer, int root) override;

private:
    Rival& rival_;
};

}  // namespace splitcast::bench
