#include "relay/http_server_tls.h"

#include <openssl/ssl.h>

#include <utility>

#include "relay/http_server_asio.h"

namespace fedwave::relay {
namespace {

constexpr std::chrono::seconds kTimeBetweenLooks{1};

using Context = asio::ssl::context;

std::unique_ptr<Context> make_context(const CertificatePair& pair) {
  auto context = std::make_unique<Context>(Context::tls_server);
  SSL_CTX* const handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  // Clients resume by tickets; what the server would keep for them grows with every stranger.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  // The pair has been checked.
  context->use_certificate_chain(asio::buffer(pair.certificates().text()));
  context->use_private_key(asio::buffer(pair.key().text()), Context::pem);
  return context;
}

}  // namespace

TlsFiles::TlsFiles(const ListenTls& files) : pair_({files.cert_file, files.key_file}) {}
TlsFiles::~TlsFiles() = default;

base::Expected<std::unique_ptr<TlsFiles>> TlsFiles::load(const ListenTls& files, Time now) {
  std::unique_ptr<TlsFiles> made(new TlsFiles(files));
  const auto look = made->pair_.look();
  if (!look) return look.error();
  made->context_ = make_context(made->pair_.content());
  made->looked_at_ = now;
  return made;
}

Context& TlsFiles::current(Time now) {
  if (now - looked_at_ < kTimeBetweenLooks) return *context_;
  looked_at_ = now;
  // There was a good pair at the beginning, so this is no error.
  const auto look = pair_.look();
  if (look->is_new) context_ = make_context(pair_.content());
  pair_.log(*look);
  return *context_;
}

}  // namespace fedwave::relay
