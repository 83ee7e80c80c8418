// The certificate and key of a server, read again when the files have changed: by their content, so
// a swapped symlink counts as well as a file written anew. A pair that is of no use leaves the one
// before in use and is logged once. Belongs to the server's thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "relay/base/expected.h"
#include "relay/base/hash.h"
#include "relay/http_server.h"

namespace boost::asio::ssl {
class context;
}

namespace fedwave::relay {

class TlsFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What the files hold must be of use now.
  static base::Expected<std::unique_ptr<TlsFiles>> load(ListenTls files, Time now);
  ~TlsFiles();
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  // What the next connection is to be opened with, good until the next call. Looks at the files,
  // but only once a second.
  boost::asio::ssl::context& current(Time now);

 private:
  struct Pair;
  explicit TlsFiles(ListenTls files);
  [[nodiscard]] Pair read() const;

  const ListenTls files_;
  std::unique_ptr<boost::asio::ssl::context> context_;
  base::Hash128 seen_;  // of what the files held when they were read last, of use or not
  Time read_at_;
};

}  // namespace fedwave::relay
