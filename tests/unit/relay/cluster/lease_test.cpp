#include "relay/cluster/lease.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

using namespace fedwave::relay;

namespace {

// As a real one looks, with what an election does not know about.
const char* const kReal = R"({"kind":"Lease","apiVersion":"coordination.k8s.io/v1",
  "metadata":{"name":"fedwave","namespace":"mesh","uid":"5a0d","resourceVersion":"4711",
    "annotations":{"note":"\"quoted\" and ümlaut \u20ac"},"managedFields":[{"manager":"fedwave",
    "operation":"Update","fieldsV1":{"f:spec":{"f:holderIdentity":{}}}}],"generation":12345678901},
  "spec":{"holderIdentity":"pod-a_1","leaseDurationSeconds":15,"strategy":"OldestEmulationVersion",
    "acquireTime":"2026-01-01T00:00:00.000001Z","renewTime":"2026-01-01T00:00:01.500000Z",
    "leaseTransitions":3}})";

}  // namespace

TEST_CASE("A lease is read as the API server shows it") {
  const auto lease = parse_lease(kReal);
  REQUIRE(lease);
  CHECK(lease->spec == LeaseSpec{.holder = "pod-a_1",
                                 .acquire_time = "2026-01-01T00:00:00.000001Z",
                                 .renew_time = "2026-01-01T00:00:01.500000Z",
                                 .duration_s = 15,
                                 .transitions = 3});
}

TEST_CASE("Members of the spec that are null or missing are empty") {
  const std::string head = R"({"kind":"Lease","metadata":{"resourceVersion":"1"})";
  for (const char* spec :
       {"", R"(,"spec":null)", R"(,"spec":{})",
        R"(,"spec":{"holderIdentity":null,"leaseDurationSeconds":null,"acquireTime":null,)"
        R"("renewTime":null,"leaseTransitions":null})"}) {
    CAPTURE(spec);
    const auto lease = parse_lease(head + spec + "}");
    REQUIRE(lease);
    CHECK(lease->spec == LeaseSpec{});
    const LeaseSpec mine{.holder = "me", .acquire_time = "a", .renew_time = "b", .duration_s = 15};
    const auto written = parse_lease(with_spec(*lease, mine));
    REQUIRE(written);
    CHECK(written->spec == mine);
  }
}

TEST_CASE("What is written back differs in the spec's own members and nowhere else") {
  const auto lease = parse_lease(kReal);
  REQUIRE(lease);
  const LeaseSpec mine{.holder = "pod-b \"2\"",
                       .acquire_time = "2026-01-01T01:00:00.000000Z",
                       .renew_time = "2026-01-01T01:00:00.000000Z",
                       .duration_s = 20,
                       .transitions = 4};
  rapidjson::Document before, after;
  before.Parse(kReal);
  after.Parse(with_spec(*lease, mine).c_str());
  REQUIRE_FALSE(after.HasParseError());
  CHECK(parse_lease(with_spec(*lease, mine))->spec == mine);
  for (const char* name :
       {"holderIdentity", "acquireTime", "renewTime", "leaseDurationSeconds", "leaseTransitions"}) {
    CHECK((after != before));
    after["spec"][name].CopyFrom(before["spec"][name], after.GetAllocator());
  }
  CHECK((after == before));
}

TEST_CASE("A lease that nobody holds is written with an empty holder") {
  const auto lease = parse_lease(kReal);
  REQUIRE(lease);
  LeaseSpec nobody = lease->spec;
  nobody.holder.clear();
  rapidjson::Document written;
  written.Parse(with_spec(*lease, nobody).c_str());
  CHECK(std::string(written["spec"]["holderIdentity"].GetString()).empty());
}

TEST_CASE("What is no lease is refused with the reason") {
  struct Row {
    std::string json;
    const char* reason;
  };
  const auto with = [](const std::string& spec) {
    return R"({"kind":"Lease","metadata":{"resourceVersion":"1"},"spec":)" + spec + "}";
  };
  for (const Row& row :
       {Row{"", "no JSON, at byte 0"}, Row{"<html>", "no JSON"}, Row{"[]", "not an object"},
        Row{"{}", "kind"}, Row{R"({"kind":"Status","metadata":{}})", "kind"},
        Row{R"({"kind":"Lease"})", "no metadata"},
        Row{R"({"kind":"Lease","metadata":{}})", "resourceVersion"},
        Row{R"({"kind":"Lease","metadata":{"resourceVersion":""}})", "resourceVersion"},
        Row{with("[]"), "spec is not an object"},
        Row{with(R"({"holderIdentity":1})"), "spec.holderIdentity"},
        Row{with(R"({"leaseDurationSeconds":-1})"), "spec.leaseDurationSeconds"},
        Row{with(R"({"leaseDurationSeconds":4294967296})"), "spec.leaseDurationSeconds"},
        Row{with(R"({"leaseTransitions":1.5})"), "spec.leaseTransitions"},
        Row{R"({"kind":"Lease","metadata":{"resourceVersion":"1","x":"\ude00"}})", "not Unicode"},
        Row{std::string(100'000, '['), "too deeply"},
        Row{with(R"({"x":)" + std::string(100'000, '[')), "too deeply"}}) {
    CAPTURE(row.reason);
    const auto lease = parse_lease(row.json);
    REQUIRE_FALSE(lease);
    CHECK(lease.error().message.find(row.reason) != std::string::npos);
  }
}

TEST_CASE("Brackets inside of texts are no nesting") {
  const std::string text = R"({"kind":"Lease","metadata":{"resourceVersion":"1","x":"\"[[)" +
                           std::string(1'000, '{') + R"("}})";
  CHECK(parse_lease(text));
}

TEST_CASE("Times have exactly six digits after the point") {
  CHECK(micro_time(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(micro_time(1'767'225'600'000'001) == "2026-01-01T00:00:00.000001Z");
  CHECK(micro_time(1'767'225'600'999'999) == "2026-01-01T00:00:00.999999Z");
}
