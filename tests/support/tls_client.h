// TLS on a TcpClient, without looking at the certificate: sends exactly the bytes that it is told,
// and on its TcpClient whatever a test wants beneath the TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/tcp_client.h"

namespace fedwave::tests {

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, int version_max = TLS1_3_VERSION)
      : tcp_(port),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        tls_(nullptr, SSL_free) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    tls_.reset(SSL_new(context_.get()));
    SSL_set_bio(tls_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls_.get());
  }

  // False when the server does not want to.
  bool shake_hands() {
    int done = 0;
    while ((done = SSL_do_handshake(tls_.get())) != 1 && is_waiting(done)) {
      if (!flush() || !receive()) return false;
    }
    return flush() && done == 1;
  }

  // The bytes that TLS makes of it.
  std::string sealed(std::string_view bytes) {
    SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
    return taken();
  }
  bool send(std::string_view bytes) { return tcp_.send(sealed(bytes)); }

  // Everything up to the end.
  std::string read_all() {
    std::string all;
    char buffer[16384];
    for (;;) {
      const int got = SSL_read(tls_.get(), buffer, sizeof buffer);
      if (got > 0) {
        all.append(buffer, static_cast<std::size_t>(got));
      } else if (!is_waiting(got) || !receive()) {
        return all;
      }
    }
  }

  // The server has said that this was all, rather than just closed.
  [[nodiscard]] bool has_been_ended() const {
    return (SSL_get_shutdown(tls_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  TcpClient& tcp() { return tcp_; }

 private:
  [[nodiscard]] bool is_waiting(int result) const {
    return SSL_get_error(tls_.get(), result) == SSL_ERROR_WANT_READ;
  }
  std::string taken() {
    BIO* const out = SSL_get_wbio(tls_.get());
    std::string bytes(BIO_ctrl_pending(out), '\0');
    BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  bool flush() { return tcp_.send(taken()); }
  bool receive() {
    const std::string piece = tcp_.read_some();
    BIO_write(SSL_get_rbio(tls_.get()), piece.data(), static_cast<int>(piece.size()));
    return !piece.empty();
  }

  TcpClient tcp_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_;
};

}  // namespace fedwave::tests
