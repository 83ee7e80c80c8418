#include "relay/receive/receiver.h"

#include <mutex>
#include <optional>
#include <utility>

#include "relay/base/gzip.h"
#include "relay/receive/point_history.h"

namespace fedwave::receive {
namespace {

using relay::HttpReply;
using relay::HttpRequestView;

constexpr std::size_t kExamplesMax = 5;

std::string_view trim(std::string_view text) {
  const auto is_trimmed = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!text.empty() && is_trimmed(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_trimmed(text.front())) text.remove_prefix(1);
  return text;
}

// Calls `take` with every line that is not blank, the last one too when no newline ends it.
template <class Take>
void for_each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = trim(text.substr(0, newline));
    if (!line.empty()) take(line);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
}

// Cuts a TCP stream into lines. A line that is too long is thrown away up to its newline.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  template <class Take>
  void feed(std::string_view bytes, const Take& take) {
    while (!bytes.empty()) {
      const std::size_t newline = bytes.find('\n');
      add(bytes.substr(0, newline));
      if (newline == std::string_view::npos) return;
      if (!is_too_long_) take(std::string_view(pending_));
      pending_.clear();
      is_too_long_ = false;
      bytes.remove_prefix(newline + 1);
    }
  }
  [[nodiscard]] bool has_rest() const { return !is_too_long_ && !trim(pending_).empty(); }
  [[nodiscard]] std::uint64_t too_long() const { return too_long_; }

 private:
  void add(std::string_view piece) {
    if (is_too_long_) return;
    if (pending_.size() + piece.size() > line_bytes_max_) {
      is_too_long_ = true;
      ++too_long_;
      pending_.clear();
    } else {
      pending_ += piece;
    }
  }

  std::size_t line_bytes_max_;
  std::string pending_;
  bool is_too_long_ = false;
  std::uint64_t too_long_ = 0;
};

HttpReply text_reply(int status, std::string text) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(text);
  return reply;
}

// The token that a request shows, looked for where the proxy looks; the query beats the headers.
std::string shown_token(const HttpRequestView& request) {
  for (const std::string_view key : {"t", "token", "api_key"}) {
    if (auto token = relay::query_value(request.query, key)) return *std::move(token);
  }
  auto header = request.header("X-AUTH-TOKEN");
  if (!header) header = request.header("Authorization");
  std::string_view token = header.value_or("");
  if (token.starts_with("Bearer ")) token.remove_prefix(7);
  return std::string(trim(token));
}

}  // namespace

struct Receiver::Impl {
  explicit Impl(ReceiverOptions some_options)
      : options(std::move(some_options)), history(options.tracked_points_max) {}

  HttpReply handle(const HttpRequestView& request);
  HttpReply handle_post(const HttpRequestView& request);
  HttpReply take_as_proxy(std::string_view lines, LineFormat format, std::string_view remote);
  HttpReply take_as_direct(std::string_view lines, LineFormat format);
  [[nodiscard]] bool is_authorized(const HttpRequestView& request) const;

  [[nodiscard]] LineRules rules(std::string_view default_source) const;
  void take_line(std::string_view line, LineFormat format, const LineRules& line_rules);
  void accept(const CheckedPoint& point, std::string_view line);
  void reject(const Rejection& rejection, std::string_view line);

  ReceiverOptions options;
  PointHistory history;  // of the server's thread
  mutable std::mutex mutex;
  ReceiverStats stats;  // guarded by mutex
  std::unique_ptr<relay::HttpServer> server;
};

namespace {

// One TCP connection with lines, as they are or as one gzip stream.
class LineConnection final : public relay::RawHandler {
 public:
  LineConnection(Receiver::Impl& receiver, std::string_view remote_address)
      : receiver_(receiver),
        remote_address_(remote_address),
        splitter_(receiver.options.max_line_bytes) {
    const std::lock_guard lock(receiver_.mutex);
    ++receiver_.stats.connections;
  }

  bool on_data(std::string_view bytes) override;
  void on_close() override;

 private:
  void take_text(std::string_view text);

