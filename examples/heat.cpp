// Heat in a plate, by ranks that may die.
//
// Each rank has some rows of the plate and exchanges its border rows with its neighbours. At the
// beginning of every phase rank 0 broadcasts the plate's conductivity, which changes with time. The
// report of that broadcast is the same on all survivors, and says who is gone: so it is also where
// the program finds out, and everybody at the same place. Then the survivors deal the rows out
// anew, go back to the last checkpoint, and go on. In the end the plate is compared with one that a
// single rank has computed.
//
//   mpicxx -std=c++20 -O2 heat.cpp -lsplitcast -o heat
//   mpirun -n 6 ./heat
//   mpirun -n 6 --with-ft ulfm --tune splitcast-ft.conf ./heat      when ranks may die

#include <mpi.h>

#include <splitcast/splitcast.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

namespace {

constexpr int width = 128;   // cells in a row
constexpr int height = 120;  // rows; those above the first and below the last are held at a heat
constexpr int phases = 8;
constexpr int steps = 25;  // in a phase
constexpr double above = 100;
constexpr double below = 0;

using Cells = std::vector<double>;  // row by row

std::size_t at(int row, int column = 0) {
    return static_cast<std::size_t>(row) * width + static_cast<std::size_t>(column);
}

// --- the physics, the same for one rank and for many ---------------------------------------------

Cells conductivity(int phase) {
    Cells table(at(height));
    for (int row = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column) {
            table[at(row, column)] = 0.05 + 0.001 * ((row * 7 + column * 3 + phase * 11) % 150);
        }
    }
    return table;
}

/// One step of `rows` rows that begin at row `first` of the plate; `now` has a row more at each
/// end.
void step(const Cells& now, Cells& next, int first, int rows, const Cells& table) {
    for (int row = 1; row <= rows; ++row) {
        for (int column = 0; column < width; ++column) {
            const double here = now[at(row, column)];
            const double left = column > 0 ? now[at(row, column - 1)] : here;
            const double right = column + 1 < width ? now[at(row, column + 1)] : here;
            const double around =
                now[at(row - 1, column)] + now[at(row + 1, column)] + left + right;
            next[at(row, column)] = here + table[at(first + row - 1, column)] * (around - 4 * here);
        }
    }
}

/// Rows of `heat` with one more above and one below, as they are at the plate's ends.
Cells framed(std::span<const double> heat) {
    Cells cells(width, above);
    cells.insert(cells.end(), heat.begin(), heat.end());
    cells.insert(cells.end(), width, below);
    return cells;
}

Cells alone() {
    Cells now = framed(Cells(at(height), 0.0));
    Cells next = now;
    for (int phase = 0; phase < phases; ++phase) {
        const Cells table = conductivity(phase);
        for (int i = 0; i < steps; ++i) {
            step(now, next, 0, height, table);
            std::swap(now, next);
        }
    }
    return {now.begin() + width, now.end() - width};
}

// --- the plate, dealt out ------------------------------------------------------------------------

struct Rows {
    int first = 0;
    int count = 0;
};

Rows rows_of(int rank, int size) {
    const int first = height * rank / size;
    return {first, height * (rank + 1) / size - first};
}

/// The state at the beginning of a phase: a rank's own rows, and those of the next rank, for which
/// it can speak when that one is gone. -1: there is none.
struct Checkpoint {
    int phase = -1;
    Cells mine;
    Cells next_ones;
};

/// What one rank has of the plate.
class Plate {
public:
    explicit Plate(MPI_Comm comm) { deal(comm, Cells(at(height), 0.0)); }

    /// Takes this rank's rows of the whole plate.
    void deal(MPI_Comm comm, const Cells& whole) {
        comm_ = comm;
        MPI_Comm_rank(comm, &rank_);
        MPI_Comm_size(comm, &size_);
        rows_ = rows_of(rank_, size_);
        now_ = framed(std::span(whole).subspan(at(rows_.first), at(rows_.count)));
        next_ = now_;
        checkpoints_ = {};
    }

