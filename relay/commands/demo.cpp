#include "relay/commands/demo.h"

#include <cstdio>
#include <iostream>

#include "config/load.h"
#include "relay/base/clock.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/pipeline_view.h"
#include "relay/commands/port_file.h"
#include "relay/curl_client.h"
#include "relay/demo/page_server.h"
#include "relay/demo/screen.h"
#include "relay/istio_sample.h"
#include "relay/status/status_server.h"
#include "relay/stop_signal.h"

namespace fedwave::relay {
namespace {

constexpr std::int64_t kFrameMs = 1'000;
constexpr std::int64_t kGraceMs = 5'000;

// The sample configuration for Istio, as it is shipped, led to the mesh and the receiver here.
config::Config demo_config(const DemoOptions& options, const std::string& mesh_address,
                           const std::string& receiver_address) {
  const config::LoadResult loaded =
      config::load_text("istio-sample.yaml", kIstioSample, config::process_environment());
  config::Config config = *loaded.config;
  config::Source& source = config.sources.front();
  const auto path = source.url.find("/federate");
  source.url = "http://" + mesh_address + source.url.substr(path);
  source.http = {};
  source.interval_ms = options.interval_ms;
  source.timeout_ms = options.interval_ms;
  config.sinks.front().name = "the demo's receiver";
  config.sinks.front().endpoints.front().url = "http://" + receiver_address + "/report";
  return config;
}

// Null when none is wanted. Where nothing was said, a port that is taken is not worth a word.
base::Expected<std::unique_ptr<StatusServer>> start_status(const DemoOptions& options,
                                                           config::Status settings,
                                                           RelayView& view) {
  if (options.status_listen == "off") return std::unique_ptr<StatusServer>();
  settings.listen = options.status_listen.value_or("127.0.0.1:9464");
  auto server = StatusServer::start(settings, view, base::system_clock());
  if (!server && !options.status_listen) {
    settings.listen = "127.0.0.1:0";
    server = StatusServer::start(settings, view, base::system_clock());
  }
  if (!server) return server.error();
  const auto written = write_port_file(options.status_port_file, (*server)->port());
  if (!written) return written.error();
  std::cerr << "the status page is at http://" << (*server)->address() << "/\n";
  return server;
}

void summarise(const PipelineFigures& relay, const receive::ReceiverStats& received) {
  const SinkCounts& counts = relay.sources.front().counts.by_sink.front();
  std::printf(
      "\n%llu samples read in %llu scrapes: %llu sent, %llu dropped by filters, %llu repeated, "
      "%llu not a number\n"
      "%llu points received, %zu metrics, %llu rejected\n",
      static_cast<unsigned long long>(relay.sources.front().counts.read),
      static_cast<unsigned long long>(relay.sources.front().scrapes),
      static_cast<unsigned long long>(counts.written),
      static_cast<unsigned long long>(counts.filtered()),
      static_cast<unsigned long long>(counts.repeated),
      static_cast<unsigned long long>(counts.rejected()),
      static_cast<unsigned long long>(received.points), received.points_by_name.size(),
      static_cast<unsigned long long>(received.rejected_lines()));
}

}  // namespace

int demo_exit_code(const receive::ReceiverStats& received) {
  if (received.rejected_lines() > 0) return kExitMalformed;
  return received.points > 0 ? kExitOk : kExitUnreadable;
}

int demo_command(const DemoOptions& options) {
  StopSignals signals;
  const base::Clock& clock = base::system_clock();
  const Mesh mesh(options.seed, clock.wall_ms());
  PageServer pages(mesh, clock);
  if (const auto started = pages.start(options.listen); !started) {
    std::cerr << "fedwave: " << started.error().message << '\n';
    return kExitUsage;
  }
  auto receiver = receive::Receiver::start({});
  if (!receiver) {
    std::cerr << "fedwave: " << receiver.error().message << '\n';
    return kExitUsage;
  }
  if (const auto written = write_port_file(options.port_file, pages.server().port()); !written) {
    std::cerr << "fedwave: " << written.error().message << '\n';
    return kExitUsage;
  }
  std::cerr << "the mesh is at http://" << pages.server().address()
            << "/federate (the whole page, whatever match[] says) and /metrics; the receiver at "
            << (*receiver)->address() << '\n';

  const auto config = std::make_shared<const config::Config>(
      demo_config(options, pages.server().address(), (*receiver)->address()));
  Pipeline pipeline(config, clock, make_curl_client);
  Reloader reloader(
      {}, [](const auto&) { return ConfigChange{}; }, clock);  // its file is the program
  PipelineView view(pipeline, reloader, nullptr, clock);
  const auto status = start_status(options, config->status, view);
  if (!status) {
    std::cerr << "fedwave: " << status.error().message << '\n';
    return kExitUsage;
  }
  pipeline.start();
  Screen screen(*status ? "http://" + (*status)->address() + "/" : "");
  const std::int64_t begun_ms = clock.steady_ms();
  for (;;) {
    const std::int64_t elapsed_ms = clock.steady_ms() - begun_ms;
    screen.show(pipeline.figures(), (*receiver)->stats(), elapsed_ms);
    if (options.for_ms > 0 && elapsed_ms >= options.for_ms) break;
    const std::int64_t left_ms = options.for_ms > 0 ? options.for_ms - elapsed_ms : kFrameMs;
    if (signals.wait_for(std::min(kFrameMs, left_ms))) break;
  }
  view.note_stopping();
  pipeline.stop(kGraceMs);
  if (*status) (*status)->stop();
  (*receiver)->stop();
  const receive::ReceiverStats received = (*receiver)->stats();
  summarise(pipeline.figures(), received);
  return demo_exit_code(received);
}

}  // namespace fedwave::relay
