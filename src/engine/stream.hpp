#pragma once

#include "splitcast/error.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace splitcast::engine {

/// Where the root's bytes come from when they are not in memory as they are to be sent: a file, a
/// dataset, the packing of a scattered datatype. Asked for by the progress loop; may work in a
/// thread of its own. In ascending order, each byte once; but when ranks were lost, bytes that
/// somebody lacks are asked for again, from the first of them on.
class Source {
public:
    virtual ~Source() = default;

    /// Fetch the bytes from `offset` on into `into`, which stays valid until `ready` covers it.
    virtual void request(std::int64_t offset, std::span<std::byte> into) = 0;

    /// How many bytes are in place, of all that were asked for, in the order of asking. Cheap:
    /// called all the time.
    virtual std::int64_t ready() = 0;

    /// What went wrong, if anything. After an error the source keeps answering `ready` (the content
    /// is then undefined), so that nobody waits for ever; the caller's verdict must tell.
    virtual std::optional<Error> error() = 0;
};

/// Where a rank's bytes go when their place is not the caller's memory. Offered in ascending order,
/// each byte once; may work in a thread of its own.
class Sink {
public:
    virtual ~Sink() = default;

    /// Take these bytes; they stay valid until `taken` covers them.
    virtual void offer(std::int64_t offset, std::span<const std::byte> bytes) = 0;

    /// How many bytes from the front are done with. Cheap: called all the time.
    virtual std::int64_t taken() = 0;

    /// Where all the bytes lie in the end, if the sink has such a place: then they are received
    /// there, in any order, can be sent on from there at any time, and are offered in place. Empty
    /// if not: they come through a ring.
    virtual std::span<std::byte> memory() { return {}; }

    /// With memory only: bytes below `below` are to be received soon; makes their place ready.
    virtual void make_room(std::int64_t /*below*/) {}

    /// How many bytes from the front have a place that can be written to. Cheap.
    virtual std::int64_t room() { return std::numeric_limits<std::int64_t>::max(); }

    /// What went wrong, if anything. After an error the sink keeps taking, and drops.
    virtual std::optional<Error> error() = 0;
};

}  // namespace splitcast::engine
