// Reads `httpConfig` and `tls_config`: credentials, files and proxies.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "config/proxy_environment.h"
#include "config/sections.h"
#include "config/url.h"
#include "relay/base/text.h"

namespace fedwave::config {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kSpecial = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [kSpecial](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSpecial.find(c) != std::string_view::npos;
  });
}

// Expands the variables of a secret and refuses what could break out of a header.
bool finish_secret(std::string& text, std::string_view key, Position where, Reading& reading) {
  if (!expand_environment(text, where, reading.environment, reading.problems)) return false;
  // Secrets made with `echo` end with a line break that nobody sees.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (!has_control_character(text)) return true;
  reading.problems.error(where, in_quotes(key) + " holds a line break or another control character",
                         "write it on one line");
  return false;
}

// What to do instead of setting a header that is ours to set; null for any other.
const char* advice_for_own_header(std::string_view name) {
  static constexpr std::pair<std::string_view, const char*> kOwn[] = {
      {"authorization", "write bearer_token, bearer_token_file or basic_auth"},
      {"host", "it is the host of \"url\"; write another one there"},
      {"accept", "fedwave asks for the only format that it reads; remove it"},
      {"accept-encoding", "fedwave asks for what it can decode; remove it"},
      {"user-agent", "fedwave says who it is; remove it"},
      {"content-length", "a scrape sends no content; remove it"},
      {"content-type", "a scrape sends no content; remove it"},
      {"connection", "connections are kept between scrapes; remove it"},
      {"x-prometheus-scrape-timeout-seconds", "write collection with timeout"}};
  const std::string lower_name = base::lower(name);
  for (const auto& [own, advice] : kOwn) {
    if (own == lower_name) return advice;
  }
  return nullptr;
}

void read_header(Fields& fields, const Node::Entry& entry, std::map<std::string, Secret>& headers,
                 Reading& reading) {
  const std::string& name = entry.key->text;
  if (!is_header_name(name)) {
    reading.problems.error(entry.key->where, key_in_quotes(name) + " cannot be a header's name",
                           key_advice(name));
    return;
  }
  if (const char* advice = advice_for_own_header(name); advice != nullptr) {
    reading.problems.error(entry.key->where,
                           "the header " + in_quotes(name) + " is set by fedwave itself", advice);
    return;
  }
  Secret value;
  const bool has_value = fields.get(name) != nullptr;
  if (has_value && !read_secret(fields, name, value, reading)) return;
  if (value.value.find_first_not_of(' ') == std::string::npos) {
    reading.problems.error(entry.value->where, "the header " + in_quotes(name) + " has no value",
                           "write one after the colon, or remove the header");
    return;
  }
  headers[name] = std::move(value);
}

void read_headers(const Node* node, std::map<std::string, Secret>& headers, Reading& reading) {
  if (node == nullptr) return;
  Fields fields(node, "headers", reading.problems);
  if (node->kind != Node::Kind::Map) return;
  for (const Node::Entry& entry : merged_entries(*node, reading.problems)) {
    read_header(fields, entry, headers, reading);
  }
}

// "spiffe://trust-domain/path"; a '*' may stand in both.
bool is_server_identity(std::string_view text) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._*/").find(c) != std::string_view::npos;
  });
  const bool has_path = text.find('/') != std::string_view::npos;
  // No part between the slashes is empty.
  return is_plain && has_path && text.front() != '/' && text.back() != '/' &&
         text.find("//") == std::string_view::npos;
}

// One text, or a list of them.
void read_server_identities(Fields& fields, std::vector<std::string>& identities,
                            Problems& problems) {
  constexpr std::string_view kKey = "serverIdentities";
  const Node* node = fields.get(kKey);
  if (node == nullptr) return;
  const bool is_one = node->kind == Node::Kind::Scalar;
  for (const Node* item : is_one ? std::vector{node} : text_items(*node, kKey, problems)) {
    if (!is_server_identity(item->text)) {
      problems.error(item->where,
                     in_quotes(kKey) + ": " + in_quotes(item->text) + " is no SPIFFE identity",
                     "write spiffe://trust-domain/path, such as "
                     "spiffe://cluster.local/ns/istio-system/sa/prometheus");
      continue;
    }
    identities.push_back(item->text);
  }
}

void warn_of_unread_file(const Fields& fields, std::string_view key, std::string_view file_key,
                         Problems& problems) {
  problems.warning(
      fields.where(file_key),
      in_quotes(file_key) + " is not read where " + in_quotes(key) + " stands beside it",
      "remove one of the two");
}

