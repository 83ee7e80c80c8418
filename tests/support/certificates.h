// Self-signed certificates with their keys, made for one test; of 127.0.0.1 and good for a day
// unless a test wishes otherwise.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace fedwave::support {

struct CertifiedKey {
  std::string certificate;  // all in PEM
  std::string key;
  std::string locked_key;  // the same with a password
};

enum class KeyKind { Elliptic, Rsa };

struct CertificateWish {
  KeyKind kind = KeyKind::Elliptic;
  const char* alternative_names = "IP:127.0.0.1";  // as OpenSSL writes them
  long good_for_s = 24 * 3600;                     // from now on; negative: it has ended
  long good_from_s = -2 * 24 * 3600;               // from now on; positive: it has yet to begin
};

// What `write` puts into memory.
template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bytes(BIO_new(BIO_s_mem()), BIO_free_all);
  if (write(bytes.get()) != 1) throw std::runtime_error("OpenSSL writes no PEM");
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bytes.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

inline void add_extension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline CertifiedKey make_certified_key(CertificateWish wish = {}) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      wish.kind == KeyKind::Rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), wish.good_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wish.good_for_s);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), NID_subject_alt_name, wish.alternative_names);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    throw std::runtime_error("OpenSSL does not sign");
  }
  return {
      pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); }),
      pem([&](BIO* to) {
        return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      }),
      pem([&](BIO* to) {
        return PEM_write_bio_PKCS8PrivateKey(to, key.get(), EVP_aes_128_cbc(), "password", 8,
                                             nullptr, nullptr);
      }),
  };
}

}  // namespace fedwave::support
