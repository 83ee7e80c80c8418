#include "relay/curl_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <strings.h>

#include <algorithm>
#include <cstring>

#include "relay/client_tls.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;
using base::HttpHead;
using base::HttpReceiver;
using base::HttpRequest;

// Large reads: a federated page is megabytes, and every callback costs.
constexpr int kProxyAuthenticationRequired = 407;
constexpr long kReceiveBufferBytes = 512 * 1024;
constexpr long kRedirectsMax = 5;

// curl_global_init is not thread-safe before 7.84; a static does it once, before the first handle.
void initialise_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(done);
}

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Slist = std::unique_ptr<curl_slist, SlistDeleter>;

void append(Slist& list, const std::string& text) {
  if (curl_slist* grown = curl_slist_append(list.get(), text.c_str())) {
    static_cast<void>(list.release());
    list.reset(grown);
  }
}

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string url_part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::string escaped(CURL* easy, const std::string& text) {
  char* written = curl_easy_escape(easy, text.data(), static_cast<int>(text.size()));
  if (written == nullptr) return {};
  std::string copy(written);
  curl_free(written);
  return copy;
}

// Everything one transfer's callbacks need.
struct Transfer {
  CURL* easy = nullptr;
  HttpReceiver* receiver = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
  HttpHead head;
  bool head_delivered = false;
  const char* nonsense = nullptr;  // what is wrong with the answer's head
};

std::string_view header_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':' ||
      strncasecmp(line.data(), name.data(), name.size()) != 0) {
    return {};
  }
  line.remove_prefix(name.size() + 1);
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  const auto last = line.find_last_not_of(" \t\r\n");
  return line.substr(first, last - first + 1);
}

// libcurl ignores a length that it cannot hold, and could then not tell a page that was cut.
bool is_length(std::string_view text) {
  return text.size() <= 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) transfer.head = {};  // a redirect's answer, or 100, came before
  if (const auto v = header_value(line, "content-length"); !v.empty() && !is_length(v)) {
    transfer.nonsense = "its Content-Length is not a number that can be right";
    return 0;
  }
  if (const auto v = header_value(line, "content-type"); !v.empty()) transfer.head.content_type = v;
  if (const auto v = header_value(line, "content-encoding"); !v.empty()) {
    transfer.head.content_encoding = v;
  }
  if (const auto v = header_value(line, "retry-after"); !v.empty()) transfer.head.retry_after = v;
  return size * count;
}

bool deliver_head(Transfer& transfer) {
  if (transfer.head_delivered) return true;
  transfer.head_delivered = true;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
  return transfer.receiver->on_head(transfer.head);
}

std::size_t on_write(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size * count);
  if (deliver_head(transfer) && transfer.receiver->on_body(bytes)) return bytes.size();
  return 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(user);
  return transfer.cancelled != nullptr && transfer.cancelled->load(std::memory_order_relaxed);
}

ErrorCode classify(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::Timeout;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
      return ErrorCode::Truncated;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ISSUER_ERROR:
      return ErrorCode::Tls;
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_WRITE_ERROR:
      return ErrorCode::Cancelled;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::InvalidArgument;
    default:
      return ErrorCode::Unreachable;
  }
}

