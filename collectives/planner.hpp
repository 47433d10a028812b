#pragma once

#include "collectives/groups.hpp"
#include "collectives/lack_classes.hpp"
#include "collectives/placement.hpp"
#include "collectives/plan.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// A number for every ordered pair, -1 at first. The planner looks one up for each segment that it
/// moves, so this is a table and no hash; its rows come in pieces, because most pairs of many ranks
/// never have anything to do with each other.
class PairTable {
public:
    explicit PairTable(std::size_t size) : row_((size + piece - 1) / piece), pieces_(size * row_) {}

    [[nodiscard]] std::int32_t& at(std::int32_t a, std::int32_t b) {
        const auto column = static_cast<std::size_t>(b);
        std::vector<std::int32_t>& p = pieces_[static_cast<std::size_t>(a) * row_ + column / piece];
        if (p.empty()) p.assign(piece, -1);
        return p[column % piece];
    }

private:
    static constexpr std::size_t piece = 64;
    std::size_t row_;  ///< pieces in a row
    std::vector<std::vector<std::int32_t>> pieces_;
};

/// The workings of plan(): takes the classes one by one, largest first, and keeps account of what
/// every rank and every unit has been given to send. One object per plan.
///
/// Ranks are named by their index among the live ranks here. Units are those of a schedule: nodes,
/// or single ranks when all live ranks are on one node.
class Planner {
public:
    /// `live` ascends.
    Planner(std::span<const Rank> live, std::span<const Rank> sources,
            std::span<const Rank> preferred, const Placement& placement, const Shape& shape);

    [[nodiscard]] Plan plan(const LackClasses& classes);

private:
    using Index = std::int32_t;
    static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

    /// The way of one class over the network: its recipients (units that nobody of holds it), cut
    /// into groups and stripes. Stripe i has the class's segments i, i + stripes, i + 2 stripes,
    /// ...
    struct Layout {
        Groups groups;
        int stripes = 1;
        int used = 0;             ///< stripes that have segments
        Segment segments = 0;     ///< in the class
        std::vector<int> offset;  ///< per group: by how many members its entries are turned

        [[nodiscard]] int entry(int group, int stripe) const {
            return groups.entry(group, stripe + offset[static_cast<std::size_t>(group)]);
        }
        [[nodiscard]] Segment size(int stripe) const {
            return (segments - stripe + stripes - 1) / stripes;
        }
    };

    void find_bound(const LackClasses& classes);
    void plan_class(const LackClass& lack);
    void split_units(const LackClass& lack);
    void lay_out(const LackClass& lack);
    void choose_offsets();
    void feed_groups(const LackClass& lack);
    void spread_in_groups();
    void spread_in_units(const LackClass& lack);
    void spread_in_unit(const std::vector<Index>& unit, const LackClass& lack);

    [[nodiscard]] bool holds_some(const std::vector<Index>& unit, const LackClass& lack) const;
    void keep_preferred_providers(const LackClass& lack);
    void rank_providers();
    [[nodiscard]] Index next_sender(const LackClass& lack);
    [[nodiscard]] Index leader(int recipient) const {
        return units_[at(recipients_[at(recipient)])][0];
    }
    void send(Index from, Index to, int stripe);
    void send_over_network(Index from, Index to, int stripe);
    [[nodiscard]] std::int32_t transfer(Index from, Index to);
    [[nodiscard]] Plan finish();

    std::vector<Rank> live_;
    int ranks_ = 0;
    Shape shape_;
    std::vector<std::vector<Index>> units_;
    std::vector<std::int32_t> unit_of_;
    std::vector<bool> source_;
    std::vector<bool> preferred_;
    std::vector<bool> spared_;  ///< per unit: all its ranks are sources

    std::vector<Segment> rank_load_;  ///< segments that a rank sends over the network
    std::vector<Segment> unit_load_;  ///< the same for a unit
    Segment bound_ = 0;               ///< what a unit may send without making the plan longer

    // The class at hand.
    std::vector<std::int32_t>
        recipients_;  ///< units that get it over the network, in placement order
    std::vector<std::int32_t> providers_;  ///< units that hold it, the least loaded first
    std::size_t pool_ = 0;                 ///< the first `pool_` providers take turns
    std::size_t turn_ = 0;
    Layout layout_;
    std::size_t first_bundle_ = 0;

    // A bundle is a stripe of a class: segments that all take the same way.
    std::vector<Sequence> bundles_;
    struct Load {
        std::int32_t transfer;
        std::int32_t bundle;
    };
    std::vector<Load> loads_;  ///< which transfer carries which bundle
    std::vector<Plan::Transfer> transfers_;
    PairTable transfer_of_;
};

}  // namespace splitcast::collectives
