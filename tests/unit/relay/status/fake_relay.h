// A relay of which a test says everything: its configuration, its figures, what it has seen.
#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/status/all_sources.h"
#include "relay/status/relay_view.h"
#include "tests/support/configs.h"

namespace fedwave::tests {

inline constexpr std::int64_t kNowMs = 1'767'225'600'000;

// All is well: everything has been scraped a second ago.
inline relay::PipelineFigures calm_figures(std::shared_ptr<const config::Config> of) {
  relay::PipelineFigures figures;
  figures.config = std::move(of);
  const config::Config& config = *figures.config;
  for (const config::Source* config_source : relay::all_sources(config)) {
    relay::SourceFigures source;
    source.name = config_source->name;
    source.scrapes = 1;
    source.series = 100;
    source.last_start_ms = kNowMs - 1'000;
    source.last_duration_ms = 20;
    source.last_samples = 100;
    source.counts = relay::ScrapeCounts(config.sinks.size());
    source.counts.read = 100;
    for (relay::SinkCounts& sink : source.counts.by_sink) sink.written = 100;
    relay::TargetFigures target;
    target.scrapes = 1;
    target.last_start_ms = source.last_start_ms;
    target.last_samples = 100;
    source.targets.push_back(target);
    if (!config_source->url.empty()) source.jobs.emplace_back();
    figures.sources.push_back(std::move(source));
  }
  for (const config::Sink& config_sink : config.sinks) {
    relay::SinkFigures sink;
    sink.name = config_sink.name;
    sink.spool.points_spooled = 100;
    sink.spool.points_delivered = 100;
    sink.sender.requests = 1;
    sink.sender.accepted_at_ms = kNowMs - 500;
    figures.sinks.push_back(std::move(sink));
  }
  return figures;
}

inline std::shared_ptr<config::Config> shared_config(const std::string& yaml) {
  return std::make_shared<config::Config>(support::config_of(yaml));
}

class FakeRelay : public relay::RelayView {
 public:
  explicit FakeRelay(const std::string& yaml) {
    take_edit(yaml);
    config_state.file = "test.yaml";
    config_state.hash = "0123456789abcdef";
    config_state.loaded_ms = kNowMs - 60'000;
  }

  [[nodiscard]] std::shared_ptr<const config::Config> config() const override {
    const std::lock_guard lock(mutex_);
    return figures_.config;
  }
  [[nodiscard]] relay::ConfigFigures config_figures() const override { return config_state; }
  [[nodiscard]] relay::ClusterFigures cluster() const override { return cluster_state; }
  [[nodiscard]] relay::PipelineFigures figures() const override {
    const std::lock_guard lock(mutex_);
    return figures_;
  }
  [[nodiscard]] std::shared_ptr<const relay::Survey> survey(
      const std::string& source) const override {
    const auto found = surveys.find(source);
    return found == surveys.end() ? nullptr : found->second;
  }
  [[nodiscard]] std::int64_t started_ms() const override { return kNowMs - 60'000; }
  [[nodiscard]] bool is_stopping() const override { return stopping; }
  base::Expected<std::string> reload() override {
    ++reloads;
    return reload_answer;
  }

  // Another configuration is in force from here on; nothing of the one before is kept.
  void take_edit(const std::string& yaml) {
    auto figures = calm_figures(shared_config(yaml));
    const std::lock_guard lock(mutex_);
    figures_ = std::move(figures);
  }

  template <class Change>
  void change_figures(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(figures_);
  }

  std::map<std::string, std::shared_ptr<const relay::Survey>> surveys;  // by source
  std::atomic<bool> stopping = false;
  std::atomic<int> reloads = 0;
  base::Expected<std::string> reload_answer = std::string("nothing has changed");
  relay::ConfigFigures config_state;
  relay::ClusterFigures cluster_state;

 private:
  mutable std::mutex mutex_;
  relay::PipelineFigures figures_;
};

inline rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  CAPTURE(text);
  REQUIRE(!document.HasParseError());
  return document;
}

// Members that have to be there.
inline double number(const rapidjson::Value& object, const char* key) {
  REQUIRE(object.HasMember(key));
  REQUIRE(object[key].IsNumber());
  return object[key].GetDouble();
}
inline std::string text(const rapidjson::Value& object, const char* key) {
  REQUIRE(object.HasMember(key));
  REQUIRE(object[key].IsString());
  return object[key].GetString();
}

}  // namespace fedwave::tests
