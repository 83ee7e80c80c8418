#include "relay/client_tls.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

// Where a context keeps the ClientTls that it is for.
int owner_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string joined(const std::vector<std::string>& texts, std::string_view last_separator) {
  std::string all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) all += i + 1 == texts.size() ? last_separator : ", ";
    all += texts[i];
  }
  return all;
}

std::string text_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(text.get(), name, 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  const char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return base::printable({data, static_cast<std::size_t>(size)});
}

// The URIs among the alternative names.
std::vector<std::string> identities_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::vector<std::string> identities;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* uri = name->d.uniformResourceIdentifier;
    identities.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                            static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return identities;
}

// The certificates of a mesh's workloads have no subject.
std::string name_of(const X509* certificate) {
  const std::string subject = text_of(X509_get_subject_name(certificate));
  if (!subject.empty()) return subject;
  const std::vector<std::string> identities = identities_of(certificate);
  return identities.empty() ? "a certificate without a name" : base::printable(identities.front());
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  return base::utc_text(std::int64_t{timegm(&parts)} * 1'000);
}

std::string alert_name(int alert) {
  // OpenSSL 3.0 has no name for it.
  if ((alert & 0xFF) == SSL_AD_CERTIFICATE_REQUIRED) return "certificate required";
  return SSL_alert_desc_string_long(alert);
}

// What about the certificate in question helps to see what is wrong.
std::string details_of(const X509* certificate, int error) {
  const std::string name = name_of(certificate);
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
    return name + ", good until " + time_text(X509_get0_notAfter(certificate));
  }
  if (error == X509_V_ERR_CERT_NOT_YET_VALID) {
    return name + ", good from " + time_text(X509_get0_notBefore(certificate));
  }
  return name + ", signed by " + text_of(X509_get_issuer_name(certificate));
}

}  // namespace

bool matches_identity(std::string_view pattern, std::string_view identity) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == identity;
  if (!identity.starts_with(pattern.substr(0, star))) return false;
  identity.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (;;) {
    if (matches_identity(pattern, identity)) return true;
    if (identity.empty() || identity.front() == '/') return false;
    identity.remove_prefix(1);
  }
}

ClientTls::ClientTls(base::TlsOptions options) : options_(std::move(options)) {
  if (!options_.cert_file.empty()) pair_.emplace({options_.cert_file, options_.key_file});
  if (!options_.ca_file.empty() && verifies()) authorities_.emplace({options_.ca_file});
}

const CertificatePair* ClientTls::pair() const {
  return pair_ && !unready_ ? &pair_->content() : nullptr;
}

const Authorities* ClientTls::authorities() const {
  return authorities_ && !unready_ ? &authorities_->content() : nullptr;
}

std::optional<Error> ClientTls::missing_files() const {
  std::vector<std::string> missing;
  for (const std::string& path : {options_.ca_file, options_.cert_file, options_.key_file}) {
    std::error_code error;
    if (!path.empty() && !std::filesystem::exists(path, error)) missing.push_back(path);
  }
  if (missing.empty()) return {};
  return Error{ErrorCode::NotReady, "waiting for certificates: " + joined(missing, " and ") +
                                        (missing.size() == 1 ? " is" : " are") + " not there yet"};
}

// Each of the two kinds is taken as soon as it can be, whatever the other one is like.
Expected<void> ClientTls::look() {
  std::optional<Error> failure;
  const auto look_at = [&](auto& files) {
    if (!files) return;
    const auto seen = files->look();
    if (!seen) {
      failure = seen.error();
      return;
    }
    has_news_ = has_news_ || seen->is_new;
    if (has_looked_) files->log(*seen);
  };
  look_at(pair_);
  look_at(authorities_);
  has_looked_ = true;
  if (!failure) return {};
  const auto missing = missing_files();
  return missing ? *missing : Error{ErrorCode::Tls, failure->message};
}

Expected<bool> ClientTls::refresh() {
  unready_.reset();
  if (const auto looked = look(); !looked) {
    unready_ = looked.error();
  } else if (pair_ && pair_->content().expires_ms() <= base::system_clock().wall_ms()) {
    const CertificatePair& expired = pair_->content();
    unready_ = Error{ErrorCode::Tls, "the certificate in " + expired.certificates().path() +
                                         " was good until " + base::utc_text(expired.expires_ms()) +
                                         "; waiting for a new one there"};
  }
  if (unready_) return *unready_;
  return std::exchange(has_news_, false);
}

