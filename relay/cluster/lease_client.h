// Asks the API server for one Lease: get, create, update. Each call is one request, and a second
// one where the token was refused and the file has another by now. What is wrong is put into words
// that say what to do. Owns the HTTP client; belongs to one thread; `cancelled` outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "relay/base/http_client.h"
#include "relay/cluster/lease.h"
#include "relay/cluster/service_account.h"

namespace fedwave::relay {

struct LeaseAnswer {
  std::optional<Lease> lease;
  int status = 0;     // 0: there was no whole answer
  std::string cause;  // "http_403", "timeout"; empty with a lease
  std::string error;  // in words; empty with a lease

  [[nodiscard]] bool is_missing() const { return status == 404; }
  [[nodiscard]] bool is_conflict() const { return status == 409; }
};

class LeaseClient {
 public:
  LeaseClient(std::string name, std::string name_space, ServiceAccount account,
              std::unique_ptr<base::HttpClient> http, const std::atomic<bool>* cancelled);

  LeaseAnswer get(std::int64_t timeout_ms);
  LeaseAnswer create(const LeaseSpec& spec, std::int64_t timeout_ms);
  LeaseAnswer update(const Lease& lease, const LeaseSpec& spec, std::int64_t timeout_ms);

  // Until now, a repetition after a refused token included.
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  // From now on requests go on although `cancelled` is set: the last ones, that release the lease.
  void ignore_cancelled() { cancelled_ = nullptr; }

 private:
  struct Call;

  LeaseAnswer ask(const Call& call);
  LeaseAnswer ask_with(const std::string& token, const Call& call);
  LeaseAnswer read(const Call& call, std::string body);
  [[nodiscard]] std::string refusal(int status, const Call& call, const std::string& said) const;

  const std::string name_;
  const std::string namespace_;
  const std::string collection_url_;
  ServiceAccount account_;
  const std::unique_ptr<base::HttpClient> http_;
  const std::atomic<bool>* cancelled_;
  std::uint64_t requests_ = 0;
};

}  // namespace fedwave::relay
