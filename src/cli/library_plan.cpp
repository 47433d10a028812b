#include "cli/library_plan.hpp"

#include "cli/libraries.hpp"
#include "splitcast/splitcast.hpp"
#include "storage/destination.hpp"

#include <cstdint>
#include <ranges>
#include <string_view>
#include <utility>

namespace splitcast::cli {

namespace {

/// Texts that follow each other, each with a zero at its end: no name has one.
class Packing {
public:
    void add(std::string_view text) {
        bytes_ += text;
        bytes_ += '\0';
    }
    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

class Unpacking {
public:
    explicit Unpacking(std::string_view bytes) : bytes_(bytes) {}
    [[nodiscard]] bool more() const { return !bytes_.empty(); }
    std::string next() {
        const auto end = bytes_.find('\0');
        std::string text(bytes_.substr(0, end));
        bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size() : end + 1);
        return text;
    }

private:
    std::string_view bytes_;
};

constexpr std::string_view fine = "plan";

std::string pack(const Result<LibraryPlan>& plan) {
    Packing packing;
    if (!plan) {
        packing.add("error");
        packing.add(std::to_string(static_cast<int>(plan.error().status)));
        packing.add(plan.error().text);
        return packing.take();
    }
    packing.add(fine);
    for (const LibraryPlan::Item& item : plan->items) {
        packing.add(item.folder);
        for (const std::string& library : item.libraries) packing.add(library);
        packing.add("");
    }
    return packing.take();
}

Result<LibraryPlan> unpack(std::string_view bytes) {
    Unpacking unpacking(bytes);
    if (unpacking.next() != fine) {
        const auto status = static_cast<Status>(std::stoi(unpacking.next()));
        return Error{status, unpacking.next()};
    }
    LibraryPlan plan;
    while (unpacking.more()) {
        LibraryPlan::Item item{unpacking.next(), {}};
        for (std::string name = unpacking.next(); !name.empty(); name = unpacking.next()) {
            item.libraries.push_back(std::move(name));
        }
        plan.items.push_back(std::move(item));
    }
    return plan;
}

/// For use in a destination.
std::string without_letters(std::string_view name) {
    std::string text;
    for (const char c : name) text += c == '%' ? "%%" : std::string(1, c);
    return text;
}

std::string last_part(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

/// Do copies go into the destination, rather than under its name? All nodes must agree on that, so
/// what the first process sees will do.
Result<bool> is_folder(const CopyArguments& arguments) {
    if (arguments.sources.size() > 1) return true;
    const auto path =
        storage::expand(arguments.destination, {storage::short_host_name(), 0, storage::job_id()});
    if (!path) return path.error();
    return storage::names_folder(*path);
}

}  // namespace

Result<LibraryPlan> plan_libraries(const CopyArguments& arguments) {
    const auto inside = is_folder(arguments);
    if (!inside) return inside.error();
    LibraryPlan plan;
    for (const std::string& source : arguments.sources) {
        auto libraries = needed_libraries(source, arguments.excluded);
        if (!libraries) return libraries.error();
        if (libraries->empty()) continue;
        std::string copy = arguments.destination;
        if (*inside) {
            if (!copy.ends_with('/')) copy += '/';
            copy += without_letters(last_part(source));
        }
        plan.items.push_back({copy + "_libs", std::move(*libraries)});
    }
    return plan;
}

Result<LibraryPlan> tell_all(MPI_Comm comm, const Result<LibraryPlan>& plan) {
    // It carries little, so it needs to know nothing of the links.
    auto team = Team::create(comm, "probe=no");
    if (!team) return team.error();
    std::string bytes = team->rank() == 0 ? pack(plan) : "";
    auto length = static_cast<std::int64_t>(bytes.size());
    if (auto told = team->broadcast(&length, 1, MPI_INT64_T, 0); !told) return told.error();
    bytes.resize(static_cast<std::size_t>(length));
    if (auto told = team->broadcast(bytes.data(), length, MPI_CHAR, 0); !told) return told.error();
    return unpack(bytes);
}

}  // namespace splitcast::cli
