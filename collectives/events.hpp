#pragma once

#include "collectives/control.hpp"
#include "collectives/types.hpp"

#include <cstddef>
#include <cstdint>

namespace splitcast::collectives {

/// Something that happened in the world. The driver reports events in the order in which it saw
/// them.
struct Event {
    enum class Kind : std::uint8_t {
        start,      ///< the rank has entered the call
        received,   ///< `segment` of in-flow `flow` has arrived; `damaged` if it did not arrive
                    ///< whole
        sent,       ///< the send of `segment` on out-flow `flow` is complete
        control,    ///< `message` came from rank `peer`
        readable,   ///< what a source or a store reads piecemeal: of the segments that this rank
                    ///< held when the epoch began, those below `segment` are in memory now
        writable,   ///< a bounded buffer: segments below `segment` may be received now
        dropped,    ///< the receive of `segment` on in-flow `flow` was cancelled
        failed,     ///< rank `peer` has died
        tick,       ///< time has passed and everything that had happened by `now` was reported
        ballot,     ///< this rank's `ballot` is known now (Machine::Config::ballot_pending)
        leaving,    ///< the caller goes on with something else and will come back
        returning,  ///< it is back
    };
    Kind kind = Kind::start;
    Ticks now = 0;
    std::int32_t flow = -1;
    Segment segment = -1;
    Rank peer = no_rank;
    bool damaged = false;
    Ballot ballot = no_ballot;
    const ControlMessage* message = nullptr;
};

/// Something the driver must do. Actions are to be carried out in the order in which they are
/// given. Numbers of flows are never used twice in a broadcast.
struct Action {
    enum class Kind : std::uint8_t {
        receive,  ///< post a receive for `segment` on in-flow `flow`, straight into its place
        send,  ///< send `segment` on out-flow `flow`; if `synchronous`, report it when the receiver
               ///< took it
        send_control,  ///< send `outgoing()[message]` to rank `peer`
        cancel,   ///< cancel the receives on in-flow `flow` of `segment` and all after it; each is
                  ///< answered by `dropped`
        forsake,  ///< rank `peer` is lost: report nothing more of what is under way from and to it,
                  ///< and take back what can be taken back
        renew,    ///< a new epoch has begun: a buffer that is filled piecemeal starts again
        finish,   ///< the broadcast is over on this rank, see `outcome()`; no further event is
                  ///< wanted
    };
    Kind kind = Kind::finish;
    bool synchronous = false;
    std::int32_t flow = -1;
    Segment segment = -1;
    Rank peer = no_rank;
    std::int32_t channel = 0;
    std::size_t message = 0;
};

}  // namespace splitcast::collectives
