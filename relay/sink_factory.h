// Makes a sink and its spool from the configuration.
#pragma once

#include <atomic>
#include <memory>

#include "config/config.h"
#include "relay/base/http_client.h"
#include "sinks/sink.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {

std::unique_ptr<sinks::Spool> make_spool(const config::Sink& sink);

// `cancelled` ends a request in hand; it outlives the sink.
std::unique_ptr<sinks::Sink> make_sink(const config::Sink& sink, base::HttpClientFactory client,
                                       const std::atomic<bool>* cancelled);

// Whether blocks for this sink are compressed: only HTTP can carry them so.
bool wants_gzip(const config::Sink& sink);

}  // namespace fedwave::relay
