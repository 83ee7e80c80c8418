#include "relay/reloader.h"

#include <cinttypes>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <utility>

#include "relay/base/file.h"
#include "relay/base/hash.h"
#include "relay/base/log.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;

std::string hash_text(std::string_view content) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, base::stable_hash64(content));
  return text;
}

ConfigReading with_problem(const std::string& file, const std::string& why) {
  ConfigReading reading{.file = file, .hash = {}, .result = {}};
  reading.result.problems.push_back({config::Severity::Error, {}, why, ""});
  return reading;
}

// A running relay must not wait for a pipe.
ConfigReading read_again(const std::string& file) {
  std::error_code error;
  if (std::filesystem::exists(file, error) && !base::is_regular_file(file)) {
    return with_problem(file, "the file is not a regular file; name a regular file");
  }
  return read_config(file);
}

}  // namespace

ConfigReading read_config(const std::string& file) {
  const auto text = base::read_file(file, config::kFileBytesMax, "the file");
  if (!text) return with_problem(file, text.error().message);
  return {.file = file,
          .hash = hash_text(*text),
          .result = config::load_text(file, *text, config::process_environment())};
}

void log_problems(const std::string& file, const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    const bool is_error = problem.severity == config::Severity::Error;
    base::log(is_error ? LogLevel::Error : LogLevel::Warn, config::format_problem(file, problem));
  }
}

Reloader::Reloader(ConfigReading first, Apply apply, const base::Clock& clock)
    : file_(first.file), apply_(std::move(apply)), clock_(clock), last_read_(first.hash) {
  figures_.file = file_;
  figures_.hash = first.hash;
  figures_.loaded_ms = clock.wall_ms();
}

void Reloader::close() {
  const std::lock_guard lock(reloading_);
  closed_ = true;
}

ConfigFigures Reloader::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

base::Expected<std::string> Reloader::reload(Why why) {
  const std::lock_guard lock(reloading_);
  if (closed_) return Error{ErrorCode::Cancelled, "the relay is stopping"};
  if (file_ == "-" || file_.empty()) {
    const std::string text = "the configuration did not come from a file that can be read again";
    base::log(LogLevel::Warn, text);
    return Error{ErrorCode::NotFound, text};
  }
  ConfigReading reading = read_again(file_);
  if (why == Why::Noticed && reading.hash == last_read_) return std::string();
  last_read_ = reading.hash;
  if (!reading.result.config) return refuse(reading, why);
  if (reading.hash == figures().hash) return keep_as_it_is(why);
  return put_in_force(std::move(reading), why);
}

base::Expected<std::string> Reloader::keep_as_it_is(Why why) {
  bool was_refused = false;
  {
    const std::lock_guard lock(mutex_);
    ++figures_.unchanged;
    was_refused = !std::exchange(figures_.is_current, true);
    figures_.problems.clear();
  }
  const std::string text = was_refused ? "the configuration is again what it was; it goes on"
                                       : "the configuration has not changed";
  if (was_refused || why == Why::Signalled) {
    base::log_always(LogLevel::Info, text, {{"config", file_}});
  } else if (why == Why::Asked) {
    base::log(LogLevel::Info, text, {{"config", file_}});
  }
  return text + " (hash " + figures().hash + ")";
}

base::Error Reloader::refuse(const ConfigReading& reading, Why why) {
  const std::string text = "the configuration is not used; the one from before goes on";
  std::vector<std::string> lines;
  std::string all = text;
  for (const config::Problem& problem : reading.result.problems) {
    lines.push_back(config::format_problem(file_, problem));
    all += '\n' + lines.back();
  }
  const bool is_news = lines != figures().problems;
  if (why == Why::TryAgain && !is_news) return {ErrorCode::InvalidArgument, all};
  if (is_news || why == Why::Signalled) {
    base::log_always(LogLevel::Error, text, {{"config", file_}});
  } else {
    base::log(LogLevel::Error, text, {{"config", file_}});
  }
  log_problems(file_, reading.result.problems);
  const std::lock_guard lock(mutex_);
  ++figures_.refused;
  figures_.is_current = false;
  figures_.refused_ms = clock_.wall_ms();
  figures_.problems = std::move(lines);
  return {ErrorCode::InvalidArgument, all};
}

// What cannot be done now (no thread to be had, the status page's port taken) is refused like
// any other, so that it is told and tried again.
base::Expected<std::string> Reloader::put_in_force(ConfigReading reading, Why why) {
  const auto refuse_now = [&](const std::string& reason) {
    return refuse(with_problem(file_, "it cannot be put in force now: " + reason), why);
  };
  try {
    const auto change = apply_(*std::move(reading.result.config));
    if (!change) return refuse_now(change.error().message);
    log_problems(file_, reading.result.problems);  // warnings
    return note_in_force(std::move(reading.hash), *change);
  } catch (const std::exception& error) {
    return refuse_now(error.what());
  }
}

std::string Reloader::note_in_force(std::string hash, const ConfigChange& change) {
  const std::string changed =
      change.empty() ? "nothing that matters to a running relay" : to_text(change);
  base::log_always(LogLevel::Info, "the configuration has changed and is in force",
                   {{"config", file_}, {"hash", hash}, {"changed", changed}});
  const std::lock_guard lock(mutex_);
  ++figures_.applied;
  figures_.is_current = true;
  figures_.problems.clear();
  figures_.hash = std::move(hash);
  figures_.loaded_ms = clock_.wall_ms();
  figures_.last_change = changed;
  return "the configuration is in force: " + changed;
}

}  // namespace fedwave::relay