void read_basic_auth(const Node* node, Credentials& credentials, Reading& reading) {
  if (node == nullptr) return;
  Fields fields(node, "basic_auth", reading.problems);
  Secret username;
  const bool username_failed =
      fields.get("username") != nullptr && !read_secret(fields, "username", username, reading);
  credentials.basic_username = std::move(username.value);
  const bool has_password = read_secret(fields, "password", credentials.basic_password, reading);
  const bool password_failed = fields.get("password") != nullptr && !has_password;
  credentials.could_be_read = fields.is_map() && !username_failed && !password_failed;
  const bool has_file = read_path(fields, "password_file", credentials.basic_password_file,
                                  Severity::Error, reading.problems);
  if (has_password && has_file) {
    warn_of_unread_file(fields, "password", "password_file", reading.problems);
    credentials.basic_password_file.clear();
  }
  // A username that could not be read already has its own problem.
  if ((has_password || has_file) && credentials.basic_username.empty() && !username_failed) {
    const std::string_view key = has_password ? "password" : "password_file";
    reading.problems.error(fields.where(key), in_quotes(key) + " without \"username\"",
                           "write username: beside it");
    credentials.could_be_read = false;
  }
  fields.done();
}

void read_bearer_token(Fields& fields, Credentials& credentials, bool has_basic, Reading& reading) {
  // The usual file exists only inside a pod; people check their configurations elsewhere.
  const bool could_be_read =
      read_secret_or_file(fields, "bearer_token", credentials.bearer_token, "bearer_token_file",
                          credentials.bearer_token_file, Severity::Warning, reading);
  credentials.could_be_read = credentials.could_be_read && could_be_read;
  const bool has_bearer =
      !credentials.bearer_token.empty() || !credentials.bearer_token_file.empty();
  if (has_bearer && has_basic) {
    reading.problems.error(fields.where("basic_auth"),
                           "a bearer token and basic_auth exclude one another",
                           "remove one of the two");
  }
}

// A file that is not there yet is waited for; one that is there has to be of use.
bool read_awaited_path(Fields& fields, std::string_view key, std::string& path,
                       Problems& problems) {
  std::error_code error;
  if (!fields.text(key, path) || path.empty()) return false;
  if (std::filesystem::exists(path, error)) {
    check_file(key, path, fields.where(key), Severity::Error, problems);
  } else {
    problems.warning(fields.where(key), in_quotes(key) + ": " + in_quotes(path) + " does not exist",
                     "fedwave waits until it is there");
  }
  return true;
}

void check_both_or_neither(const Fields& fields, bool has_cert, bool has_key, Problems& problems) {
  if (has_cert == has_key) return;
  problems.error(
      fields.where(has_cert ? "cert_file" : "key_file"),
      has_cert ? "\"cert_file\" without \"key_file\"" : "\"key_file\" without \"cert_file\"",
      "write both or neither");
}

base::Expected<HttpProxy> parse_http_proxy(std::string_view text) {
  auto url = parse_url(text);
  if (!url) return std::move(url).error();
  // The rest of a password whose first part was taken for the port, perhaps.
  const bool has_path = !url->path.empty() && url->path != "/";
  if (has_path || !url->query.empty() || url->has_fragment) {
    return base::Error{base::ErrorCode::InvalidArgument,
                       "goes on after host and port; write http://user:password@host:port, and in "
                       "the password %2F for '/', %3F for '?' and %23 for '#'"};
  }
  return HttpProxy{.url = url->scheme + "://" + url->authority,
                   .username = std::move(url->username),
                   .password = {std::move(url->password)}};
}

}  // namespace

bool read_secret(Fields& fields, std::string_view key, Secret& secret, Reading& reading) {
  std::string text;
  if (!fields.text(key, text)) return false;
  if (!finish_secret(text, key, fields.where(key), reading)) return false;
  secret.value = std::move(text);
  return true;
}

bool read_secret_or_file(Fields& fields, std::string_view key, Secret& secret,
                         std::string_view file_key, std::string& path, Severity severity,
                         Reading& reading) {
  const bool has_failed = fields.get(key) != nullptr && !read_secret(fields, key, secret, reading);
  read_path(fields, file_key, path, severity, reading.problems);
  if (!secret.empty() && !path.empty()) {
    warn_of_unread_file(fields, key, file_key, reading.problems);
    path.clear();
  }
  return !has_failed;
}

bool read_path(Fields& fields, std::string_view key, std::string& path, Severity severity,
               Problems& problems) {
  if (!fields.text(key, path) || path.empty()) return false;
  check_file(key, path, fields.where(key), severity, problems);
  return true;
}

void check_file(std::string_view key, const std::string& path, Position where, Severity severity,
                Problems& problems) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  if (!is_folder && ::access(path.c_str(), R_OK) == 0) return;
  const bool is_there = std::filesystem::exists(path, error);
  const std::string what = in_quotes(key) + ": " + in_quotes(path) +
                           (is_folder  ? " is a folder"
                            : is_there ? " cannot be read"
                                       : " does not exist");
  // What exists only inside a pod cannot be missed elsewhere.
  const bool only_in_pods = path.starts_with("/var/run/secrets/");
  if (severity == Severity::Error && !only_in_pods) {
    problems.error(where, what, "name a file that is there, or remove the key");
  } else {
    problems.warning(where, what, "inside a pod it usually does");
  }
}

