#include "collectives/flow.hpp"

namespace splitcast::collectives {

namespace {

void describe(std::string& out, const char* direction, const std::vector<Flow>& flows) {
    for (const Flow& flow : flows) {
        out += direction + std::to_string(flow.peer) + " channel " + std::to_string(flow.channel) +
               ": " + flow.segments.text() + "\n";
    }
}

}  // namespace

std::string RankPlan::text() const {
    std::string lines;
    describe(lines, "from ", in);
    describe(lines, "to ", out);
    return lines;
}

}  // namespace splitcast::collectives
