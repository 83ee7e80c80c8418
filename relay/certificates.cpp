#include "relay/certificates.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <ctime>
#include <memory>

#include "relay/base/file.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

// The system's bundle of authorities has a twentieth of it.
constexpr std::size_t kPemBytesMax = std::size_t{4} << 20;

template <class T, void (*free)(T*)>
struct Freed {
  void operator()(T* thing) const { free(thing); }
};
using BioPointer = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using CertificatePointer = std::unique_ptr<X509, Freed<X509, X509_free>>;
using ContextPointer = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

// Why the last call failed, in OpenSSL's words, which are constant texts; takes them off its list.
std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

Error tls_error(std::string message) {
  return {ErrorCode::Tls, std::move(message)};
}

BioPointer reader_of(const PemFile& file) {
  return BioPointer(BIO_new_mem_buf(file.text().data(), static_cast<int>(file.text().size())));
}

// Every certificate of the file, at least one.
Expected<std::vector<CertificatePointer>> read_certificates(const PemFile& file) {
  ERR_clear_error();
  const BioPointer reader = reader_of(file);
  std::vector<CertificatePointer> certificates;
  while (X509* read = PEM_read_bio_X509_AUX(reader.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(read);
  }
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !is_at_end) return tls_error(openssl_reason());
  ERR_clear_error();
  return certificates;
}

// Whether TLS takes them: it refuses keys that are too short and signatures that are too weak.
bool is_strong_enough(const std::vector<CertificatePointer>& chain) {
  const ContextPointer trial(SSL_CTX_new(TLS_method()));
  bool is_taken = SSL_CTX_use_certificate(trial.get(), chain.front().get()) == 1;
  for (std::size_t i = 1; is_taken && i < chain.size(); ++i) {
    is_taken = SSL_CTX_add1_chain_cert(trial.get(), chain[i].get()) == 1;
  }
  return is_taken;
}

// An encrypted key is an error: nobody is there to be asked for its password.
int no_password(char*, int, int, void*) {
  return -1;
}

Error unusable_certificate(const std::string& file, const std::string& reason) {
  return tls_error("cannot use the certificate in " + file + " (" + reason +
                   "); it must be PEM: the certificate itself first, then those that signed it");
}

std::int64_t wall_ms_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return std::int64_t{timegm(&parts)} * 1'000;
}

}  // namespace

PemFile::~PemFile() {
  OPENSSL_cleanse(text_.data(), text_.size());
}

PemFiles read_pem_files(const std::vector<std::string>& paths) {
  std::vector<PemFile> files;
  for (const std::string& path : paths) {
    Expected<std::string> text = base::read_file(path, kPemBytesMax);
    if (!text) {
      return Error{text.error().code,
                   text.error().message + "; TLS needs a PEM file there that fedwave may read"};
    }
    files.emplace_back(path, *std::move(text));
  }
  return files;
}

base::Hash128 fingerprint(const PemFiles& files) {
  if (!files) return base::seeded_hash128(files.error().message);
  base::Hash128 all;
  std::uint64_t variant = 0;
  for (const PemFile& file : *files) {
    const base::Hash128 one = base::seeded_hash128(file.text(), ++variant);
    all = {all.low ^ one.low, all.high ^ one.high};
  }
  return all;
}

std::string settled_version(const std::vector<std::string>& paths) {
  const auto text_of = [](const timespec& time) {
    return ':' + std::to_string(time.tv_sec) + '.' + std::to_string(time.tv_nsec);
  };
  const std::time_t now_s = std::time(nullptr);
  std::string version;
  for (const std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      version += "none;";
      continue;
    }
    if (status.st_ctim.tv_sec >= now_s - 1) return {};
    version += std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) + ':' +
               std::to_string(status.st_size) + text_of(status.st_mtim) + text_of(status.st_ctim) +
               ';';
  }
  return version;
}

Expected<CertificatePair> CertificatePair::parse(std::vector<PemFile> files) {
  const PemFile& chain_file = files[0];
  const PemFile& key_file = files[1];
  const auto chain = read_certificates(chain_file);
  if (!chain) return unusable_certificate(chain_file.path(), chain.error().message);
  X509* const first = chain->front().get();
  if (!is_strong_enough(*chain)) {
    return unusable_certificate(chain_file.path(), openssl_reason());
  }
  const KeyPointer key(
      PEM_read_bio_PrivateKey(reader_of(key_file).get(), nullptr, no_password, nullptr));
  if (!key) {
    return tls_error("cannot read the private key in " + key_file.path() + " (" + openssl_reason() +
                     "); it must be PEM and without a password");
  }
  if (X509_check_private_key(first, key.get()) != 1) {
    return tls_error("the key in " + key_file.path() +
                     " does not belong to the first certificate in " + chain_file.path() + " (" +
                     openssl_reason() + "); give two files of one pair");
  }
  const std::int64_t starts_ms = wall_ms_of(X509_get0_notBefore(first));
  const std::int64_t expires_ms = wall_ms_of(X509_get0_notAfter(first));
  return CertificatePair(std::move(files), starts_ms, expires_ms);
}

std::string CertificatePair::untimely(std::int64_t wall_ms) const {
  const std::string what = "the certificate in " + certificates().path();
  if (wall_ms >= expires_ms_) {
    return what + " was good until " + base::utc_text(expires_ms_) +
           "; put one there that is valid, with its key";
  }
  if (wall_ms < starts_ms_) {
    return what + " is good only from " + base::utc_text(starts_ms_) +
           " on; if that is not in the future, set this machine's clock right";
  }
  return {};
}

Expected<Authorities> Authorities::parse(std::vector<PemFile> files) {
  const auto certificates = read_certificates(files[0]);
  if (!certificates) {
    return tls_error("cannot use the CA certificates in " + files[0].path() + " (" +
                     certificates.error().message + "); they must be PEM, at least one");
  }
  return Authorities(std::move(files));
}

}  // namespace fedwave::relay
