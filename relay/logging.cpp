#include "relay/logging.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

using base::LogField;
using base::LogLevel;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warn:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : base::printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void write_text(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line.append("  ").append(field.key).append("=");
    if (field.is_number) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  spdlog::default_logger_raw()->log(to_spdlog(level), "{}", line);
}

// The part of the object after time and level, which the pattern of the logger writes.
void write_json(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const auto string = [&](std::string_view text) {
    const std::string shown = base::printable(text);
    writer.String(shown.data(), static_cast<rapidjson::SizeType>(shown.size()));
  };
  writer.StartObject();
  writer.Key("message");
  string(message);
  for (const LogField& field : fields) {
    writer.Key(field.key.data(), static_cast<rapidjson::SizeType>(field.key.size()));
    if (field.is_number) {
      writer.RawValue(field.value.data(), field.value.size(), rapidjson::kNumberType);
    } else {
      string(field.value);
    }
  }
  writer.EndObject();
  spdlog::default_logger_raw()->log(to_spdlog(level), "{}", buffer.GetString() + 1);
}

}  // namespace

void set_up_logging(LogLevel level, LogFormat format) {
  const bool no_color = std::getenv("NO_COLOR") != nullptr || format == LogFormat::Json;
  const auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      no_color ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  auto logger = std::make_shared<spdlog::logger>("fedwave", sink);
  logger->set_level(to_spdlog(level));
  const char* pattern = format == LogFormat::Text
                            ? "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v"
                            : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)";
  logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  base::set_log_writer(format == LogFormat::Text ? write_text : write_json);
}

}  // namespace fedwave::relay
