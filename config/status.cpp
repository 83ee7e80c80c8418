// Reads `status`: where the status page is served, and who may look.
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include "config/ip_address.h"
#include "config/sections.h"

namespace fedwave::config {
namespace {

constexpr std::string_view kNowhere = "off";

struct ListenAddress {
  std::string_view host;  // without brackets; empty: every address
  std::string_view port;
  bool has_brackets = false;
};

ListenAddress split_listen_address(std::string_view text) {
  ListenAddress address;
  const std::size_t colon = text.rfind(':');
  address.host = text.substr(0, colon);
  if (colon != std::string_view::npos) address.port = text.substr(colon + 1);
  address.has_brackets = address.host.starts_with('[') && address.host.ends_with(']');
  if (address.has_brackets) address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end;
}

// What is wrong with an address to listen on; empty when nothing is.
std::string listen_problem(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return "has no port";
  const ListenAddress address = split_listen_address(text);
  if (!is_port(address.port)) return "has a bad port";
  const bool has_colon = address.host.find(':') != std::string_view::npos;
  if (has_colon && !address.has_brackets) return "has an IPv6 address without brackets";
  const auto ip = parse_ip(address.host);
  const bool is_v6 = ip && ip->bits == 128;
  const bool is_named = address.host.empty() || address.host == "localhost";
  if (address.has_brackets ? is_v6 : (ip || is_named)) return {};
  return "has something other than an IP address or localhost before its port";
}

bool is_this_machine(std::string_view listen) {
  const std::string_view host = split_listen_address(listen).host;
  const auto ip = parse_ip(host);
  return host == "localhost" || (ip && is_loopback(*ip));
}

class StatusReader {
 public:
  StatusReader(const Node* node, Reading& reading)
      : fields_(node, "status", reading.problems), reading_(reading) {
    status_.where = fields_.where();
  }

  Status read() {
    read_listen();
    read_allowed();
    Fields tls(fields_.get("tls_config"), "tls_config", reading_.problems);
    read_certificate(tls, status_.cert_file, status_.key_file, reading_.problems);
    tls.done();
    warn_of_open_credentials();
    fields_.done();
    return std::move(status_);
  }

 private:
  // In a pod nobody but others can look; elsewhere others are not meant to.
  void read_listen() {
    const bool is_in_pod = !reading_.environment("KUBERNETES_SERVICE_HOST").value_or("").empty();
    status_.listen = is_in_pod ? ":9464" : "127.0.0.1:9464";
    status_.is_listen_written = fields_.text("listen", status_.listen);
    if (status_.listen == kNowhere) status_.listen.clear();
    if (status_.listen.empty()) return;
    const std::string problem = listen_problem(status_.listen);
    if (problem.empty()) return;
    reading_.problems.error(fields_.where("listen"),
                            "\"listen\" " + problem + ": " + in_quotes(status_.listen),
                            "write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off");
  }

  // A variable that is empty must not open the page to everybody.
  void read_allowed() {
    Credentials credentials = read_credentials(fields_, reading_);
    const bool is_basic_complete =
        !credentials.basic_username.empty() &&
        (!credentials.basic_password.empty() || !credentials.basic_password_file.empty());
    const bool has_token =
        !credentials.bearer_token.empty() || !credentials.bearer_token_file.empty();
    if (credentials.could_be_read && fields_.get("basic_auth") != nullptr && !is_basic_complete) {
      reading_.problems.error(fields_.where("basic_auth"),
                              "\"basic_auth\" needs a username and a password here",
                              "write both, or remove the key to let everybody look");
    }
    for (const std::string_view key : {"bearer_token", "bearer_token_file"}) {
      if (!credentials.could_be_read || fields_.get(key) == nullptr || has_token) continue;
      reading_.problems.error(fields_.where(key), in_quotes(key) + " is empty",
                              "write one, or remove the key to let everybody look");
    }
    has_credentials_ = is_basic_complete || has_token;
    set_credentials(status_, std::move(credentials));
  }

  void warn_of_open_credentials() {
    if (!has_credentials_ || !status_.cert_file.empty()) return;
    if (status_.listen.empty() || is_this_machine(status_.listen)) return;
    reading_.problems.warning(
        fields_.where(),
        "the credentials of \"status\" travel unencrypted: it has no tls_config, and listens on " +
            in_quotes(status_.listen),
        "write tls_config with cert_file and key_file, or listen: 127.0.0.1:9464");
  }

  Fields fields_;
  Reading& reading_;
  Status status_;
  bool has_credentials_ = false;
};

}  // namespace

Status read_status(const Node* node, Reading& reading) {
  return StatusReader(node, reading).read();
}

}  // namespace fedwave::config
