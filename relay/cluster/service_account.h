// What a pod is told of its cluster: where the API server is, as whom to speak to it, and who the
// pod is. Everything comes from the environment and from the files that kubelet mounts and
// replaces; outside a cluster there is none of it. An object belongs to one thread.
#pragma once

#include <string>

#include "config/load.h"
#include "relay/base/expected.h"
#include "relay/base/file.h"

namespace fedwave::relay {

// Where kubelet mounts them. FEDWAVE_SERVICE_ACCOUNT_DIR names another directory, for tests.
inline constexpr const char* kServiceAccountDirectory =
    "/var/run/secrets/kubernetes.io/serviceaccount";

[[nodiscard]] bool in_cluster(const config::Environment& environment);

// POD_NAME_POD_UID where the pod has both from the downward API: a container that is started again
// is still the same. Otherwise the host's name and a random UUID.
std::string election_identity(const config::Environment& environment);

class ServiceAccount {
 public:
  // An error outside a cluster, and where the cluster's variables are no address.
  static base::Expected<ServiceAccount> from(const config::Environment& environment);

  ServiceAccount(std::string api_url, const std::string& directory);

  [[nodiscard]] const std::string& api_url() const { return api_url_; }  // https://HOST:PORT
  [[nodiscard]] const std::string& ca_file() const { return ca_file_; }
  [[nodiscard]] const std::string& token_file() const { return token_.path(); }

  // As the file has it now. While it cannot be read, or is empty, the one from before.
  base::Expected<std::string> token();

  // The namespace of the pod.
  [[nodiscard]] base::Expected<std::string> pod_namespace() const;

 private:
  std::string api_url_;
  std::string ca_file_;
  std::string namespace_file_;
  base::WatchedFile token_;
  std::string last_token_;
};

}  // namespace fedwave::relay
