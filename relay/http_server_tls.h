// The certificate and key of a server, ready for its connections and read again when the files have
// changed. A pair that is of no use leaves the one before in use and is logged once. Belongs to the
// server's thread.
#pragma once

#include <chrono>
#include <memory>

#include "relay/base/expected.h"
#include "relay/certificates.h"
#include "relay/http_server.h"

namespace boost::asio::ssl {
class context;
}

namespace fedwave::relay {

class TlsFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What the files hold must be of use now.
  static base::Expected<std::unique_ptr<TlsFiles>> load(const ListenTls& files, Time now);
  ~TlsFiles();
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  // What the next connection is to be opened with, good until the next call. Looks at the files,
  // but only once a second.
  boost::asio::ssl::context& current(Time now);

 private:
  explicit TlsFiles(const ListenTls& files);

  LastGood<CertificatePair> pair_;
  std::unique_ptr<boost::asio::ssl::context> context_;
  Time looked_at_;
};

}  // namespace fedwave::relay
