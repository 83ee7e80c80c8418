// An API server that knows one Lease, in memory: it checks and versions what is written as the real
// one does. Requests reach it through clients whose network does what a test wants; time is a
// number, and passes only when a test, or a request, lets it.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "relay/cluster/elector.h"
#include "tests/support/temp_folder.h"

namespace fedwave::support {

constexpr const char* kLeasePath = "/apis/coordination.k8s.io/v1/namespaces/mesh/leases";

struct ApiAnswer {
  int status = 200;
  std::string body;
};

class FakeLeaseApi {
 public:
  std::string token = "first";

  struct Asked {
    base::HttpMethod method;
    std::string url;
    std::string user_agent;
    std::string ca_file;
    std::int64_t timeout_ms;
  };
  std::vector<Asked> asked;

  ApiAnswer handle(const base::HttpRequest& request) {
    const std::string authorization = header(request, "Authorization: ");
    asked.push_back({request.method, request.url, header(request, "User-Agent: "),
                     request.tls.ca_file, request.timeout_ms});
    if (authorization != "Bearer " + token) return refuse(401, "Unauthorized");
    return apply(request.method, std::string(request.body));
  }

  ApiAnswer apply(base::HttpMethod method, const std::string& body) {
    if (method == base::HttpMethod::Get) return object_ ? shown() : missing();
    rapidjson::Document document;
    document.Parse(body.data(), body.size());
    if (document.HasParseError()) return refuse(400, "not JSON");
    if (const std::string wrong = problem(document["spec"]); !wrong.empty()) {
      return refuse(422, wrong);
    }
    if (method == base::HttpMethod::Post) return create(document);
    if (!object_) return missing();
    if (!document["metadata"].HasMember("resourceVersion")) {
      return refuse(422, "metadata.resourceVersion: must be specified for an update");
    }
    if (document["metadata"]["resourceVersion"] != std::to_string(version_).c_str()) {
      return refuse(409, "the object has been modified");
    }
    store(document);
    return shown();
  }

  // --- what others do to the lease ---------------------------------------------------------------
  void remove() { object_.reset(); }
  // By hand: the whole object.
  void put(const std::string& json) {
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    store(document);
  }
  void put_spec(const std::string& spec) {
    put(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease",)"
        R"("metadata":{"name":"fedwave","namespace":"mesh","uid":"7"},"spec":)" +
        spec + "}");
  }
  [[nodiscard]] bool has_lease() const { return object_.has_value(); }
  [[nodiscard]] std::string object() const { return object_.value_or(""); }
  [[nodiscard]] relay::LeaseSpec spec() const { return relay::parse_lease(object())->spec; }
  [[nodiscard]] std::int64_t version() const { return version_; }

  static ApiAnswer refuse(int status, const std::string& message) {
    return {status, R"({"kind":"Status","status":"Failure","message":")" + message + "\"}"};
  }

 private:
  static std::string header(const base::HttpRequest& request, std::string_view name) {
    for (const std::string& text : request.headers) {
      if (text.starts_with(name)) return text.substr(name.size());
    }
    return {};
  }
  static ApiAnswer missing() { return refuse(404, "leases \\\"fedwave\\\" not found"); }
  [[nodiscard]] ApiAnswer shown() const { return {200, *object_}; }

  static std::string problem(const rapidjson::Value& spec) {
    static const std::regex kMicroTime(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)");
    for (const char* name : {"acquireTime", "renewTime"}) {
      if (!spec.HasMember(name) || spec[name].IsNull()) continue;
      if (!std::regex_match(spec[name].GetString(), kMicroTime)) return "cannot parse a MicroTime";
    }
    if (spec.HasMember("leaseDurationSeconds") && spec["leaseDurationSeconds"].GetInt() <= 0) {
      return "spec.leaseDurationSeconds: must be greater than 0";
    }
    return {};
  }

  ApiAnswer create(rapidjson::Document& document) {
    if (object_) return refuse(409, "already exists");
    store(document);
    return {201, *object_};
  }

  void store(rapidjson::Document& document) {
    rapidjson::Value& metadata = document["metadata"];
    metadata.RemoveMember("resourceVersion");
    const std::string version = std::to_string(++version_);
    metadata.AddMember("resourceVersion",
                       rapidjson::Value(version.c_str(), document.GetAllocator()),
                       document.GetAllocator());
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    document.Accept(json);
    object_ = buffer.GetString();
  }

  std::optional<std::string> object_;
  std::int64_t version_ = 100;
};

