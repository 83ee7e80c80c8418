// The configuration's TLS settings as the HTTP client takes them.
#pragma once

#include "config/config.h"
#include "relay/base/http_client.h"

namespace fedwave::relay {

inline base::TlsOptions tls_options(const config::Tls& tls) {
  return {.ca_file = tls.ca_file,
          .cert_file = tls.cert_file,
          .key_file = tls.key_file,
          .server_name = tls.server_name,
          .insecure_skip_verify = tls.insecure_skip_verify,
          .server_identities = tls.server_identities};
}

}  // namespace fedwave::relay
