// What a client shows and whom it trusts over TLS: files that are read again when they change, and
// the server's identity where that is not its host's name. The HTTP client asks before each request
// and has each new connection prepared; its connections end before this object does. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "relay/base/http_client.h"
#include "relay/certificates.h"

// OpenSSL's.
struct bio_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;
struct x509_store_ctx_st;

namespace fedwave::relay {

// "spiffe://cluster.local/ns/*/sa/prometheus": '*' is any text without a '/', empty too.
bool matches_identity(std::string_view pattern, std::string_view identity);

class ClientTls {
 public:
  explicit ClientTls(base::TlsOptions options);
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  [[nodiscard]] const base::TlsOptions& options() const { return options_; }
  [[nodiscard]] bool verifies() const {
    return !options_.insecure_skip_verify || !options_.server_identities.empty();
  }

  // Looks at the files. True when they have brought something new: no connection or session of
  // before may be used again. NotReady while one is not there yet and never was, Tls when what they
  // hold is of no use; then no connection is to be made.
  base::Expected<bool> refresh();

  // Good until the next refresh(). Null: no client certificate; the system's authorities.
  [[nodiscard]] const CertificatePair* pair() const;
  [[nodiscard]] const Authorities* authorities() const;

  // Before the handshake of a new connection; false when there is to be none.
  bool prepare(ssl_ctx_st* context);

  // Why the last connection since begin() failed, if TLS itself was the cause; empty otherwise.
  void begin();
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

  // The same for a connection that has ended without any answer; a server may refuse a client in
  // that way too.
  [[nodiscard]] std::string refusal_by_silence() const;

 private:
  [[nodiscard]] std::optional<base::Error> missing_files() const;
  base::Expected<void> look();
  static int verify(x509_store_ctx_st* chain, void* self);
  static void on_info(const ssl_st* connection, int where, int value);
  static long on_written(bio_st* connection, int operation, const char* bytes, std::size_t size,
                         int, long, int result, std::size_t* written);
  [[nodiscard]] std::string certificate_advice() const;
  [[nodiscard]] std::string chain_problem(x509_store_ctx_st* chain) const;
  [[nodiscard]] std::string identity_problem(const x509_st* certificate) const;

  const base::TlsOptions options_;
  std::optional<LastGood<CertificatePair>> pair_;
  std::optional<LastGood<Authorities>> authorities_;
  bool has_looked_ = false;
  bool has_news_ = false;               // that refresh() has not told yet
  std::optional<base::Error> unready_;  // why no connection is to be made
  std::string refusal_;
  bool is_consent_open_ = false;  // whether the server takes us, after a handshake since begin()
};

}  // namespace fedwave::relay