// The clocks of one machine: none shows the time of the world, and its wall clock may be wrong.
class MachineClock final : public base::Clock {
 public:
  explicit MachineClock(const std::int64_t& world_ms) : world_ms_(world_ms) {}
  std::int64_t wall_offset_ms = 1'767'225'600'000;
  std::int64_t boot_offset_ms = 1'000'000;
  std::int64_t asleep_ms = 0;  // of the machine, so far
  [[nodiscard]] std::int64_t wall_ms() const override { return world_ms_ + wall_offset_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return boot_ms() - asleep_ms; }
  [[nodiscard]] std::int64_t boot_ms() const override { return world_ms_ + boot_offset_ms; }

 private:
  const std::int64_t& world_ms_;
};

// What the network does to one request.
struct Network {
  enum class Fault {
    None,
    Refused,     // nobody there
    Dropped,     // the connection ends once the request is there
    Lost,        // carried out, but the answer does not come in time
    NeverThere,  // hangs, and is not carried out
    Late,        // hangs, and is carried out by whatever time the test chooses
    Status,
  };
  Fault fault = Fault::None;
  int status = 500;
  std::int64_t delay_ms = 0;  // before it is carried out
};

class ClientOfFakeApi final : public base::HttpClient {
 public:
  struct Surroundings {
    std::function<Network(const base::HttpRequest&)> network;
    std::function<void(std::int64_t ms)> pass;
    std::function<void(base::HttpMethod, std::string body)> later;
  };

  ClientOfFakeApi(FakeLeaseApi& api, Surroundings& around) : api_(api), around_(around) {}

  base::Expected<base::HttpHead> perform(const base::HttpRequest& request,
                                         base::HttpReceiver& receiver) override {
    using Fault = Network::Fault;
    const Network network = around_.network(request);
    const std::int64_t delay_ms = std::min(network.delay_ms, request.timeout_ms);
    around_.pass(delay_ms);
    const auto hang = [&] {
      around_.pass(request.timeout_ms - delay_ms);
      return base::Error{base::ErrorCode::Timeout, "no complete answer in time"};
    };
    switch (network.fault) {
      case Fault::Refused:
        return base::Error{base::ErrorCode::Unreachable, "connection refused"};
      case Fault::Dropped:
        return base::Error{base::ErrorCode::Truncated, "the connection ended"};
      case Fault::Lost:
        (void)api_.handle(request);
        return hang();
      case Fault::NeverThere:
        return hang();
      case Fault::Late:
        around_.later(request.method, std::string(request.body));
        return hang();
      case Fault::Status:
        return give(FakeLeaseApi::refuse(network.status, "as the test wants"), receiver);
      case Fault::None:
        break;
    }
    return give(api_.handle(request), receiver);
  }

 private:
  static base::Expected<base::HttpHead> give(const ApiAnswer& answer,
                                             base::HttpReceiver& receiver) {
    const base::HttpHead head{.status = answer.status};
    if (!receiver.on_head(head) || !receiver.on_body(answer.body)) {
      return base::Error{base::ErrorCode::Cancelled, "the reader stopped"};
    }
    return head;
  }

  FakeLeaseApi& api_;
  Surroundings& around_;
};

// The files of a service account.
class AccountFolder {
 public:
  AccountFolder() { write("token", "first\n"); }
  void write(const std::string& name, const std::string& content) const {
    const std::string path = folder_.path() + "/" + name;
    std::FILE* file = std::fopen((path + ".new").c_str(), "wb");
    std::fwrite(content.data(), 1, content.size(), file);
    std::fclose(file);
    std::rename((path + ".new").c_str(), path.c_str());
  }
  [[nodiscard]] std::string path() const { return folder_.path(); }
  [[nodiscard]] relay::ServiceAccount account() const {
    return {"https://10.0.0.1:443", folder_.path()};
  }

 private:
  TempFolder folder_;
};

// One replica and its machine.
class Replica {
 public:
  Replica(FakeLeaseApi& api, const AccountFolder& folder, const std::int64_t& world_ms,
          const std::string& identity, std::uint32_t seed = 1, relay::ElectionOptions options = {})
      : clock(world_ms),
        client("fedwave", "mesh", folder.account(), std::make_unique<ClientOfFakeApi>(api, around),
               nullptr),
        elector(with_names(std::move(options), identity), client, clock, seed) {}

  // What its thread does.
  void take_step() {
    elector.step();
    stop_if_lost();
  }
  void stop_if_lost() {
    if (elector.has_to_stop()) elector.work_stopped();
  }

  MachineClock clock;
  ClientOfFakeApi::Surroundings around;
  relay::LeaseClient client;
  relay::Elector elector;

 private:
  static relay::ElectionOptions with_names(relay::ElectionOptions options,
                                           const std::string& identity) {
    options.lease = "fedwave";
    options.lease_namespace = "mesh";
    options.identity = identity;
    return options;
  }
};

}  // namespace fedwave::support
