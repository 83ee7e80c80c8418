#include "relay/commands/receive.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "relay/commands/port_file.h"
#include "relay/stop_signal.h"

namespace fedwave::relay {
namespace {

using receive::ReceiverStats;

constexpr std::size_t kLabelWidth = 24;
constexpr std::int64_t kForeverMs = std::int64_t{1} << 40;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

int fail(const std::string& what) {
  std::fprintf(stderr, "fedwave receive: %s\n", what.c_str());
  return 1;
}

void write_line(std::FILE* file, std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), file);
  std::fputc('\n', file);
  std::fflush(file);
}

void add_row(std::string& out, std::string label, std::uint64_t count) {
  if (label.size() < kLabelWidth) label.resize(kLabelWidth, ' ');
  out += label + " " + std::to_string(count) + "\n";
}

void add_row_unless_zero(std::string& out, const std::string& label, std::uint64_t count) {
  if (count != 0) add_row(out, label, count);
}

receive::ReceiverOptions receiver_options(const ReceiveOptions& options, std::FILE* record) {
  receive::ReceiverOptions made;
  made.listen = options.listen;
  made.mode = options.mode;
  made.token = options.token;
  made.on_point = [print = options.print, record](const receive::CheckedPoint&,
                                                  std::string_view line) {
    if (print) write_line(stdout, line);
    if (record != nullptr) write_line(record, line);
  };
  made.on_rejection = [](const receive::Rejection& rejection, std::string_view line) {
    write_line(stderr, "rejected: " + rejection.text + "\n  " + std::string(line));
  };
  if (options.answer != 0) {
    made.intercept = [status = options.answer](const HttpRequestView&, const auto&) {
      HttpReply reply;
      reply.status = status;
      return reply;
    };
  }
  return made;
}

}  // namespace

std::string format_summary(const ReceiverStats& stats) {
  std::string out;
  add_row(out, "points", stats.points);
  add_row_unless_zero(out, "  distributions", stats.distributions);
  add_row(out, "names", stats.points_by_name.size());
  add_row(out, "sources", stats.sources.size());
  add_row(out, "duplicates", stats.duplicates);
  add_row(out, "conflicts", stats.conflicts);
  add_row_unless_zero(out, "not tracked", stats.untracked);
  add_row_unless_zero(out, "not finite", stats.not_finite);
  add_row_unless_zero(out, "tags given twice", stats.duplicate_tags);
  add_row_unless_zero(out, "sources filled in", stats.sources_filled_in);
  add_row_unless_zero(out, "invalid UTF-8", stats.invalid_utf8);
  add_row(out, "TCP connections", stats.connections);
  add_row(out, "HTTP requests", stats.requests());
  for (const auto& [status, count] : stats.requests_by_status) {
    add_row(out, status == 0 ? "  unanswered" : "  " + std::to_string(status), count);
  }
  add_row(out, "bytes received", stats.wire_bytes);
  add_row(out, "bytes of lines", stats.bytes);
  add_row(out, "rejected", stats.lost());
  for (const auto& [code, lines] : stats.rejected) {
    add_row(out, "  " + receive::rejection_code_name(code), lines.count);
    for (const std::string& example : lines.examples) out += "    " + example + "\n";
  }
  add_row_unless_zero(out, "  too long", stats.lines_too_long);
  add_row_unless_zero(out, "  unterminated", stats.lines_unterminated);
  add_row_unless_zero(out, "  unauthorized", stats.lines_unauthorized);
  add_row_unless_zero(out, "  broken gzip", stats.broken_gzip);
  return out;
}

namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void add_key(JsonWriter& json, std::string_view key) {
  json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void add_json(JsonWriter& json, std::string_view key, std::uint64_t count) {
  add_key(json, key);
  json.Uint64(count);
}

void add_rejected_json(JsonWriter& json, const ReceiverStats& stats) {
  json.Key("rejected");
  json.StartObject();
  for (const auto& [code, lines] : stats.rejected) {
    add_key(json, receive::rejection_code_name(code));
    json.StartObject();
    add_json(json, "count", lines.count);
    json.Key("examples");
    json.StartArray();
    for (const std::string& example : lines.examples) {
      json.String(example.data(), static_cast<rapidjson::SizeType>(example.size()));
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace

std::string format_summary_json(const ReceiverStats& stats) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  add_json(json, "points", stats.points);
  add_json(json, "distributions", stats.distributions);
  add_json(json, "names", stats.points_by_name.size());
  add_json(json, "sources", stats.sources.size());
  add_json(json, "duplicates", stats.duplicates);
  add_json(json, "conflicts", stats.conflicts);
  add_json(json, "not_tracked", stats.untracked);
  add_json(json, "not_finite", stats.not_finite);
  add_json(json, "tags_given_twice", stats.duplicate_tags);
  add_json(json, "sources_filled_in", stats.sources_filled_in);
  add_json(json, "invalid_utf8", stats.invalid_utf8);
  add_json(json, "tcp_connections", stats.connections);
  add_json(json, "http_requests", stats.requests());
  json.Key("http_requests_by_status");
  json.StartObject();
  for (const auto& [status, count] : stats.requests_by_status) {
    add_json(json, status == 0 ? "unanswered" : std::to_string(status), count);
  }
  json.EndObject();
  add_json(json, "bytes_received", stats.wire_bytes);
  add_json(json, "bytes_of_lines", stats.bytes);
  add_json(json, "rejected_total", stats.lost());
  add_rejected_json(json, stats);
  add_json(json, "lines_too_long", stats.lines_too_long);
  add_json(json, "lines_unterminated", stats.lines_unterminated);
  add_json(json, "lines_unauthorized", stats.lines_unauthorized);
  add_json(json, "broken_gzip", stats.broken_gzip);
  json.Key("points_by_name");
  json.StartObject();
  for (const auto& [name, count] : stats.points_by_name) add_json(json, name, count);
  json.EndObject();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int receive_command(const ReceiveOptions& options) {
  if (options.answer != 0 && (options.answer < 200 || options.answer > 599)) {
    return fail("--answer takes an HTTP status from 200 to 599");
  }
  File record;
  if (!options.record_file.empty()) {
    record.reset(std::fopen(options.record_file.c_str(), "w"));
    if (!record)
      return fail("could not write " + options.record_file + ": " + std::strerror(errno));
  }
  StopSignals signals;
  auto started = receive::Receiver::start(receiver_options(options, record.get()));
  if (!started) return fail(started.error().message);
  const auto receiver = *std::move(started);
  if (const auto written = write_port_file(options.port_file, receiver->port()); !written) {
    return fail(written.error().message);
  }
  const bool is_proxy = options.mode == receive::ReceiveMode::Proxy;
  std::fprintf(stderr, "listening on %s (%s)\n", receiver->address().c_str(),
               is_proxy ? "TCP and HTTP" : "HTTP, direct ingestion");
  signals.wait_for(options.for_ms > 0 ? options.for_ms : kForeverMs);
  receiver->stop();
  const ReceiverStats stats = receiver->stats();
  const std::string summary = options.json ? format_summary_json(stats) : format_summary(stats);
  std::FILE* const out = options.print ? stderr : stdout;
  std::fwrite(summary.data(), 1, summary.size(), out);
  std::fflush(out);
  return options.strict && stats.lost() > 0 ? 3 : 0;
}

}  // namespace fedwave::relay