bool ClientTls::prepare(SSL_CTX* context) {
  if (unready_) {
    refusal_ = unready_->message;
    return false;
  }
  if (verifies()) SSL_CTX_set_cert_verify_callback(context, verify, this);
  SSL_CTX_set_ex_data(context, owner_index(), this);
  SSL_CTX_set_info_callback(context, on_info);
  return true;
}

int ClientTls::verify(X509_STORE_CTX* chain, void* self) {
  auto& tls = *static_cast<ClientTls*>(self);
  if (X509_verify_cert(chain) != 1) {
    tls.refusal_ = tls.chain_problem(chain);
    return 0;
  }
  tls.refusal_ = tls.identity_problem(X509_STORE_CTX_get0_cert(chain));
  if (tls.refusal_.empty()) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

void ClientTls::begin() {
  refusal_.clear();
  is_consent_open_ = false;
}

// A server that does not like our certificate says so in an alert, with TLS 1.3 only after the
// handshake has succeeded here.
void ClientTls::on_info(const SSL* connection, int where, int value) {
  auto& tls =
      *static_cast<ClientTls*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), owner_index()));
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && SSL_version(connection) == TLS1_3_VERSION &&
      SSL_session_reused(connection) == 0) {
    tls.is_consent_open_ = true;
    BIO* const socket = SSL_get_wbio(connection);
    BIO_set_callback_ex(socket, on_written);
    BIO_set_callback_arg(socket, reinterpret_cast<char*>(&tls));
  }
  // Only clients that are welcome get one.
  if (SSL_get_state(connection) == TLS_ST_CR_SESSION_TICKET) tls.is_consent_open_ = false;
  if (where != SSL_CB_READ_ALERT || value >> 8 != SSL3_AL_FATAL) return;
  tls.refusal_ = "the server ended the connection with the TLS alert \"" + alert_name(value) +
                 "\" (" + std::to_string(value & 0xFF) + ")" + tls.certificate_advice();
}

// Who writes to a server that has sent an alert and left is told of a broken connection, and
// libcurl then reads no more. So the writing seems to succeed, and reading, which comes next, gets
// the alert or else the end.
long ClientTls::on_written(BIO* connection, int operation, const char*, std::size_t size, int, long,
                           int result, std::size_t* written) {
  const auto& tls = *reinterpret_cast<const ClientTls*>(BIO_get_callback_arg(connection));
  const bool is_broken = operation == (BIO_CB_WRITE | BIO_CB_RETURN) && result <= 0 &&
                         BIO_should_retry(connection) == 0;
  if (!is_broken || !tls.is_consent_open_) return result;
  *written = size;
  return 1;
}

std::string ClientTls::refusal_by_silence() const {
  if (!refusal_.empty() || !is_consent_open_) return refusal_;
  return "the server ended the connection after the TLS handshake, without an answer" +
         certificate_advice();
}

std::string ClientTls::certificate_advice() const {
  return pair_ ? "; it may not like the certificate in " + options_.cert_file
               : "; it may want a client certificate: write cert_file and key_file";
}

std::string ClientTls::chain_problem(X509_STORE_CTX* chain) const {
  const int error = X509_STORE_CTX_get_error(chain);
  std::string problem =
      std::string("SSL certificate problem: ") + X509_verify_cert_error_string(error);
  if (const X509* certificate = X509_STORE_CTX_get_current_cert(chain); certificate != nullptr) {
    problem += " (" + details_of(certificate, error) + ")";
  }
  return problem + "; trusted is what " +
         (options_.ca_file.empty() ? "the system trusts; write ca_file for another authority"
                                   : "is in " + options_.ca_file);
}

std::string ClientTls::identity_problem(const X509* certificate) const {
  const std::vector<std::string>& wanted = options_.server_identities;
  if (wanted.empty()) return {};
  const std::vector<std::string> found = identities_of(certificate);
  for (const std::string& pattern : wanted) {
    const bool is_there = std::any_of(found.begin(), found.end(), [&](const std::string& identity) {
      return matches_identity(pattern, identity);
    });
    if (is_there) return {};
  }
  return "the server's certificate is for " +
         (found.empty() ? "no identity" : base::printable(joined(found, " and "))) +
         ", and \"serverIdentities\" has only " + joined(wanted, " and ");
}

}  // namespace fedwave::relay
