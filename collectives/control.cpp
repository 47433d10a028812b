#include "collectives/control.hpp"

#include <bit>
#include <type_traits>
#include <utility>

namespace splitcast::collectives {

namespace {

constexpr std::uint8_t wire_version = 2;

class Writer {
public:
    explicit Writer(std::size_t expected) { bytes_.reserve(expected); }
    template <class T>
    void put(T value) {
        auto bits = static_cast<std::make_unsigned_t<T>>(value);
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bytes_.push_back(static_cast<std::byte>(bits & 0xFFU));
            bits = static_cast<std::make_unsigned_t<T>>(static_cast<std::uint64_t>(bits) >> 8U);
        }
    }
    void put(const View& view) {
        put(view.root);
        put(view.length);
        put(view.fingerprint);
    }
    std::vector<std::byte> take() { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
    template <class T>
    T get() {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            if (position_ >= bytes_.size()) {
                short_ = true;
                return T{};
            }
            bits |= static_cast<std::uint64_t>(bytes_[position_++]) << (8 * i);
        }
        return static_cast<T>(bits);
    }
    View view() {
        View v;
        v.root = get<Rank>();
        v.length = get<Bytes>();
        v.fingerprint = get<std::uint64_t>();
        return v;
    }
    [[nodiscard]] bool exhausted() const { return !short_ && position_ == bytes_.size(); }

private:
    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    bool short_ = false;
};

}  // namespace

std::string View::text() const {
    return "root " + std::to_string(root) + ", " + std::to_string(length) + " bytes";
}

std::string Mismatch::text() const {
    std::string out = "rank " + std::to_string(first) + " called with " + first_view.text() +
                      ", rank " + std::to_string(second) + " with " + second_view.text();
    if (first_view.root == second_view.root && first_view.length == second_view.length) {
        out += " but other settings";
    }
    return out;
}

void Survey::fold(const Survey& other) {
    if (other.rank == no_rank) return;
    if (rank == no_rank) {
        *this = other;
        return;
    }
    const Survey& low = other.rank < rank ? other : *this;
    const Survey& high = other.rank < rank ? *this : other;
    Survey folded = low;
    // The lowest rank of the higher set that differs from the lower set's view.
    const bool all_differ = high.view != low.view;
    const Rank candidate = all_differ ? high.rank : high.differing;
    const View& candidate_view = all_differ ? high.view : high.differing_view;
    if (candidate != no_rank && (folded.differing == no_rank || candidate < folded.differing)) {
        folded.differing = candidate;
        folded.differing_view = candidate_view;
    }
    *this = folded;
}

std::optional<Mismatch> Survey::mismatch() const {
    if (differing == no_rank) return std::nullopt;
    return Mismatch{rank, view, differing, differing_view};
}

std::vector<std::byte> encode(const ControlMessage& message) {
    Writer out(encoded_bytes);
    out.put(wire_version);
    out.put(message.round);
    out.put(message.survey.rank);
    out.put(message.survey.view);
    out.put(message.survey.differing);
    out.put(message.survey.differing_view);
    return out.take();
}

std::optional<ControlMessage> decode(std::span<const std::byte> bytes) {
    Reader in(bytes);
    if (in.get<std::uint8_t>() != wire_version) return std::nullopt;
    ControlMessage message;
    message.round = in.get<std::uint8_t>();
    message.survey.rank = in.get<Rank>();
    message.survey.view = in.view();
    message.survey.differing = in.get<Rank>();
    message.survey.differing_view = in.view();
    if (!in.exhausted()) return std::nullopt;
    return message;
}

int survey_rounds(Rank ranks) {
    return static_cast<int>(std::bit_width(static_cast<std::uint32_t>(ranks - 1)));
}

Rank survey_target(Rank self, int round, Rank ranks) {
    const std::int64_t step = std::int64_t{1} << round;
    return static_cast<Rank>((self + step) % ranks);
}

Rank survey_origin(Rank self, int round, Rank ranks) {
    const std::int64_t step = std::int64_t{1} << round;
    return static_cast<Rank>((self - step + ranks) % ranks);
}

}  // namespace splitcast::collectives
