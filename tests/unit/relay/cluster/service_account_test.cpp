#include "relay/cluster/service_account.h"

#include <doctest/doctest.h>

#include <map>
#include <regex>

#include "relay/cluster/election.h"
#include "tests/support/environment.h"
#include "tests/unit/relay/cluster/fake_lease_api.h"

using namespace fedwave;
using relay::ServiceAccount;
using support::AccountFolder;
using support::environment_of;

TEST_CASE(
    "The API server's address is what the cluster says, with brackets where IPv6 needs them") {
  struct Row {
    const char* host;
    const char* port;
    const char* url;
  };
  for (const Row& row : {Row{"10.96.0.1", "443", "https://10.96.0.1:443"},
                         Row{"fd00::1", "6443", "https://[fd00::1]:6443"},
                         Row{"[fd00::1]", "443", "https://[fd00::1]:443"},
                         Row{"kubernetes.default.svc", "", "https://kubernetes.default.svc:443"}}) {
    CAPTURE(row.host);
    const auto env = environment_of(
        {{"KUBERNETES_SERVICE_HOST", row.host}, {"KUBERNETES_SERVICE_PORT", row.port}});
    CHECK(relay::in_cluster(env));
    const auto account = ServiceAccount::from(env);
    REQUIRE(account);
    CHECK(account->api_url() == row.url);
    CHECK(account->ca_file() == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  }
}

TEST_CASE("Without the cluster's variables there is no service account") {
  for (const auto& env : {environment_of({}), environment_of({{"KUBERNETES_SERVICE_HOST", ""}})}) {
    CHECK_FALSE(relay::in_cluster(env));
    CHECK_FALSE(ServiceAccount::from(env));
  }
}

TEST_CASE("An API server's address that cannot be one is refused with the variable's name") {
  struct Row {
    const char* host;
    const char* port;
    const char* message;
  };
  for (const Row& row :
       {Row{"127.0.0.1", "abc",
            "KUBERNETES_SERVICE_PORT is \"abc\": write the API server's port, 1 to 65535, or leave "
            "it to Kubernetes, which sets it in every pod"},
        Row{"127.0.0.1", "0", "KUBERNETES_SERVICE_PORT is \"0\": "},
        Row{"127.0.0.1", "65536", "KUBERNETES_SERVICE_PORT is \"65536\": "},
        Row{"127.0.0.1", "443 ", "KUBERNETES_SERVICE_PORT is \"443 \": "},
        Row{"127.0.0.1", "tcp://10.0.0.1:443", "KUBERNETES_SERVICE_PORT is \"tcp://"},
        Row{"https://10.0.0.1", "443",
            "KUBERNETES_SERVICE_HOST is \"https://10.0.0.1\": write the API server's address "
            "without https://, or leave it to Kubernetes"}}) {
    CAPTURE(row.message);
    const auto account = ServiceAccount::from(environment_of(
        {{"KUBERNETES_SERVICE_HOST", row.host}, {"KUBERNETES_SERVICE_PORT", row.port}}));
    REQUIRE_FALSE(account);
    CHECK(account.error().message.starts_with(row.message));
  }
}

TEST_CASE("A token that was replaced is read anew, and one that is gone or empty stays") {
  const AccountFolder folder;
  ServiceAccount account = folder.account();
  CHECK(*account.token() == "first");
  folder.write("token", " second\n");
  CHECK(*account.token() == "second");
  folder.write("token", "\n");
  CHECK(*account.token() == "second");
  std::filesystem::remove(folder.path() + "/token");
  CHECK(*account.token() == "second");
  folder.write("token", "third");
  CHECK(*account.token() == "third");
}

TEST_CASE("A token that never was says what the pod needs") {
  ServiceAccount account("https://10.0.0.1:443", "/nowhere");
  const auto token = account.token();
  REQUIRE_FALSE(token);
  CHECK(token.error().message.find("automountServiceAccountToken: true") != std::string::npos);
}

TEST_CASE("A pod is known by its name and UID, everything else by its host and a random UUID") {
  CHECK(relay::election_identity(
            environment_of({{"POD_NAME", "fedwave-7d4b9-x2x"}, {"POD_UID", "0d1-22"}})) ==
        "fedwave-7d4b9-x2x_0d1-22");
  const auto without_uid = environment_of({{"POD_NAME", "fedwave-0"}});
  const std::string one = relay::election_identity(without_uid);
  const std::string two = relay::election_identity(without_uid);
  CHECK(one != two);
  static const std::regex kHostAndUuid(
      R"(.+_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})");
  CHECK(std::regex_match(one, kHostAndUuid));
}

TEST_CASE("The lease is looked for in the namespace asked for, else in the pod's") {
  const AccountFolder folder;
  const ServiceAccount account = folder.account();
  relay::ElectionOptions options{.lease = "fedwave"};
  const auto without = relay::complete_election(options, environment_of({}), account);
  REQUIRE_FALSE(without);
  CHECK(without.error().message == "cannot read " + folder.path() +
                                       "/namespace: No such file or directory; write "
                                       "--lease-namespace, or set POD_NAMESPACE");
  folder.write("namespace", "of-the-account");
  CHECK(relay::complete_election(options, environment_of({}), account)->lease_namespace ==
        "of-the-account");
  const auto env = environment_of({{"POD_NAMESPACE", "of-the-pod"}});
  CHECK(relay::complete_election(options, env, account)->lease_namespace == "of-the-pod");
  options.lease_namespace = "asked-for";
  CHECK(relay::complete_election(options, env, account)->lease_namespace == "asked-for");
}

TEST_CASE("Where there is no service account at all, that is told, and not the namespace") {
  const ServiceAccount nowhere("https://10.0.0.1:443", "/nowhere");
  const auto completed =
      relay::complete_election({.lease = "fedwave"}, environment_of({}), nowhere);
  REQUIRE_FALSE(completed);
  CHECK(completed.error().message ==
        "cannot read /nowhere/token: No such file or directory; the pod needs its service "
        "account's token: automountServiceAccountToken: true");
}
