#include "relay/commands/pipeline_view.h"

#include "relay/base/file.h"
#include "relay/base/log.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{4} << 20;  // as config/load

std::optional<base::Hash128> fingerprint(const std::string& file) {
  if (file.empty() || file == "-") return {};
  const auto text = base::read_file(file, kFileBytesMax);
  return text ? std::optional(base::seeded_hash128(*text)) : std::nullopt;
}

}  // namespace

PipelineView::PipelineView(const config::Config& config, std::string file, const Pipeline& pipeline,
                           const base::Clock& clock)
    : config_(config),
      file_(std::move(file)),
      loaded_(fingerprint(file_)),
      pipeline_(pipeline),
      started_ms_(clock.wall_ms()) {}

void log_problems(const std::string& file, const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    const bool is_error = problem.severity == config::Severity::Error;
    base::log(is_error ? base::LogLevel::Error : base::LogLevel::Warn,
              config::format_problem(file, problem));
  }
}

base::Expected<std::string> PipelineView::reload() {
  if (!loaded_) {
    const std::string why = "the configuration did not come from a file that can be read again";
    base::log(base::LogLevel::Warn, why);
    return base::Error{base::ErrorCode::NotFound, why};
  }
  const auto now = fingerprint(file_);
  const config::LoadResult read = config::load_file(file_, config::process_environment());
  const bool is_same = now && now->low == loaded_->low && now->high == loaded_->high;
  config_is_current_ = read.config && is_same;
  if (!read.config) return refused(read.problems);
  if (is_same) {
    const std::string text = "the configuration has not changed";
    base::log(base::LogLevel::Info, text);
    return text;
  }
  const std::string text =
      "the configuration is good and has changed; it takes effect at the next start: restart the "
      "relay (`fedwave diff OLD NEW` shows what will change)";
  base::log(base::LogLevel::Warn, text, {{"config", file_}});
  return base::Error{base::ErrorCode::Version, text};
}

base::Error PipelineView::refused(const std::vector<config::Problem>& problems) const {
  std::string text = "the configuration is not used; the one from before goes on";
  base::log(base::LogLevel::Error, text, {{"config", file_}});
  log_problems(file_, problems);
  for (const config::Problem& problem : problems) {
    text += '\n' + config::format_problem(file_, problem);
  }
  return {base::ErrorCode::InvalidArgument, text};
}

}  // namespace fedwave::relay
