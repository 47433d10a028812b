#pragma once

#include "check/report.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

/// A report for people and for machines. Pure.
namespace splitcast::check {

/// A table of all nodes (of many nodes: of those that are named, and how far the others reach), and
/// then each finding in a line.
[[nodiscard]] std::string to_text(const Report& report);

[[nodiscard]] nlohmann::json to_json(const Report& report);

/// JUnit's XML: one test case for each node and each kind of check, in a suite for each kind.
[[nodiscard]] std::string to_junit(const Report& report);

}  // namespace splitcast::check
