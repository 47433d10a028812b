#include "cli/copy_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace splitcast::cli {

namespace {

std::string counted(std::int64_t number, std::string_view one, std::string_view more) {
    return fmt::format("{} {}", number, number == 1 ? one : more);
}

/// Who is lost, when that was noticed, and what it cost.
void tell_losses(const Voice& voice, const CopyReport& report) {
    if (report.lost.empty()) return;
    for (const LostRank& lost : report.lost) {
        voice.say(fmt::format("rank {}{} {} and has no copy to rely on", lost.rank,
                              lost.host.empty() ? "" : " on " + lost.host,
                              lost.evicted ? "did not answer, was left out" : "died"));
    }
    voice.say(fmt::format(
        "noticed {} after its last sign of life; new plan {} later, which moved {} in {}",
        time_text(report.silence_seconds), time_text(report.regroup_seconds),
        size_text(static_cast<double>(report.bytes_repaired)), time_text(report.repair_seconds)));
}

void tell_records(const Voice& voice, const CopyReport& report) {
    for (const CopyRecord& record : report.records) {
        if (record.already_there) {
            voice.say(fmt::format("rank {} on {}: {} is the source itself and was left as it is",
                                  record.rank, record.host, record.path));
        } else {
            const auto held = static_cast<double>(record.bytes_held);
            voice.detail(fmt::format(
                "rank {} on {}: {} ({}{})", record.rank, record.host, record.path,
                time_text(record.seconds),
                record.bytes_held > 0 ? fmt::format("; had {} of it", size_text(held)) : ""));
        }
    }
}

/// "1.5 GiB (1610612736 bytes) in 12 files and 3 folders".
std::string amount(const CopyReport& report) {
    std::string text = size_text(static_cast<double>(report.bytes));
    if (report.bytes >= 1024) text += fmt::format(" ({} bytes)", report.bytes);
    if (report.files == 1 && report.folders == 0) return text;
    text += " in " + counted(report.files, "file", "files");
    if (report.folders > 0) text += " and " + counted(report.folders, "folder", "folders");
    return text;
}

void tell_summary(const Voice& voice, const CopyReport& report, bool dry) {
    if (dry) {
        voice.say(fmt::format("would copy {} to {}; nothing was written", amount(report),
                              counted(report.copies, "copy", "copies")));
        return;
    }
    const double rate = report.seconds > 0 ? static_cast<double>(report.bytes) / report.seconds : 0;
    std::string line = fmt::format("{} to {} in {}: {}/s each", amount(report),
                                   counted(report.copies, "copy", "copies"),
                                   time_text(report.seconds), size_text(rate));
    if (report.codec != "none") {
        line += fmt::format("; {} on the wire ({})",
                            size_text(static_cast<double>(report.wire_bytes)), report.codec);
    }
    voice.say(line);
}

void tell_one(const Voice& voice, const CopyReport& report, bool dry) {
    if (!report.broadcast.choice.empty()) voice.say(report.broadcast.choice);
    tell_records(voice, report);
    for (const std::string& warning : report.warnings) voice.say("warning: " + warning);
    tell_losses(voice, report);
    tell_summary(voice, report, dry);
}

nlohmann::json lost_to_json(const CopyReport& report) {
    auto list = nlohmann::json::array();
    for (const LostRank& lost : report.lost) {
        list.push_back(
            {{"rank", lost.rank}, {"host", lost.host}, {"how", lost.evicted ? "evicted" : "died"}});
    }
    return list;
}

nlohmann::json records_to_json(const CopyReport& report) {
    auto list = nlohmann::json::array();
    for (const CopyRecord& record : report.records) {
        list.push_back({{"rank", record.rank},
                        {"host", record.host},
                        {"path", record.path},
                        {"bytes", record.already_there ? 0 : report.bytes},
                        {"bytes_held", record.bytes_held},
                        {"seconds", record.seconds},
                        {"already_there", record.already_there}});
    }
    return list;
}

nlohmann::json libraries_to_json(const CopyOutcome& outcome) {
    auto list = nlohmann::json::array();
    for (const SentLibraries& sent : outcome.libraries) {
        list.push_back({{"folder", sent.folder},
                        {"libraries", sent.libraries},
                        {"bytes", sent.report.bytes},
                        {"wire_bytes", sent.report.wire_bytes},
                        {"copies", sent.report.copies},
                        {"seconds", sent.report.seconds}});
    }
    return list;
}

}  // namespace

ExitCode exit_code(const CopyOutcome& outcome) {
    const bool whole = outcome.report.lost.empty() &&
                       std::ranges::all_of(outcome.libraries, [](const SentLibraries& sent) {
                           return sent.report.lost.empty();
                       });
    return whole ? ExitCode::success : ExitCode::survivors_only;
}

void tell(const Voice& voice, const CopyArguments& arguments, const CopyOutcome& outcome) {
    const bool dry = arguments.options.dry_run;
    for (const SentLibraries& sent : outcome.libraries) {
        tell_one(voice, sent.report, dry);
        voice.say(fmt::format("these were libraries; they are found with LD_LIBRARY_PATH={}",
                              sent.folder));
    }
    tell_one(voice, outcome.report, dry);
}

nlohmann::json to_json(const CopyArguments& arguments, const CopyOutcome& outcome) {
    const CopyReport& report = outcome.report;
    const Report& broadcast = report.broadcast;
    nlohmann::json object = {
        {"command", "copy"},
        {"success", true},
        {"exit_code", static_cast<int>(exit_code(outcome))},
        {"dry_run", arguments.options.dry_run},
        {"source", arguments.sources.front()},
        {"sources", arguments.sources},
        {"destination", arguments.destination},
        {"bytes", report.bytes},
        {"files", report.files},
        {"folders", report.folders},
        {"copies", report.copies},
        {"seconds", report.seconds},
        {"wire_bytes", report.wire_bytes},
        {"codec", report.codec},
        {"digest", {{"algorithm", "XXH3-128"}, {"value", report.digest}}},
        {"broadcast",
         {{"seconds", broadcast.seconds},
          {"segments", broadcast.segments},
          {"segment_bytes", broadcast.segment_bytes},
          {"group_size", broadcast.group_size},
          {"groups", broadcast.groups},
          {"children", broadcast.children},
          {"choice", broadcast.choice}}},
        {"recovery",
         {{"silence_seconds", report.silence_seconds},
          {"regroup_seconds", report.regroup_seconds},
          {"repair_seconds", report.repair_seconds},
          {"bytes_repaired", report.bytes_repaired}}},
        {"warnings", report.warnings},
        {"lost", lost_to_json(report)},
        {"records", records_to_json(report)},
    };
    if (arguments.send_libs) object["libraries"] = libraries_to_json(outcome);
    return object;
}

}  // namespace splitcast::cli
