// `fedwave explain`: what becomes of a series, stage by stage, and which rule decides. Series are
// given as text or by name, or all of a page are taken. Runs on main's thread.
#pragma once

#include <string>
#include <vector>

namespace fedwave::relay {

enum class ReportFormat { Text, Json };

struct ExplainOptions {
  std::string config_file;
  std::vector<std::string> series;  // `name{labels}`, lines of a page, or names of either side
  std::vector<std::string> inputs;  // pages to look the names up in; - is standard input
  bool live = false;                // scrape the sources for that
  bool dropped = false;             // of the page's series those that are not sent
  std::string source;               // only this one
  std::string sink;                 // only this one
  ReportFormat format = ReportFormat::Text;
};

int explain_command(const ExplainOptions& options);

}  // namespace fedwave::relay