  Receiver::Impl& receiver_;
  std::string remote_address_;
  LineSplitter splitter_;
  std::optional<base::GzipInflater> inflater_;
  bool is_first_ = true;
  bool is_broken_ = false;
};

bool LineConnection::on_data(std::string_view bytes) {
  {
    const std::lock_guard lock(receiver_.mutex);
    receiver_.stats.wire_bytes += bytes.size();
  }
  if (std::exchange(is_first_, false) && bytes.starts_with("\x1f\x8b")) inflater_.emplace();
  if (!inflater_) {
    take_text(bytes);
    return true;
  }
  const auto inflated = inflater_->feed(bytes, [this](std::string_view text) {
    take_text(text);
    return true;
  });
  is_broken_ = !inflated;
  return !is_broken_;
}

void LineConnection::take_text(std::string_view text) {
  const LineRules rules = receiver_.rules(remote_address_);
  {
    const std::lock_guard lock(receiver_.mutex);
    receiver_.stats.bytes += text.size();
  }
  splitter_.feed(text, [&](std::string_view line) {
    line = trim(line);
    if (line.empty()) return;
    if (receiver_.options.token.empty()) {
      receiver_.take_line(line, LineFormat::Autodetect, rules);
      return;
    }
    const std::lock_guard lock(receiver_.mutex);
    ++receiver_.stats.lines_unauthorized;
  });
}

void LineConnection::on_close() {
  const std::lock_guard lock(receiver_.mutex);
  receiver_.stats.lines_too_long += splitter_.too_long();
  if (splitter_.has_rest()) ++receiver_.stats.lines_unterminated;
  if (is_broken_ || (inflater_ && !inflater_->at_end())) ++receiver_.stats.broken_gzip;
}

LineFormat format_of(const HttpRequestView& request, ReceiveMode mode) {
  auto name = relay::query_value(request.query, "f");
  if (!name) name = relay::query_value(request.query, "format");
  if (name == "histogram") return LineFormat::Histogram;
  if (name == "wavefront" || name == "graphite_v2") return LineFormat::Metric;
  return mode == ReceiveMode::Direct ? LineFormat::Metric : LineFormat::Autodetect;
}

}  // namespace

HttpReply Receiver::Impl::handle(const HttpRequestView& request) {
  const auto proceed = [&] { return handle_post(request); };
  HttpReply reply = options.intercept ? options.intercept(request, proceed) : proceed();
  const std::lock_guard lock(mutex);
  ++stats.requests_by_status[reply.close_without_answer ? 0 : reply.status];
  stats.wire_bytes += request.body.size();
  return reply;
}

bool Receiver::Impl::is_authorized(const HttpRequestView& request) const {
  if (options.token.empty()) return true;
  if (options.mode == ReceiveMode::Proxy) return shown_token(request) == options.token;
  return request.header("Authorization").value_or("") == "Bearer " + options.token;
}

HttpReply Receiver::Impl::handle_post(const HttpRequestView& request) {
  if (!is_authorized(request)) return text_reply(401, "401 Unauthorized\n");
  if (options.mode == ReceiveMode::Direct) {
    if (request.path != "/report") return text_reply(404, "only /report is here\n");
    if (request.method != "POST") return text_reply(405, "only POST\n");
  }
  std::string inflated;
  std::string_view lines = request.body;
  if (request.header("Content-Encoding") == "gzip") {
    auto text = base::gunzip(request.body, options.max_body_bytes);
    if (!text) {
      const bool is_too_large = text.error().code == base::ErrorCode::BodyLimit;
      const std::lock_guard lock(mutex);
      if (!is_too_large) ++stats.broken_gzip;
      return text_reply(is_too_large ? 413 : 400,
                        "Decompression error: " + text.error().message + "\n");
    }
    inflated = *std::move(text);
    lines = inflated;
  }
  {
    const std::lock_guard lock(mutex);
    stats.bytes += lines.size();
  }
  const LineFormat format = format_of(request, options.mode);
  return options.mode == ReceiveMode::Direct ? take_as_direct(lines, format)
                                             : take_as_proxy(lines, format, request.remote_address);
}

HttpReply Receiver::Impl::take_as_proxy(std::string_view lines, LineFormat format,
                                        std::string_view remote) {
  const LineRules line_rules = rules(remote);
  for_each_line(lines, [&](std::string_view line) { take_line(line, format, line_rules); });
  return text_reply(202, "");
}

