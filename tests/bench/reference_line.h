// What a sample has to become, written down once more: slow, obvious and without a line of what it
// checks. Knows untyped samples, a source's allow list of names and stars, the cluster's tag and
// the limit of tags; whatever else a configuration or a page has is thrown as std::runtime_error,
// so that nothing passes for proven that is not. Immutable, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "tests/bench/floor.h"
#include "tests/bench/pages.h"

namespace fedwave::bench {

class ReferenceLine {
 public:
  // For the first source and one of the sinks.
  ReferenceLine(const config::Config& config, const config::Sink& sink);

  enum class Fate { Written, NotInAllowList, NotANumber, Infinite };
  struct Outcome {
    Fate fate = Fate::Written;
    std::string line;  // with its newline, when written
  };
  [[nodiscard]] Outcome outcome(const SampleText& sample) const;

  // The line of a series whether it is in the allow list or not.
  [[nodiscard]] PreparedLine prepared(std::string_view series) const;

 private:
  [[nodiscard]] bool is_allowed(const std::string& name) const;

  std::string source_;
  std::string cluster_;
  std::vector<std::string> allowed_;   // nothing: all are
  std::vector<std::string> priority_;  // of tags
  config::PointLimits limits_;
};

}  // namespace fedwave::bench
