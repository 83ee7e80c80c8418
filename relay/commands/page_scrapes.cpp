#include "relay/commands/page_scrapes.h"

#include <utility>

#include "relay/base/clock.h"
#include "relay/curl_client.h"

namespace fedwave::relay {

std::vector<std::unique_ptr<Target>> make_targets(const config::Config& config,
                                                  const config::Source& source) {
  std::vector<std::string> addresses = resolve_targets(source);
  if (addresses.size() < 2) addresses = {""};  // as the name resolves
  std::vector<std::unique_ptr<Target>> targets;
  targets.reserve(addresses.size());
  for (const std::string& address : addresses) {
    targets.push_back(std::make_unique<Target>(config, source, TargetPlace{.address = address},
                                               make_curl_client(), base::system_clock()));
  }
  return targets;
}

PageScrapes::PageScrapes(const config::Config& config, const config::Source& source,
                         std::vector<std::string> inputs, std::int64_t interval_ms,
                         PageReading& reading)
    : source_(source),
      inputs_(std::move(inputs)),
      interval_ms_(interval_ms > 0 ? interval_ms : source.interval_ms),
      reading_(reading) {
  if (inputs_.empty()) {
    targets_ = make_targets(config, source);
    for (const auto& target : targets_) listen(target->transform());
  } else {
    input_ = std::make_unique<InputTransform>(source, config);
    listen(input_->transform);
  }
}

void PageScrapes::listen(Transform& transform) {
  transform.on_malformed_line(
      [this](std::uint64_t line, parsers::Malformed reason, std::string_view text) {
        reading_.tell_malformed(line, reason, text);
      });
}

void PageScrapes::take(const std::vector<sinks::BlockWriter*>& writers, const OnScrape& on_scrape) {
  if (input_) return take_inputs(writers, on_scrape);
  for (const auto& target : targets_) {
    const ScrapeResult result = reading_.scrape(*target, source_, writers, nullptr);
    on_scrape(source_.url, !result.error, result.counts);
  }
}

// Consecutive scrapes of one page, the last of them now.
void PageScrapes::take_inputs(const std::vector<sinks::BlockWriter*>& writers,
                              const OnScrape& on_scrape) {
  Transform& transform = input_->transform;
  const auto count = static_cast<std::int64_t>(inputs_.size());
  std::int64_t start_ms = base::system_clock().wall_ms() - (count - 1) * interval_ms_;
  for (const std::string& path : inputs_) {
    transform.begin(start_ms, writers);
    const bool read =
        reading_.read(path, [&transform](std::string_view text) { return transform.feed(text); });
    const ScrapeCounts counts = transform.finish(read);
    const base::Error* failure = transform.failure();
    if (read) {
      reading_.tell_page(source_, path, failure ? std::optional(*failure) : std::nullopt, counts);
    }
    on_scrape(path, read && failure == nullptr, counts);
    start_ms += interval_ms_;
  }
}

void PageScrapes::survey(SurveyBuilder& survey) const {
  if (input_) input_->transform.survey(survey);
  for (const auto& target : targets_) target->transform().survey(survey);
}

}  // namespace fedwave::relay
