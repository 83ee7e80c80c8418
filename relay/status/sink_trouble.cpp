#include "relay/status/sink_trouble.h"

#include <algorithm>
#include <array>

#include "relay/status/query.h"

namespace fedwave::relay {

Trouble trouble_of(const std::string& cause) {
  if (cause == "http_401" || cause == "http_403") return Trouble::Denied;
  const bool is_redirect = cause.starts_with("http_3");
  const bool has_no_path = cause == "http_404" || cause == "http_405" || cause == "http_410";
  return is_redirect || has_no_path ? Trouble::Misplaced : Trouble::Passing;
}

std::string credentials_text(const config::Sink& sink) {
  if (sink.cloud_services.is_set()) return "cloudServices";
  if (!sink.token.empty()) return "token";
  if (sink.token_file.empty()) return "token or tokenFile: it has neither";
  return "tokenFile, " + sink.token_file + ", which is read again when it changes";
}

const char* first_step(std::string_view cause) {
  struct Step {
    std::string_view cause;
    const char* text;
  };
  static constexpr std::array<Step, 9> kSteps = {{
      {"unreachable", "is the receiver up, and can it be reached from here? "},
      {"timeout", "is the receiver up, and can it be reached from here? "},
      {"truncated",
       "the connection breaks off: look at the receiver's log, and at what is between. "},
      {"tls", "look at the receiver's certificate, and at the sink's tls. "},
      {"token", "look at where the sink's token comes from. "},
      {"http_406",
       "the receiver takes no more than it does: have its limit raised, or send less. "},
      {"http_407", "look at the credentials in the sink's proxy_url. "},
      {"http_429",
       "the receiver takes no more than it does: have its limit raised, or send less. "},
      {"http_5", "the trouble is the receiver's own: look at its log. "},
  }};
  const auto* const found = std::find_if(kSteps.begin(), kSteps.end(), [&](const Step& step) {
    return cause.starts_with(step.cause);
  });
  return found == kSteps.end() ? "" : found->text;
}

std::string waiting_text(std::uint64_t points) {
  return many(points, "point") + (points == 1 ? " waits" : " wait");
}

std::string leaving_advice(const SinkFigures& sink) {
  const sinks::SpoolFigures& spool = sink.spool;
  const std::uint64_t in_memory =
      spool.has_directory ? spool.points_in_memory : spool.points_waiting;
  std::string advice = first_step(sink.sender.cause);
  if (in_memory > 0) {
    advice += waiting_text(in_memory) + " in memory and would be lost at the next restart";
    if (!spool.disk_trouble.empty()) {
      advice += " (the spool cannot use its directory: " + spool.disk_trouble + ")";
    }
  }
  if (spool.points_waiting > in_memory) {
    advice += (in_memory > 0 ? "; " : "") + waiting_text(spool.points_waiting - in_memory) +
              " on disk and would stay there through a restart";
  }
  return advice +
         ". Put the sink back, with its name and spool and an address that takes them, to have "
         "them delivered there";
}

}  // namespace fedwave::relay
