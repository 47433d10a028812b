#pragma once

#include "splitcast/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace splitcast::engine {

/// Where the root's bytes come from when they are not in memory as they are to be sent: a file, a
/// dataset, the packing of a scattered datatype. Asked for by the progress loop, in ascending
/// order, each byte once; may work in a thread of its own.
class Source {
public:
    virtual ~Source() = default;

    /// Fetch the bytes from `offset` on into `into`, which stays valid until `ready` covers it.
    virtual void request(std::int64_t offset, std::span<std::byte> into) = 0;

    /// How many bytes from the front are in place. Cheap: called all the time.
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

    /// What went wrong, if anything. After an error the sink keeps taking, and drops.
    virtual std::optional<Error> error() = 0;
};

}  // namespace splitcast::engine
