// Reads `cloudServices`: how a sink gets its token from VMware Cloud Services.
#include <utility>

#include "config/sections.h"
#include "config/url.h"

namespace fedwave::config {
namespace {

class CloudServicesReader {
 public:
  CloudServicesReader(const Node& node, Reading& reading)
      : fields_(&node, "cloudServices", reading.problems), reading_(reading) {}

  CloudServices read() {
    read_url();
    const bool has_api_token =
        read_secret_or_file(fields_, "apiToken", services_.api_token, "apiTokenFile",
                            services_.api_token_file, Severity::Error, reading_);
    Secret client_id;
    const bool has_client_id =
        fields_.get("clientId") == nullptr || read_secret(fields_, "clientId", client_id, reading_);
    services_.client_id = std::move(client_id.value);
    const bool has_client_secret =
        read_secret_or_file(fields_, "clientSecret", services_.client_secret, "clientSecretFile",
                            services_.client_secret_file, Severity::Error, reading_);
    fields_.text("orgId", services_.org_id);
    // What could not be read already has its own problem.
    if (fields_.is_map() && has_api_token && has_client_id && has_client_secret) check_way();
    fields_.done();
    return std::move(services_);
  }

 private:
  void read_url() {
    std::string text;
    if (!fields_.text("url", text) || text.empty()) return;
    const auto url = read_plain_url("\"url\"", text, fields_.where("url"), reading_.problems);
    if (!url) return;
    services_.url = url->scheme + "://" + url->authority + url->path;
    while (services_.url.ends_with('/')) services_.url.pop_back();
    if (url->scheme == "http") {
      reading_.problems.warning(fields_.where("url"),
                                "the credentials travel unencrypted to an http:// \"url\"",
                                "write https://");
    }
  }

  // There has to be an API token, or a client's id and secret.
  void check_way() {
    const std::string_view token_key = written("apiToken", services_.api_token,  //
                                               "apiTokenFile", services_.api_token_file);
    const std::string_view secret_key = written("clientSecret", services_.client_secret,
                                                "clientSecretFile", services_.client_secret_file);
    const std::string_view client_key = services_.client_id.empty() ? secret_key : "clientId";
    if (token_key.empty() && client_key.empty()) {
      reading_.problems.error(fields_.where(),
                              "\"cloudServices\" without \"apiToken\" or \"clientId\"",
                              "write apiToken: ${CSP_API_TOKEN}, or clientId with clientSecret");
    } else if (!token_key.empty() && !client_key.empty()) {
      error(client_key,
            in_quotes(token_key) + " and " + in_quotes(client_key) + " exclude one another",
            "keep the API token, or the client's id and secret");
    } else if (token_key.empty() && secret_key.empty()) {
      error("clientId", "\"clientId\" without \"clientSecret\" or \"clientSecretFile\"",
            "write clientSecret: ${CSP_CLIENT_SECRET} beside it");
    } else if (token_key.empty() && services_.client_id.empty()) {
      error(secret_key, in_quotes(secret_key) + " without \"clientId\"",
            "write clientId: beside it");
    } else if (!token_key.empty() && !services_.org_id.empty()) {
      reading_.problems.warning(fields_.where("orgId"),
                                "\"orgId\" has no effect: an API token has its own organization",
                                "remove it");
    }
  }

  // The key that has a value; empty for none.
  static std::string_view written(std::string_view key, const Secret& secret,
                                  std::string_view file_key, const std::string& file) {
    if (!secret.empty()) return key;
    return file.empty() ? std::string_view() : file_key;
  }

  void error(std::string_view key, std::string what, std::string advice) {
    reading_.problems.error(fields_.where(key), std::move(what), std::move(advice));
  }

  Fields fields_;
  Reading& reading_;
  CloudServices services_;
};

}  // namespace

CloudServices read_cloud_services(const Node& node, Reading& reading) {
  return CloudServicesReader(node, reading).read();
}

}  // namespace fedwave::config