// All lines or none: a sender that finds the bad line and posts the others again makes no
// duplicates.
HttpReply Receiver::Impl::take_as_direct(std::string_view lines, LineFormat format) {
  const LineRules line_rules = rules({});
  std::vector<std::pair<CheckedPoint, std::string_view>> accepted;
  std::string reason;
  for_each_line(lines, [&](std::string_view line) {
    auto result = check_line(line, format, line_rules);
    if (auto* point = std::get_if<CheckedPoint>(&result)) {
      if (reason.empty()) accepted.emplace_back(std::move(*point), line);
    } else {
      const auto& rejection = std::get<Rejection>(result);
      reject(rejection, line);
      if (reason.empty()) reason = rejection.text;
    }
  });
  if (!reason.empty()) return text_reply(400, reason + "\n");
  for (const auto& [point, line] : accepted) accept(point, line);
  return text_reply(202, "");
}

LineRules Receiver::Impl::rules(std::string_view default_source) const {
  return {options.limits, options.clock->wall_ms(), std::string(default_source)};
}

void Receiver::Impl::take_line(std::string_view line, LineFormat format,
                               const LineRules& line_rules) {
  const auto result = check_line(line, format, line_rules);
  if (const auto* point = std::get_if<CheckedPoint>(&result)) {
    accept(*point, line);
  } else {
    reject(std::get<Rejection>(result), line);
  }
}

void Receiver::Impl::accept(const CheckedPoint& point, std::string_view line) {
  const PointHistory::Seen seen = history.record(point);
  {
    const std::lock_guard lock(mutex);
    ++stats.points;
    if (point.is_distribution()) ++stats.distributions;
    ++stats.points_by_name[point.name];
    stats.sources.insert(point.source);
    if (seen == PointHistory::Seen::Duplicate) ++stats.duplicates;
    if (seen == PointHistory::Seen::Conflict) ++stats.conflicts;
    if (seen == PointHistory::Seen::Untracked) ++stats.untracked;
    if (point.notes.not_finite) ++stats.not_finite;
    if (point.notes.duplicate_tag) ++stats.duplicate_tags;
    if (point.notes.source_filled_in) ++stats.sources_filled_in;
    if (point.notes.invalid_utf8) ++stats.invalid_utf8;
  }
  if (options.on_point) options.on_point(point, line);
}

void Receiver::Impl::reject(const Rejection& rejection, std::string_view line) {
  {
    const std::lock_guard lock(mutex);
    RejectedLines& rejected = stats.rejected[rejection.code];
    ++rejected.count;
    if (rejected.examples.size() < kExamplesMax) rejected.examples.push_back(rejection.text);
  }
  if (options.on_rejection) options.on_rejection(rejection, line);
}

std::uint64_t ReceiverStats::requests() const {
  std::uint64_t sum = 0;
  for (const auto& [status, count] : requests_by_status) sum += count;
  return sum;
}

std::uint64_t ReceiverStats::rejected_lines() const {
  std::uint64_t sum = 0;
  for (const auto& [code, lines] : rejected) sum += lines.count;
  return sum;
}

std::uint64_t ReceiverStats::lost() const {
  return rejected_lines() + lines_too_long + lines_unterminated + lines_unauthorized + broken_gzip;
}

Receiver::Receiver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Receiver::~Receiver() {
  stop();
}

base::Expected<std::unique_ptr<Receiver>> Receiver::start(ReceiverOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  relay::ListenOptions listen;
  listen.address = impl->options.listen;
  listen.max_body_bytes = impl->options.max_body_bytes;
  if (impl->options.mode == ReceiveMode::Proxy) {
    listen.raw_handler = [receiver = impl.get()](std::string_view remote_address) {
      return std::make_unique<LineConnection>(*receiver, remote_address);
    };
  }
  auto server = relay::HttpServer::start(std::move(listen),
                                         [receiver = impl.get()](const HttpRequestView& request) {
                                           return receiver->handle(request);
                                         });
  if (!server) return server.error();
  impl->server = *std::move(server);
  return std::unique_ptr<Receiver>(new Receiver(std::move(impl)));
}

std::uint16_t Receiver::port() const {
  return impl_->server->port();
}
const std::string& Receiver::address() const {
  return impl_->server->address();
}
void Receiver::stop() {
  impl_->server->stop();
}

ReceiverStats Receiver::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace fedwave::receive
