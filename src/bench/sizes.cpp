#include "bench/sizes.hpp"

#include "collectives/settings.hpp"

#include <algorithm>
#include <limits>
#include <variant>

namespace splitcast::bench {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    for (;;) {
        const auto end = text.find(separator);
        words.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return words;
        text.remove_prefix(end + 1);
    }
}

Result<void> append_range(std::string_view text, std::vector<std::int64_t>& sizes) {
    const std::string quoted = "'" + std::string(text) + "'";
    const auto words = split(text, ':');
    if (words.size() > 3) {
        return Error{Status::argument, quoted + " is not SIZE, MIN:MAX or MIN:MAX:FACTOR"};
    }
    std::vector<std::int64_t> numbers;
    for (const auto word : words) {
        const auto parsed = collectives::parse_size(word);
        if (const auto* wrong = std::get_if<std::string>(&parsed)) {
            return Error{Status::argument, *wrong};
        }
        numbers.push_back(std::get<collectives::Bytes>(parsed));
    }
    const std::int64_t least = numbers.front();
    const std::int64_t most = numbers.size() > 1 ? numbers[1] : least;
    const std::int64_t factor = numbers.size() > 2 ? numbers[2] : 2;
    if (most < least) return Error{Status::argument, quoted + " ends before it begins"};
    if (factor < 2) return Error{Status::argument, quoted + ": steps are of a factor of 2 or more"};
    std::int64_t size = least;
    for (;;) {
        sizes.push_back(size);
        if (size > std::numeric_limits<std::int64_t>::max() / factor) break;
        size = size == 0 ? 1 : size * factor;
        if (size > most) break;
    }
    return {};
}

}  // namespace

Result<std::vector<std::int64_t>> parse_sizes(std::string_view text) {
    std::vector<std::int64_t> sizes;
    for (const auto range : split(text, ',')) {
        if (auto appended = append_range(range, sizes); !appended) return appended.error();
    }
    std::ranges::sort(sizes);
    const auto rest = std::ranges::unique(sizes);
    sizes.erase(rest.begin(), rest.end());
    return sizes;
}

std::string size_text(std::int64_t bytes) {
    std::size_t unit = 0;
    constexpr std::string_view units = " KMGT";
    while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size()) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + (unit == 0 ? std::string() : std::string(1, units[unit]));
}

}  // namespace splitcast::bench
