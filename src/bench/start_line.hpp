#pragma once

#include <mpi.h>

#include <vector>

namespace splitcast::bench {

/// Seconds on this host's steady clock.
[[nodiscard]] double now();

/// Lets the ranks of a communicator begin something at one moment, however far they are apart and
/// whatever their clocks show. Everything is collective, on the communicator given.
///
/// Ranks that leave a barrier do not leave it together; on slow links that is no small part of what
/// is to be measured. So rank 0 names a moment that is soon to come, in terms of its own clock, and
/// everybody waits for it.
class StartLine {
public:
    explicit StartLine(MPI_Comm communicator);

    /// Compares the clocks again: they drift.
    void synchronize();

    struct Start {
        double at = 0;    ///< the moment, on this rank's clock
        double late = 0;  ///< seconds by which this rank missed it
    };

    /// Returns when the moment has come.
    Start wait();

    /// Some rank was late: the next moments lie further ahead.
    void allow_more();

private:
    MPI_Comm communicator_;
    int rank_ = 0;
    int size_ = 1;
    double ahead_ = 0;  // of rank 0's clock, this rank's
    double notice_ = 0;
};

}  // namespace splitcast::bench
