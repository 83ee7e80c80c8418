#include "relay/demo/page_server.h"

namespace fedwave::relay {

base::Expected<void> PageServer::start(const std::string& listen) {
  ListenOptions options;
  options.address = listen;
  auto started = HttpServer::start(
      std::move(options), [this](const HttpRequestView& request) { return answer(request); });
  if (!started) return started.error();
  server_ = std::move(*started);
  return {};
}

HttpReply PageServer::answer(const HttpRequestView& request) {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  if (request.method != "GET") {
    reply.status = 405;  // as Prometheus answers to POST and HEAD
    reply.body = "Method Not Allowed\n";
  } else if (request.path == "/federate") {
    // A Prometheus answers an empty page to a request without match[].
    if (query_value(request.query, "match[]")) reply.body = mesh_.federate_page(clock_.wall_ms());
  } else if (request.path == "/metrics") {
    reply.body = mesh_.metrics_page(clock_.wall_ms());
  } else {
    reply.status = 404;
    reply.body = "The simulated mesh has /federate?match[]=… and /metrics.\n";
  }
  const auto encodings = request.header("Accept-Encoding");
  if (reply.status == 200 && encodings && encodings->find("gzip") != std::string_view::npos) {
    reply.body = deflater_.deflate(reply.body);
    reply.headers.emplace_back("Content-Encoding", "gzip");
  }
  return reply;
}

}  // namespace fedwave::relay
