// The status server of a running relay, where the configuration and the command line want it. An
// edit that wants another one proves first that it can be (prepare, on the thread of the reload);
// once the edit is in force, the page is moved (follow, on main's thread, since the request for the
// reload may have come through the server that ends). The view outlives it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "config/config.h"
#include "relay/base/expected.h"
#include "relay/commands/run.h"
#include "relay/status/relay_view.h"
#include "relay/status/status_server.h"

namespace fedwave::relay {

class StatusPage {
 public:
  explicit StatusPage(const RunOptions& options) : options_(options) {}

  // The file's settings with what the command line says instead.
  [[nodiscard]] config::Status in_force(config::Status written) const;

  // All of these take settings that are in force.
  base::Expected<void> start(const config::Status& settings, RelayView& view);
  base::Expected<void> prepare(const config::Status& settings);
  void forget_prepared();
  void follow(const config::Status& settings);

  // The view may go after this.
  void stop();

 private:
  using Server = std::unique_ptr<StatusServer>;
  [[nodiscard]] base::Expected<Server> make(const config::Status& settings) const;
  base::Expected<void> take(Server server, const config::Status& settings);

  struct Prepared {
    config::Status settings;
    Server server;
    bool has_to_wait = false;  // for the port, which the server before it has
  };

  const RunOptions& options_;
  RelayView* view_ = nullptr;
  Server server_;                     // main's thread
  std::mutex mutex_;                  // guards the rest
  config::Status settings_;           // of the server
  std::optional<Prepared> prepared_;  // the newest edit
};

}  // namespace fedwave::relay
