#include "relay/http_server_tls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <utility>

#include "relay/base/file.h"
#include "relay/base/log.h"
#include "relay/http_server_asio.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kPemBytesMax = std::size_t{1} << 20;
constexpr std::chrono::seconds kTimeBetweenReads{1};

using Context = asio::ssl::context;

template <class T, void (*free)(T*)>
struct Freed {
  void operator()(T* thing) const { free(thing); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

// Why the last call failed, in OpenSSL's words, which are constant texts; takes them off its list.
std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

base::Error tls_error(std::string message) {
  return {base::ErrorCode::Tls, std::move(message)};
}

base::Error unreadable(const base::Error& error) {
  return {error.code, error.message + "; TLS needs a PEM file there that fedwave may read"};
}

// An encrypted key is an error: nobody is there to be asked for its password.
int no_password(char*, int, int, void*) {
  return -1;
}

base::Expected<void> use_chain(Context& context, const std::string& pem, const std::string& file) {
  error_code error;
  context.use_certificate_chain(asio::buffer(pem), error);
  if (!error) return {};
  // Some of the reasons are still on OpenSSL's list, the others are in the error.
  const std::string reason = ERR_peek_last_error() != 0 ? openssl_reason() : error.message();
  return tls_error("cannot use the certificate in " + file + " (" + reason +
                   "); it must be PEM: the server's certificate first, then those that signed it");
}

base::Expected<void> use_key(Context& context, const std::string& pem, const ListenTls& files) {
  const std::unique_ptr<BIO, Freed<BIO, BIO_free_all>> bytes(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const KeyPointer key(PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_password, nullptr));
  if (!key) {
    return tls_error("cannot read the private key in " + files.key_file + " (" + openssl_reason() +
                     "); it must be PEM and without a password");
  }
  SSL_CTX* const handle = context.native_handle();
  if (SSL_CTX_use_PrivateKey(handle, key.get()) == 1 && SSL_CTX_check_private_key(handle) == 1) {
    return {};
  }
  return tls_error("the key in " + files.key_file +
                   " does not belong to the first certificate in " + files.cert_file + " (" +
                   openssl_reason() + "); give two files of one pair");
}

base::Expected<std::unique_ptr<Context>> make_context(const std::string& certificates,
                                                      const std::string& key,
                                                      const ListenTls& files) {
  ERR_clear_error();
  auto context = std::make_unique<Context>(Context::tls_server);
  SSL_CTX* const handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  // Clients resume by tickets; what the server would keep for them grows with every stranger.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  const auto chain_used = use_chain(*context, certificates, files.cert_file);
  if (!chain_used) return chain_used.error();
  const auto key_used = use_key(*context, key, files);
  if (!key_used) return key_used.error();
  return context;
}

}  // namespace

// What the two files hold, of use or not.
struct TlsFiles::Pair {
  base::Expected<std::string> certificates;
  base::Expected<std::string> key;

  Pair(base::Expected<std::string> some_certificates, base::Expected<std::string> some_key)
      : certificates(std::move(some_certificates)), key(std::move(some_key)) {}
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    if (key) OPENSSL_cleanse(key->data(), key->size());
  }

  [[nodiscard]] base::Hash128 hash() const {
    const base::Hash128 first =
        base::seeded_hash128(certificates ? *certificates : certificates.error().message, 0);
    const base::Hash128 second = base::seeded_hash128(key ? *key : key.error().message, 1);
    return {first.low ^ second.low, first.high ^ second.high};
  }

  [[nodiscard]] base::Expected<std::unique_ptr<Context>> context(const ListenTls& files) const {
    if (!certificates) return unreadable(certificates.error());
    if (!key) return unreadable(key.error());
    return make_context(*certificates, *key, files);
  }
};

TlsFiles::TlsFiles(ListenTls files) : files_(std::move(files)) {}
TlsFiles::~TlsFiles() = default;

TlsFiles::Pair TlsFiles::read() const {
  return {base::read_file(files_.cert_file, kPemBytesMax),
          base::read_file(files_.key_file, kPemBytesMax)};
}

base::Expected<std::unique_ptr<TlsFiles>> TlsFiles::load(ListenTls files, Time now) {
  std::unique_ptr<TlsFiles> made(new TlsFiles(std::move(files)));
  const Pair pair = made->read();
  auto context = pair.context(made->files_);
  if (!context) return std::move(context).error();
  made->context_ = *std::move(context);
  made->seen_ = pair.hash();
  made->read_at_ = now;
  return made;
}

Context& TlsFiles::current(Time now) {
  if (now - read_at_ < kTimeBetweenReads) return *context_;
  read_at_ = now;
  const Pair pair = read();
  if (pair.hash() == seen_) return *context_;
  seen_ = pair.hash();
  auto context = pair.context(files_);
  if (context) {
    context_ = *std::move(context);
    base::log(base::LogLevel::Info, "the new TLS certificate is in use",
              {{"file", files_.cert_file}});
  } else {
    base::log(base::LogLevel::Warn,
              "the changed TLS certificate and key cannot be used, the old pair stays in use",
              {{"error", context.error().message}});
  }
  return *context_;
}

}  // namespace fedwave::relay
