#include "api/agreement.hpp"

#include "api/team_impl.hpp"
#include "engine/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

namespace splitcast::api {

namespace {

/// Smaller is more telling.
std::int64_t importance(Status status) {
    constexpr std::array order{Status::argument, Status::setting,     Status::mismatch,
                               Status::lost,     Status::source,      Status::memory,
                               Status::mpi,      Status::destination, Status::integrity,
                               Status::internal};
    return std::ranges::find(order, status) - order.begin();
}

/// An error in transit.
struct Message {
    int status = 0;
    std::array<char, 1500> text{};
};

/// What is too long loses its middle, which is that of a long path: what went wrong comes last.
Message to_message(Status status, std::string text) {
    Message message{.status = static_cast<int>(status)};
    const std::size_t room = message.text.size() - 1;
    if (text.size() > room) {
        constexpr std::string_view gap = " [...] ";
        const std::size_t tail = room / 2;
        const std::size_t head = room - tail - gap.size();
        text = text.substr(0, head) + std::string(gap) + text.substr(text.size() - tail);
    }
    std::ranges::copy(text, message.text.begin());
    return message;
}

}  // namespace

std::optional<Error> locally(const std::function<Result<void>()>& local) {
    try {
        if (auto done = local(); !done) return done.error();
        return std::nullopt;
    } catch (const std::bad_alloc&) {
        return Error{Status::memory, "out of memory"};
    } catch (const std::exception& error) {
        return Error{Status::internal, error.what()};
    }
}

std::optional<Error> beside(const std::function<Result<void>()>& local) {
    std::optional<Error> error;
    engine::progress::beside([&] { error = locally(local); });
    return error;
}

std::optional<Error> agree(Team::Impl& team, const Finding& mine) {
    return agree(team, [&mine] { return mine; });
}

std::optional<Error> agree_on(Team::Impl& team, const std::function<Result<void>()>& local) {
    return agree(team, [&local] { return Finding{.error = beside(local)}; });
}

namespace {

/// Whose error it is, unless it is everybody's; and how many more have one.
Error in_context(Team::Impl& team, const std::optional<Error>& mine, int teller,
                 const Message& told) {
    Error error{static_cast<Status>(told.status), told.text.data()};
    // That data are lost is nobody's fault in particular.
    if (error.status == Status::lost) return error;
    constexpr char none = 0;
    constexpr char another = 1;  // which may come of the one that is told
    constexpr char similar = 2;
    constexpr char the_same = 3;
    char has = none;
    if (mine) {
        const bool same = to_message(mine->status, mine->text).text == told.text;
        has = mine->status != error.status ? another : same ? the_same : similar;
    }
    const auto all = team.exchange([has] { return std::string(1, has); });
    if (!all) return all.error();
    std::ptrdiff_t failed = 0;
    bool alike = true;
    for (const int rank : team.members()) {
        const char theirs = (*all)[static_cast<std::size_t>(rank)].front();
        if (theirs >= similar) ++failed;
        alike = alike && theirs == the_same;
    }
    if (alike) return error;
    error.text = team.who(teller) + ": " + error.text;
    if (failed > 1)
        error.text += fmt::format(" ({} more rank{} failed)", failed - 1, failed > 2 ? "s" : "");
    return error;
}

}  // namespace

std::optional<Error> agree(Team::Impl& team, const std::function<Finding()>& find) {
    using collectives::Ballot;
    std::optional<Finding> mine;
    const auto vote = [&](const engine::Broadcast&) {
        if (!mine) mine = find();
        const Ballot key = mine->error
                               ? (static_cast<Ballot>(importance(mine->error->status)) << 32U) +
                                     static_cast<Ballot>(team.rank())
                               : collectives::no_ballot;
        return Team::Impl::Vote{.ballot = key, .known = mine->known};
    };
    for (;;) {
        const auto lowest = team.lowest(vote);
        if (!lowest) return lowest.error();
        if (*lowest == collectives::no_ballot) return std::nullopt;
        const int teller = static_cast<int>(*lowest & 0xffffffff);
        Message message;
        if (teller == team.rank()) {
            const Error& error = *mine->error;
            message = to_message(error.status, error.text);
        }
        const auto told = team.tell(&message, sizeof message, teller);
        if (told) return in_context(team, mine->error, teller, message);
        // Who was about to tell has died, and what was wrong with it is of no concern any more.
        if (told.error().status != Status::lost) return told.error();
    }
}

Result<bool> any(Team::Impl& team, const std::function<bool()>& mine) {
    const auto lowest = team.lowest([&](const engine::Broadcast&) {
        bool yes = false;
        engine::progress::beside([&] { yes = mine(); });
        return Team::Impl::Vote{.ballot = yes ? 0 : collectives::no_ballot};
    });
    if (!lowest) return lowest.error();
    return *lowest == 0;
}

}  // namespace splitcast::api
