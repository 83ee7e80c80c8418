#include "relay/status/status_handler.h"

#include <algorithm>
#include <array>

#include "config/effective.h"
#include "relay/base/duration.h"
#include "relay/base/text.h"
#include "relay/json.h"
#include "relay/status/assets.h"
#include "relay/status/metrics_page.h"
#include "relay/status/query.h"
#include "relay/status/status_views.h"
#include "relay/status/survey_views.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

constexpr std::int64_t kLagUnhealthyMs = 300'000;
constexpr std::size_t kGzipFromBytes = 1'024;
constexpr const char* kJson = "application/json";
constexpr const char* kNoStore = "no-store";
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

HttpReply text_reply(int status, std::string text) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(text);
  return reply;
}

HttpReply json_reply(std::string json) {
  HttpReply reply;
  reply.content_type = kJson;
  reply.body = std::move(json);
  return reply;
}

// Programs get JSON where they expect it, people a line.
HttpReply error_reply(const HttpRequestView& request, int status, const std::string& message) {
  if (!request.path.starts_with("/api/") && request.path != "/targets") {
    return text_reply(status, message + "\n");
  }
  HttpReply reply = json_reply(json_object([&](JsonWriter& json) { add(json, "error", message); }));
  reply.status = status;
  return reply;
}

HttpReply reply_or_error(const HttpRequestView& request, base::Expected<std::string> json) {
  if (!json) return error_reply(request, 400, json.error().message);
  return json_reply(*std::move(json));
}

// What follows each comma of a header, blanks around it removed.
template <class Take>
void for_each_item(std::string_view header, const Take& take) {
  while (!header.empty()) {
    const std::size_t comma = std::min(header.find(','), header.size());
    std::string_view item = header.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    take(item);
    header.remove_prefix(std::min(comma + 1, header.size()));
  }
}

bool takes_gzip(const HttpRequestView& request) {
  bool takes = false;
  for_each_item(request.header("Accept-Encoding").value_or(""), [&](std::string_view item) {
    const std::size_t end = std::min(item.find_first_of("; "), item.size());
    const std::string weight = base::lower(item.substr(end));
    const std::size_t q = weight.find("q=");
    const bool is_refused =
        q != std::string::npos && weight.find_first_of("123456789", q) == std::string::npos;
    if (base::lower(item.substr(0, end)) == "gzip") takes = !is_refused;
  });
  return takes;
}

bool is_browser(const HttpRequestView& request) {
  return request.header("Accept").value_or("").find("text/html") != std::string_view::npos;
}

bool has_header(const HttpReply& reply, std::string_view name) {
  return std::any_of(reply.headers.begin(), reply.headers.end(),
                     [&](const auto& header) { return header.first == name; });
}

}  // namespace

struct StatusHandler::Route {
  std::string_view path;
  HttpReply (StatusHandler::*answer)(const HttpRequestView&);
  bool is_post = false;
  bool is_open = false;  // to everybody
};

const StatusHandler::Route* StatusHandler::find_route(std::string_view path) {
  using H = StatusHandler;
  static constexpr std::array<Route, 14> kRoutes = {{
      {"/", &H::asset},
      {"/metrics", &H::metrics},
      {"/targets", &H::targets},
      {"/config", &H::config},
      {"/-/healthy", &H::healthy, false, true},
      {"/-/ready", &H::ready, false, true},
      {"/-/reload", &H::reload, true},
      {"/api/v1/status", &H::status},
      {"/api/v1/history", &H::history},
      {"/api/v1/sources", &H::sources},
      {"/api/v1/sinks", &H::sinks},
      {"/api/v1/series", &H::series},
      {"/api/v1/tags", &H::tags},
      {"/api/v1/explain", &H::explain},
  }};
  static constexpr Route kAsset{"/assets/", &H::asset};
  if (path.starts_with(kAsset.path)) return find_asset(path) == nullptr ? nullptr : &kAsset;
  const auto found = std::find_if(kRoutes.begin(), kRoutes.end(),
                                  [&](const Route& route) { return route.path == path; });
  return found == kRoutes.end() ? nullptr : &*found;
}

StatusHandler::StatusHandler(const config::Status& settings, RelayView& relay,
                             const History& history, const base::Clock& clock)
    : relay_(relay), history_(history), clock_(clock), access_(settings), explain_(relay) {}

HttpReply StatusHandler::handle(const HttpRequestView& request) {
  HttpReply reply = answer(request);
  dress(reply, request);
  return reply;
}

HttpReply StatusHandler::answer(const HttpRequestView& request) {
  const Route* route = find_route(request.path);
  if (route == nullptr || !route->is_open) {
    if (const auto refusal = access_.refuse(request)) {
      HttpReply reply = error_reply(request, refusal->status, refusal->reason);
      // Our page says itself that it wants credentials; with a challenge the browser would put its
      // dialog before whoever happens to look.
      if (!refusal->challenge.empty() && !request.header("X-Requested-With")) {
        reply.headers.emplace_back("WWW-Authenticate", refusal->challenge);
      }
      return reply;
    }
  }
  if (route == nullptr) {
    return error_reply(
        request, 404,
        "there is no " + shown(request.path) +
            "; there is / (the page), /metrics, /targets, /config, /-/healthy, /-/ready, "
            "/-/reload (POST), and /api/v1/ with status, history, sources, sinks, series, tags, "
            "explain");
  }
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (route->is_post ? request.method != "POST" : !is_get) {
    const std::string allowed = route->is_post ? "POST" : "GET, HEAD";
    HttpReply reply = error_reply(request, 405, "this takes " + allowed + " only");
    reply.headers.emplace_back("Allow", allowed);
    return reply;
  }
  return (this->*route->answer)(request);
}

