// The configuration file of a running relay: reads it again when it is asked to, or when it has
// changed, and puts it in force if it is good; a bad one is told with every problem, and the
// configuration from before goes on. Any thread; one reload at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/config_change.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

// What a file says, and what it is told by.
struct ConfigReading {
  std::string file;
  std::string hash;  // of the content, 16 hexadecimal digits; empty where it cannot be read
  config::LoadResult result;
};
ConfigReading read_config(const std::string& file);

// The problems of a file as events of the log.
void log_problems(const std::string& file, const std::vector<config::Problem>& problems);

class Reloader {
 public:
  using Apply = std::function<base::Expected<ConfigChange>(config::Config)>;

  // `first`: what is in force already. `apply` puts another one in force, or says why that cannot
  // be done now; it and the clock outlive the reloader.
  Reloader(ConfigReading first, Apply apply, const base::Clock& clock);

  // Who asks hears every outcome: by request in the answer, by signal in the log. For a change that
  // was noticed, and for another try of a file that was refused, only what is new is told.
  enum class Why : std::uint8_t { Asked, Signalled, Noticed, TryAgain };

  // What came of it. InvalidArgument: the file is no good; any other error: it cannot be done now.
  base::Expected<std::string> reload(Why why);

  // No more of them; waits for one in hand.
  void close();

  [[nodiscard]] ConfigFigures figures() const;

 private:
  base::Expected<std::string> keep_as_it_is(Why why);
  base::Error refuse(const ConfigReading& reading, Why why);
  base::Expected<std::string> put_in_force(ConfigReading reading, Why why);
  std::string note_in_force(std::string hash, const ConfigChange& change);

  const std::string file_;
  const Apply apply_;
  const base::Clock& clock_;
  std::mutex reloading_;  // one at a time; guards the next two
  bool closed_ = false;
  std::string last_read_;  // hash of what was read last, good or not
  mutable std::mutex mutex_;
  ConfigFigures figures_;  // with mutex_
};

}  // namespace fedwave::relay