HttpProxy read_http_proxy(Fields& fields, std::string_view key, Reading& reading) {
  const Node* node = fields.get(key);
  if (node != nullptr && node->kind != Node::Kind::Scalar) {
    wrong_kind(*node, key, "a URL", "write http://host:port", reading.problems);
    return {};
  }
  Secret text;
  if (!read_secret(fields, key, text, reading) || text.empty()) return {};
  auto proxy = parse_http_proxy(text.value);
  if (!proxy) {
    reading.problems.error(fields.where(key), in_quotes(key) + " " + proxy.error().message);
    return {};
  }
  return *std::move(proxy);
}

HttpProxy environment_proxy(const std::vector<std::optional<Url>>& addresses, Position where,
                            Reading& reading) {
  std::vector<std::optional<ProxyVariable>> variables;
  for (const std::optional<Url>& url : addresses) {
    variables.push_back(url ? proxy_variable_for(*url, reading.environment) : std::nullopt);
  }
  const auto variable = std::find_if(variables.begin(), variables.end(),
                                     [](const auto& one) { return one.has_value(); });
  if (variable == variables.end()) return {};
  const std::string& text = (*variable)->value;
  const bool is_for_all = std::all_of(variables.begin(), variables.end(), [&text](const auto& one) {
    return one && one->value == text;
  });
  if (!is_for_all) {
    reading.problems.warning(where,
                             "the environment's HTTP proxy is not used: it is not the same one for "
                             "every address of this sink",
                             "write \"proxyUrl\", or sinks of their own");
    return {};
  }
  // As everywhere that these variables are read, the scheme may be left out.
  const bool has_scheme = text.find("://") != std::string::npos;
  auto proxy = parse_http_proxy((has_scheme ? "" : "http://") + text);
  if (!proxy) {
    reading.problems.warning(where, "the environment variable " + (*variable)->name +
                                        " is not used: it " + proxy.error().message);
    return {};
  }
  return *std::move(proxy);
}

std::optional<Url> read_plain_url(const std::string& what, std::string_view text, Position where,
                                  Problems& problems) {
  auto url = parse_url(text);
  if (!url) {
    problems.error(where, what + " " + url.error().message);
    return std::nullopt;
  }
  if (url->has_credentials || !url->query.empty() || url->has_fragment) {
    problems.error(where, what + " cannot hold credentials, a query or a fragment",
                   "write scheme, host, port and path; the token has a key of its own");
    return std::nullopt;
  }
  return *std::move(url);
}

void read_certificate(Fields& fields, std::string& cert_file, std::string& key_file,
                      Problems& problems) {
  const bool has_cert = read_path(fields, "cert_file", cert_file, Severity::Error, problems);
  const bool has_key = read_path(fields, "key_file", key_file, Severity::Error, problems);
  check_both_or_neither(fields, has_cert, has_key, problems);
}

Tls read_tls(Fields& fields, std::string_view proxy_key, const std::string& proxy_url,
             Problems& problems) {
  Tls tls;
  Fields own(fields.get("tls_config"), "tls_config", problems);
  read_awaited_path(own, "ca_file", tls.ca_file, problems);
  const bool has_cert = read_awaited_path(own, "cert_file", tls.cert_file, problems);
  const bool has_key = read_awaited_path(own, "key_file", tls.key_file, problems);
  check_both_or_neither(own, has_cert, has_key, problems);
  own.text("server_name", tls.server_name);
  own.boolean("insecure_skip_verify", tls.insecure_skip_verify);
  read_server_identities(own, tls.server_identities, problems);
  if (tls.insecure_skip_verify && !tls.server_identities.empty()) {
    problems.error(own.where("insecure_skip_verify"),
                   "\"insecure_skip_verify\" and \"serverIdentities\" exclude one another",
                   "remove one of the two");
  }
  if (proxy_url.starts_with("https://") && !tls.server_identities.empty()) {
    problems.error(fields.where(proxy_key),
                   "\"serverIdentities\" cannot be verified through an https:// proxy",
                   "name a proxy with http://");
  }
  own.done();
  return tls;
}

Credentials read_credentials(Fields& fields, Reading& reading) {
  Credentials credentials;
  const Node* basic_auth = fields.get("basic_auth");
  read_basic_auth(basic_auth, credentials, reading);
  read_bearer_token(fields, credentials, basic_auth != nullptr, reading);
  return credentials;
}

HttpOptions read_http_options(const Node* node, Reading& reading) {
  HttpOptions options;
  Fields fields(node, "httpConfig", reading.problems);
  set_credentials(options, read_credentials(fields, reading));
  read_headers(fields.get("headers"), options.headers, reading);
  set_http_proxy(options, read_http_proxy(fields, "proxy_url", reading));
  fields.boolean("follow_redirects", options.follow_redirects);
  options.tls = read_tls(fields, "proxy_url", options.proxy_url, reading.problems);
  fields.done();
  return options;
}

}  // namespace fedwave::config