    /// Keeps this rank's rows and the next rank's. The checkpoint before is kept too: somebody may
    /// die while only some have made this one.
    void keep(int phase) {
        const int before = (rank_ + size_ - 1) % size_;
        const int after = (rank_ + 1) % size_;
        Checkpoint made{phase, mine(), Cells(at(rows_of(after, size_).count))};
        const bool fine =
            exchange(std::array{receive(made.next_ones.data(), made.next_ones.size(), after, 0),
                                send(made.mine.data(), made.mine.size(), before, 0)});
        if (fine) {
            checkpoints_[0] = std::exchange(checkpoints_[1], std::move(made));
        }
    }

    /// A phase of the computation. Where a neighbour is gone, the rows next to it become wrong; the
    /// rank goes on all the same, so that its other neighbour does not wait in vain. The next
    /// broadcast tells everybody that this phase was for nothing.
    void compute(const Cells& table) {
        for (int i = 0; i < steps; ++i) {
            exchange_borders();
            step(now_, next_, rows_.first, rows_.count, table);
            std::swap(now_, next_);
        }
    }

    /// The whole plate, on every rank: each row comes from one of them, the others add zeros.
    Cells whole() const {
        Cells cells(at(height), 0.0);
        place(mine(), rows_, cells);
        MPI_Allreduce(MPI_IN_PLACE, cells.data(), static_cast<int>(cells.size()), MPI_DOUBLE,
                      MPI_SUM, comm_);
        return cells;
    }

    /// The plate as it was at the last checkpoint that all survivors have, put together among them,
    /// and the phase that then begins. Where a rank died together with the one that kept its rows,
    /// that is the beginning of all. `old_ranks`: who the survivors were, in the order of `comm`.
    std::pair<int, Cells> recover(MPI_Comm comm, const std::vector<int>& old_ranks) const {
        int phase = checkpoints_[1].phase;
        MPI_Allreduce(MPI_IN_PLACE, &phase, 1, MPI_INT, MPI_MIN, comm);
        std::vector<bool> alive(static_cast<std::size_t>(size_));
        for (const int rank : old_ranks) alive[static_cast<std::size_t>(rank)] = true;
        for (int rank = 0; rank < size_; ++rank) {
            const bool kept = alive[static_cast<std::size_t>((rank + size_ - 1) % size_)];
            if (!alive[static_cast<std::size_t>(rank)] && !kept) phase = -1;
        }
        Cells cells(at(height), 0.0);
        if (phase < 0) return {0, cells};
        const Checkpoint& made = checkpoints_[checkpoints_[1].phase == phase ? 1 : 0];
        place(made.mine, rows_, cells);
        const int after = (rank_ + 1) % size_;
        if (!alive[static_cast<std::size_t>(after)]) {
            place(made.next_ones, rows_of(after, size_), cells);
        }
        MPI_Allreduce(MPI_IN_PLACE, cells.data(), static_cast<int>(cells.size()), MPI_DOUBLE,
                      MPI_SUM, comm);
        return {phase, cells};
    }

    [[nodiscard]] MPI_Comm comm() const { return comm_; }
    [[nodiscard]] int rank() const { return rank_; }

private:
    [[nodiscard]] Cells mine() const { return {now_.begin() + width, now_.end() - width}; }

    static void place(const Cells& rows, Rows where, Cells& whole) {
        std::copy(rows.begin(), rows.end(),
                  whole.begin() + static_cast<std::ptrdiff_t>(at(where.first)));
    }

    [[nodiscard]] MPI_Request receive(double* to, std::size_t count, int from, int tag) const {
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Irecv(to, static_cast<int>(count), MPI_DOUBLE, from, tag, comm_, &request);
        return request;
    }
    [[nodiscard]] MPI_Request send(const double* from, std::size_t count, int to, int tag) const {
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Isend(from, static_cast<int>(count), MPI_DOUBLE, to, tag, comm_, &request);
        return request;
    }

    /// Waits for each by itself, so that one that fails does not hide the others. Did all succeed?
    template <std::size_t n>
    static bool exchange(std::array<MPI_Request, n> requests) {
        bool fine = true;
        for (MPI_Request& request : requests) {
            fine = MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS && fine;
        }
        return fine;
    }