// What goes with every answer.
void StatusHandler::dress(HttpReply& reply, const HttpRequestView& request) {
  reply.headers.emplace_back("Content-Security-Policy", kContentSecurityPolicy);
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  reply.headers.emplace_back("X-Frame-Options", "DENY");
  if (!has_header(reply, "Cache-Control")) reply.headers.emplace_back("Cache-Control", kNoStore);
  reply.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (has_header(reply, "Content-Encoding") || has_header(reply, "ETag")) return;
  if (reply.body.size() < kGzipFromBytes || !takes_gzip(request)) return;
  reply.body = deflater_.deflate(reply.body);
  reply.headers.emplace_back("Content-Encoding", "gzip");
}

// Of the process itself: a Prometheus or a Wavefront that is away is no reason to restart it.
HttpReply StatusHandler::healthy(const HttpRequestView&) {
  const std::int64_t lag_ms = relay_.figures().schedule_lag_ms;
  if (lag_ms <= kLagUnhealthyMs) return text_reply(200, "fedwave is healthy.\n");
  return text_reply(503, "a scrape has been waiting for a worker for " +
                             base::format_duration_ms(lag_ms - lag_ms % 1'000) + "\n");
}

HttpReply StatusHandler::ready(const HttpRequestView&) {
  if (relay_.is_stopping()) return text_reply(503, "fedwave is stopping\n");
  return text_reply(200, "fedwave is ready.\n");
}

HttpReply StatusHandler::reload(const HttpRequestView& request) {
  if (const auto refusal = Access::refuse_cross_site(request)) {
    return error_reply(request, refusal->status, refusal->reason);
  }
  const auto reloaded = relay_.reload();
  if (reloaded) return text_reply(200, *reloaded + "\n");
  const bool is_bad = reloaded.error().code == base::ErrorCode::InvalidArgument;
  return text_reply(is_bad ? 400 : 503, reloaded.error().message + "\n");
}

HttpReply StatusHandler::asset(const HttpRequestView& request) {
  const Asset* asset = find_asset(request.path);
  if (asset == nullptr) asset = find_asset("/");  // a browser that asked for /config or /targets
  const bool is_gzip = takes_gzip(request);
  const std::string etag = '"' + asset->etag + (is_gzip ? "-gzip\"" : "\"");
  HttpReply reply;
  reply.content_type = asset->content_type;
  reply.headers.emplace_back("ETag", etag);
  reply.headers.emplace_back("Cache-Control", "no-cache");
  bool is_known = false;
  for_each_item(request.header("If-None-Match").value_or(""), [&](std::string_view item) {
    if (item.starts_with("W/")) item.remove_prefix(2);
    is_known = is_known || item == etag || item == "*";
  });
  if (is_known) {
    reply.status = 304;
    return reply;
  }
  if (is_gzip) reply.headers.emplace_back("Content-Encoding", "gzip");
  reply.body = is_gzip ? asset->gzip : std::string(asset->bytes);
  return reply;
}

HttpReply StatusHandler::config(const HttpRequestView& request) {
  if (is_browser(request)) return asset(request);
  return text_reply(200, config::effective_yaml(*relay_.config()));
}

HttpReply StatusHandler::targets(const HttpRequestView& request) {
  if (is_browser(request)) return asset(request);
  return json_reply(targets_json(relay_.figures()));
}

HttpReply StatusHandler::metrics(const HttpRequestView&) {
  const PipelineFigures figures = relay_.figures();
  const ConfigFigures config = relay_.config_figures();
  const ClusterFigures cluster = relay_.cluster();
  const ProcessFigures process = process_figures();
  HttpReply reply;
  reply.content_type = kMetricsContentType;
  reply.body = metrics_page({.figures = figures,
                             .config = config,
                             .cluster = cluster,
                             .process = process,
                             .version = kVersion,
                             .now_ms = clock_.wall_ms(),
                             .started_ms = relay_.started_ms()});
  return reply;
}

HttpReply StatusHandler::status(const HttpRequestView&) {
  return json_reply(status_json(relay_, history_, clock_.wall_ms()));
}

HttpReply StatusHandler::history(const HttpRequestView&) {
  return json_reply(history_json(*relay_.config(), history_));
}

HttpReply StatusHandler::sources(const HttpRequestView&) {
  return json_reply(sources_json(relay_.figures(), clock_.wall_ms()));
}

HttpReply StatusHandler::sinks(const HttpRequestView&) {
  const PipelineFigures figures = relay_.figures();
  return json_reply(sinks_json(figures, history_.rates(*figures.config), clock_.wall_ms()));
}

HttpReply StatusHandler::series(const HttpRequestView& request) {
  return reply_or_error(request, series_json(relay_, request.query));
}

HttpReply StatusHandler::tags(const HttpRequestView& request) {
  return reply_or_error(request, tags_json(relay_, request.query));
}

HttpReply StatusHandler::explain(const HttpRequestView& request) {
  return reply_or_error(request, explain_.json(request.query));
}

}  // namespace fedwave::relay