// The connection is no more, and not by us.
bool has_ended(CURLcode code) {
  return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
         code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

// Borrows the bytes, which have to stay until the next request.
void set_blob(CURL* easy, CURLoption option, const PemFile& file) {
  curl_blob blob{const_cast<char*>(file.text().data()), file.text().size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

CURLcode on_tls_context(CURL*, void* context, void* tls) {
  const bool is_prepared = static_cast<ClientTls*>(tls)->prepare(static_cast<ssl_ctx_st*>(context));
  return is_prepared ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

class CurlClient final : public base::HttpClient {
 public:
  CurlClient() { initialise_once(); }
  ~CurlClient() override { curl_easy_cleanup(easy_); }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  Expected<HttpHead> perform(const HttpRequest& request, HttpReceiver& receiver) override;

 private:
  void set_common(const HttpRequest& request, Transfer& transfer);
  Expected<void> look_at_tls_files(const base::TlsOptions& options);
  void forget_connections();
  void set_tls();
  [[nodiscard]] std::string tls_failure(CURLcode code) const;
  [[nodiscard]] std::string detail(CURLcode code) const;
  Error failure(CURLcode code, const HttpRequest& request, bool has_answered) const;

  std::unique_ptr<ClientTls> tls_;
  CURL* easy_ = nullptr;  // its connections use tls_
  char detail_[CURL_ERROR_SIZE] = {};
};

void CurlClient::set_common(const HttpRequest& request, Transfer& transfer) {
  curl_easy_reset(easy_);  // keeps connections, TLS sessions and the DNS cache
  curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // A time-out does not wait for the thread that looks up the name.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, detail_);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, kRedirectsMax);
  // "" keeps libcurl from taking a proxy from the environment, as the collector does when scraping.
  curl_easy_setopt(easy_, CURLOPT_PROXY, request.proxy_url.c_str());
  if (!request.proxy_username.empty() || !request.proxy_password.empty()) {
    // Whether libcurl decodes CURLOPT_PROXYUSERNAME depends on its version; this one it always
    // does.
    const std::string credentials =
        escaped(easy_, request.proxy_username) + ":" + escaped(easy_, request.proxy_password);
    curl_easy_setopt(easy_, CURLOPT_PROXYUSERPWD, credentials.c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy_, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(easy_, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 0L);
  set_tls();
}

// With the TLS sessions: they were made with what was shown and trusted before.
void CurlClient::forget_connections() {
  curl_easy_cleanup(easy_);
  easy_ = curl_easy_init();
}

Expected<void> CurlClient::look_at_tls_files(const base::TlsOptions& options) {
  if (!tls_ || tls_->options() != options) {
    forget_connections();
    tls_ = std::make_unique<ClientTls>(options);
  }
  tls_->begin();
  const auto is_new = tls_->refresh();
  if (!is_new) return is_new.error();
  if (*is_new) forget_connections();
  return {};
}

void CurlClient::set_tls() {
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // A changed authority of the system must count at the next handshake, not after libcurl's 24
  // hours.
  curl_easy_setopt(easy_, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  if (const Authorities* authorities = tls_->authorities(); authorities != nullptr) {
    set_blob(easy_, CURLOPT_CAINFO_BLOB, authorities->certificates());
    // Else the system's are trusted as well.
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  if (const CertificatePair* pair = tls_->pair(); pair != nullptr) {
    set_blob(easy_, CURLOPT_SSLCERT_BLOB, pair->certificates());
    set_blob(easy_, CURLOPT_SSLKEY_BLOB, pair->key());
    curl_easy_setopt(easy_, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  }
  const bool verifies_host = tls_->verifies() && tls_->options().server_identities.empty();
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, tls_->verifies() ? 1L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, verifies_host ? 2L : 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
  curl_easy_setopt(easy_, CURLOPT_SSL_CTX_DATA, tls_.get());
}

// Empty where TLS is not the cause.
std::string CurlClient::tls_failure(CURLcode code) const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  const bool has_ended_unasked = status == 0 && has_ended(code);
  return has_ended_unasked ? tls_->refusal_by_silence() : tls_->refusal();
}

std::string CurlClient::detail(CURLcode code) const {
  const std::string_view detail = detail_;
  if (detail.empty()) return curl_easy_strerror(code);
  // libcurl wants to know the addresses of a connection that is gone already, and keeps to its
  // first error.
  if (detail.starts_with("getpeername()") || detail.starts_with("getsockname()")) {
    return "the other side ended the connection before it could be asked for anything";
  }
  return std::string(detail);
}

Error CurlClient::failure(CURLcode code, const HttpRequest& request, bool has_answered) const {
  if (std::string refusal = has_answered ? "" : tls_failure(code); !refusal.empty()) {
    return {ErrorCode::Tls, std::move(refusal)};
  }
  std::string text = detail(code);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    text = "no complete answer within " + std::to_string(request.timeout_ms) + " ms (" + text + ")";
  }
  return {classify(code), std::move(text)};
}

// libcurl verifies the name it connects by. To present another one (SNI and verification alike) the
// URL carries that name, CONNECT_TO leads it to the real host, and the Host header stays.
std::string with_host(const std::string& url, const std::string& host) {
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return url;
  curl_url_set(parsed.get(), CURLUPART_HOST, host.c_str(), 0);
  const std::string changed = url_part(parsed.get(), CURLUPART_URL);
  return changed.empty() ? url : changed;
}

std::string bracketed(const std::string& host) {
  const bool bare_v6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_v6 ? "[" + host + "]" : host;
}

Expected<HttpHead> CurlClient::perform(const HttpRequest& request, HttpReceiver& receiver) {
  const auto parts = split_url(request.url);
  if (!parts) return parts.error();
  const auto looked = look_at_tls_files(request.tls);
  if (!looked && parts->scheme == "https") return looked.error();
  Transfer transfer{
      .easy = easy_, .receiver = &receiver, .cancelled = request.cancelled, .head = {}};
  detail_[0] = '\0';
  set_common(request, transfer);

  Slist headers;
  for (const std::string& header : request.headers) append(headers, header);
  append(headers, "Expect:");  // never wait for 100-continue
  Slist connect_to;
  std::string url = request.url;
  std::string host = parts->host;
  if (!request.tls.server_name.empty() && parts->scheme == "https") {
    host = request.tls.server_name;
    url = with_host(request.url, host);
    append(headers, "Host: " + bracketed(parts->host) + ":" + parts->port);
  }
  // For this host only: a redirect may lead to another one.
  const std::string& target =
      request.connect_address.empty() ? parts->host : request.connect_address;
  if (target != host) {
    append(connect_to,
           bracketed(host) + ":" + parts->port + ":" + bracketed(target) + ":" + parts->port);
  }
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers.get());
  if (connect_to) curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to.get());
  if (request.method != base::HttpMethod::Get) {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    if (request.method == base::HttpMethod::Put) {
      curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, "PUT");
    }
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }

  const CURLcode code = curl_easy_perform(easy_);
  if (transfer.nonsense != nullptr) {
    return Error{ErrorCode::Truncated,
                 std::string("the answer makes no sense: ") + transfer.nonsense};
  }
  if (code != CURLE_OK) {
    // A proxy that refuses to make a tunnel has answered, although not for the receiver.
    long tunnel_status = 0;
    curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &tunnel_status);
    if (tunnel_status != kProxyAuthenticationRequired) {
      return failure(code, request, transfer.head_delivered);
    }
    transfer.head.status = kProxyAuthenticationRequired;
    transfer.head_delivered = true;
    static_cast<void>(transfer.receiver->on_head(transfer.head));
    return transfer.head;
  }
  if (!deliver_head(transfer)) return Error{ErrorCode::Cancelled, "the reader stopped"};
  return transfer.head;
}

}  // namespace

std::unique_ptr<base::HttpClient> make_curl_client() {
  return std::make_unique<CurlClient>();
}

Expected<UrlParts> split_url(const std::string& url) {
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return Error{ErrorCode::InvalidArgument, "not a URL: " + url};
  }
  UrlParts parts{.scheme = url_part(parsed.get(), CURLUPART_SCHEME),
                 .host = url_part(parsed.get(), CURLUPART_HOST),
                 .port = url_part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  if (parts.host.size() > 2 && parts.host.front() == '[') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  return parts;
}

Expected<std::vector<std::string>> resolve_addresses(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0) {
    return Error{ErrorCode::Unreachable, "cannot resolve " + host + ": " + gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    if (a->ai_family != found->ai_family) continue;
    char text[NI_MAXHOST];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0) {
      addresses.emplace_back(text);
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace fedwave::relay