    void exchange_borders() {
        const int up = rank_ > 0 ? rank_ - 1 : MPI_PROC_NULL;
        const int down = rank_ + 1 < size_ ? rank_ + 1 : MPI_PROC_NULL;
        exchange(std::array{receive(&now_[at(0)], width, up, 1),
                            receive(&now_[at(rows_.count + 1)], width, down, 2),
                            send(&now_[at(rows_.count)], width, down, 1),
                            send(&now_[at(1)], width, up, 2)});
    }

    MPI_Comm comm_ = MPI_COMM_NULL;
    int rank_ = 0;
    int size_ = 1;
    Rows rows_;
    Cells now_;
    Cells next_;
    std::array<Checkpoint, 2> checkpoints_;  // the one before, and the last
};

// --- recovery ------------------------------------------------------------------------------------

/// Which ranks of `before` are in `now`.
std::vector<int> ranks_left(MPI_Comm before, MPI_Comm now) {
    MPI_Group old_group = MPI_GROUP_NULL;
    MPI_Group group = MPI_GROUP_NULL;
    MPI_Comm_group(before, &old_group);
    MPI_Comm_group(now, &group);
    int size = 0;
    MPI_Group_size(group, &size);
    std::vector<int> here(static_cast<std::size_t>(size));
    for (int rank = 0; rank < size; ++rank) here[static_cast<std::size_t>(rank)] = rank;
    std::vector<int> there(here.size());
    MPI_Group_translate_ranks(group, size, here.data(), old_group, there.data());
    MPI_Group_free(&old_group);
    MPI_Group_free(&group);
    return there;
}

/// Goes back to the last checkpoint with those who are left; the phase that is next.
splitcast::Result<int> recover(splitcast::Team& team, Plate& plate) {
    auto left = team.survivors();
    if (!left) return left.error();
    const auto [phase, whole] = plate.recover(*left, ranks_left(plate.comm(), *left));
    MPI_Comm before = plate.comm();
    plate.deal(*left, whole);
    MPI_Comm_free(&before);
    return phase;
}

/// The lowest rank that is left, which has the next table.
int lowest_left(const splitcast::Team& team) {
    int rank = 0;
    for (const int gone : team.failed()) {
        if (gone == rank) ++rank;
    }
    return rank;
}

// --- the program ---------------------------------------------------------------------------------

splitcast::Result<void> run(splitcast::Team& team, Plate& plate) {
    Cells table(at(height));
    std::size_t known = 0;
    for (int phase = 0;;) {
        // After the last phase one more, which says whether everybody has got through that.
        const int root = lowest_left(team);
        if (team.rank() == root) table = conductivity(phase);
        const auto report = team.broadcast(table, root);
        // The root itself is gone, and nobody has its table: the next one makes it again.
        if (!report && report.error().status != splitcast::Status::lost) return report.error();
        if (const std::size_t gone = team.failed().size(); gone > known) {
            known = gone;
            auto again = recover(team, plate);
            if (!again) return again.error();
            if (plate.rank() == 0) {
                std::cout << gone << " ranks are gone; the others go on at phase " << *again
                          << '\n';
            }
            phase = *again;
            continue;
        }
        if (phase == phases) return {};
        plate.keep(phase);
        plate.compute(table);
        ++phase;
    }
}

/// Compares with what one rank computes by itself; the program's exit status.
int judge(const Plate& plate) {
    const Cells whole = plate.whole();
    if (plate.rank() != 0) return 0;
    const bool right = whole == alone();
    std::cout << (right ? "the plate is right" : "the plate is wrong") << '\n';
    return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    // A survivor that still writes to a connection of the dead is not to die of it.
    std::signal(SIGPIPE, SIG_IGN);
    MPI_Init(&argc, &argv);
    int status = 1;
    if (auto team = splitcast::Team::create(MPI_COMM_WORLD)) {
        MPI_Comm comm = MPI_COMM_NULL;
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        Plate plate(comm);
        if (const auto done = run(*team, plate)) {
            status = judge(plate);
        } else {
            std::cerr << done.error().text << '\n';
        }
        comm = plate.comm();
        MPI_Comm_free(&comm);
    } else {
        std::cerr << team.error().text << '\n';
    }
    MPI_Finalize();
    return status;
}
