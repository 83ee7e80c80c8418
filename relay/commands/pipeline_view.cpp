#include "relay/commands/pipeline_view.h"

#include "config/load.h"
#include "relay/base/file.h"

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

base::Expected<std::string> PipelineView::reload() {
  if (!loaded_) {
    return base::Error{base::ErrorCode::NotFound,
                       "the configuration did not come from a file that can be read again"};
  }
  const auto now = fingerprint(file_);
  const config::LoadResult read = config::load_file(file_, config::process_environment());
  config_is_current_ = read.config.has_value();
  if (!read.config) {
    std::string problems = "the configuration is not used; the one from before goes on\n";
    for (const config::Problem& problem : read.problems) {
      problems += config::format_problem(file_, problem) + "\n";
    }
    problems.pop_back();
    return base::Error{base::ErrorCode::InvalidArgument, problems};
  }
  if (now && now->low == loaded_->low && now->high == loaded_->high) {
    return std::string("the configuration has not changed");
  }
  return base::Error{
      base::ErrorCode::Version,
      "the configuration is good and has changed; it takes effect at the next start: "
      "restart the relay (`fedwave diff OLD NEW` shows what will change)"};
}

}  // namespace fedwave::relay
