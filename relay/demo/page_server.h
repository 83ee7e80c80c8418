// Serves the simulated mesh as its Prometheus would (/federate, gzip when asked for) and as its
// pods would (/metrics). Owns the server's thread; the mesh outlives it.
#pragma once

#include <memory>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/gzip.h"
#include "relay/demo/mesh.h"
#include "relay/http_server.h"

namespace fedwave::relay {

class PageServer {
 public:
  PageServer(const Mesh& mesh, const base::Clock& clock) : mesh_(mesh), clock_(clock) {}

  base::Expected<void> start(const std::string& listen);
  [[nodiscard]] const HttpServer& server() const { return *server_; }

 private:
  HttpReply answer(const HttpRequestView& request);

  const Mesh& mesh_;
  const base::Clock& clock_;
  base::GzipDeflater deflater_;  // used on the server's one thread
  std::unique_ptr<HttpServer> server_;
};

}  // namespace fedwave::relay
