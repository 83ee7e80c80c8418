// Makes a sink, its spool and what its sender needs from the configuration.
#pragma once

#include <atomic>
#include <memory>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "sinks/quarantine.h"
#include "sinks/sender.h"
#include "sinks/sink.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {

// The sink's folder in the spool's directory; empty where there is none.
std::string spool_folder(const config::Sink& sink);

sinks::SpoolOptions spool_options(const config::Sink& sink);
// On disk where the configuration names a directory.
std::unique_ptr<sinks::Spool> make_spool(const config::Sink& sink, const base::Clock& clock);

// `cancelled` ends a request in hand; it and the clock outlive the sink.
std::unique_ptr<sinks::Sink> make_sink(const config::Sink& sink, base::HttpClientFactory client,
                                       const base::Clock& clock,
                                       const std::atomic<bool>* cancelled);

sinks::SenderOptions sender_options(const config::Sink& sink);
sinks::QuarantineOptions quarantine_options(const config::Sink& sink);

// Whether blocks for this sink are compressed: on disk always, else where HTTP can carry them so.
bool wants_gzip(const config::Sink& sink);

}  // namespace fedwave::relay
