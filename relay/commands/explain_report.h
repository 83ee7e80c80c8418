// What `explain` has found out, as text for people or as one JSON object a line. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "relay/commands/explain.h"
#include "relay/explain/explanation.h"

namespace fedwave::relay {

// What a pattern that was asked about would do.
struct PatternAnswer {
  std::string source;
  std::string pattern;
  std::string dotted = {};  // with dots for its underscores
  bool has_page = false;
  std::vector<std::string> matches = {};         // names of the page as filters see them
  std::vector<std::string> dotted_matches = {};  // those that the dotted one would match
};

class ExplainReport {
 public:
  virtual ~ExplainReport() = default;

  // `count`: how many series of a page it stands for.
  virtual void series(const Explanation& explanation, std::optional<std::uint64_t> count) = 0;
  // The last one was made up from a name.
  virtual void assumed(const std::string& name, parsers::SampleKind kind) = 0;
  // The last one was taken as it was asked, because there is no page, or none with such a series.
  virtual void as_written(bool has_page, bool looks_at_tags) = 0;
  virtual void not_found(const std::string& source, const std::string& name,
                         const std::vector<std::string>& nearest) = 0;
  virtual void pattern(const PatternAnswer& answer) = 0;

  // All series of a source's pages, or only those that a sink does not get.
  virtual void begin_page(const std::string& source) = 0;
  virtual void page_series(const Explanation& explanation, bool only_dropped) = 0;
  virtual void end_page(bool only_dropped) = 0;
};

// `file` is what places are named by. The stream outlives the report.
std::unique_ptr<ExplainReport> make_explain_report(ReportFormat format, std::ostream& out,
                                                   std::string file, bool has_colour);

}  // namespace fedwave::relay
