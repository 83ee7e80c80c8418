#include "relay/commands/status_page.h"

#include <string>
#include <string_view>
#include <utility>

#include "relay/base/clock.h"
#include "relay/base/log.h"
#include "relay/commands/port_file.h"

namespace fedwave::relay {
namespace {

using base::Expected;
using base::LogLevel;

std::string_view port_of(std::string_view listen) {
  return listen.substr(listen.rfind(':') + 1);
}

// Two servers cannot have one port, whatever their addresses are.
bool want_one_port(const config::Status& a, const config::Status& b) {
  return !a.listen.empty() && !b.listen.empty() && port_of(a.listen) == port_of(b.listen) &&
         port_of(a.listen) != "0";
}

config::Status on_any_port(config::Status settings) {
  settings.listen.resize(settings.listen.size() - port_of(settings.listen).size());
  settings.listen += '0';
  return settings;
}

void tell(const Expected<void>& moved) {
  if (moved) return;
  base::log(LogLevel::Error, "the status page cannot be moved as the edit wants it",
            {{"error", moved.error().message}});
}

}  // namespace

config::Status StatusPage::in_force(config::Status written) const {
  if (options_.listen.empty()) return written;
  written.listen = options_.listen == "off" ? "" : options_.listen;
  written.is_listen_written = true;
  return written;
}

Expected<void> StatusPage::start(const config::Status& settings, RelayView& view) {
  view_ = &view;
  auto server = make(settings);
  if (!server) return server.error();
  return take(*std::move(server), settings);
}

// Null where none is wanted, or where the default address is taken: the points come first. An
// address that somebody wrote is an error to see to.
Expected<StatusPage::Server> StatusPage::make(const config::Status& settings) const {
  if (settings.listen.empty()) return Server();
  auto server = StatusServer::start(settings, *view_, base::system_clock());
  if (server) return server;
  if (settings.is_listen_written || server.error().code != base::ErrorCode::Io) {
    return server.error();
  }
  base::log(LogLevel::Warn,
            "running without the status page; write status: {listen: ADDRESS} for another place",
            {{"error", server.error().message}});
  return Server();
}

Expected<void> StatusPage::take(Server server, const config::Status& settings) {
  server_ = std::move(server);
  {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
  }
  if (!server_) return {};
  const char* const scheme = settings.cert_file.empty() ? "http://" : "https://";
  base::log(LogLevel::Info, "the status page is served",
            {{"address", scheme + server_->address()}});
  return write_port_file(options_.port_file, server_->port());
}

// Nothing changes yet. Where the port is the same, a server on any other one proves the rest: the
// address, the certificate, the files with credentials.
Expected<void> StatusPage::prepare(const config::Status& settings) {
  const std::lock_guard lock(mutex_);
  prepared_.reset();
  if (settings == settings_) return {};
  const bool has_to_wait = want_one_port(settings, settings_);
  auto server = make(has_to_wait ? on_any_port(settings) : settings);
  if (!server) return server.error();
  prepared_ = Prepared{settings, has_to_wait ? Server() : *std::move(server), has_to_wait};
  return {};
}

void StatusPage::follow(const config::Status& settings) {
  std::optional<Prepared> next;
  config::Status before;
  {
    const std::lock_guard lock(mutex_);
    if (!prepared_ || prepared_->settings != settings) return;
    next = std::exchange(prepared_, std::nullopt);
    before = settings_;
  }
  server_.reset();
  if (!next->has_to_wait) return tell(take(std::move(next->server), settings));
  auto server = make(settings);
  if (server) return tell(take(*std::move(server), settings));
  tell(server.error());
  if (auto again = make(before)) tell(take(*std::move(again), before));
}

void StatusPage::forget_prepared() {
  const std::lock_guard lock(mutex_);
  prepared_.reset();
}

void StatusPage::stop() {
  forget_prepared();
  server_.reset();
}

}  // namespace fedwave::relay
