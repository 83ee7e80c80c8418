#include "relay/cluster/lease.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <cstdio>
#include <utility>

#include "relay/base/clock.h"
#include "relay/json.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;
using rapidjson::Value;

// A real one is five deep; reading and writing back recurses, so this has to end somewhere.
constexpr int kDepthMax = 64;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

Error unusable(const std::string& what) {
  return {ErrorCode::BadEncoding, "the API server's answer is not a Lease: " + what};
}

bool is_too_deep(std::string_view json) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_text = !in_text;
    } else if (!in_text && (c == '{' || c == '[')) {
      if (++depth > kDepthMax) return true;
    } else if (!in_text && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return false;
}

// Half of a surrogate pair, written as an escape, passes the parser.
bool can_be_written(const rapidjson::Document& document) {
  using Utf8 = rapidjson::UTF8<>;
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer, Utf8, Utf8, rapidjson::CrtAllocator,
                    rapidjson::kWriteValidateEncodingFlag>
      writer(buffer);
  return document.Accept(writer);
}

// Null counts as missing, as everywhere in Kubernetes.
const Value* member(const Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

bool read_text(const Value& spec, const char* name, std::string& to) {
  const Value* value = member(spec, name);
  if (value == nullptr) return true;
  if (!value->IsString()) return false;
  to.assign(value->GetString(), value->GetStringLength());
  return true;
}

bool read_count(const Value& spec, const char* name, std::int64_t& to) {
  const Value* value = member(spec, name);
  if (value == nullptr) return true;
  if (!value->IsInt() || value->GetInt() < 0) return false;
  to = value->GetInt();
  return true;
}

// The name of the member that is not what it has to be; null when all are.
const char* read_spec(const Value& spec, LeaseSpec& to) {
  if (!read_text(spec, "holderIdentity", to.holder)) return "holderIdentity";
  if (!read_text(spec, "acquireTime", to.acquire_time)) return "acquireTime";
  if (!read_text(spec, "renewTime", to.renew_time)) return "renewTime";
  if (!read_count(spec, "leaseDurationSeconds", to.duration_s)) return "leaseDurationSeconds";
  if (!read_count(spec, "leaseTransitions", to.transitions)) return "leaseTransitions";
  return nullptr;
}

void set(rapidjson::Document& document, Value& object, const char* name, Value value) {
  const auto found = object.FindMember(name);
  if (found != object.MemberEnd()) {
    found->value = std::move(value);
  } else {
    object.AddMember(rapidjson::StringRef(name), value, document.GetAllocator());
  }
}

Value text_value(rapidjson::Document& document, const std::string& text) {
  if (text.empty()) return Value();  // a time that nobody has set
  return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), document.GetAllocator());
}

}  // namespace

Expected<Lease> parse_lease(std::string json) {
  if (is_too_deep(json)) return unusable("JSON nested too deeply");
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  if (document.HasParseError()) {
    return unusable("no JSON, at byte " + std::to_string(document.GetErrorOffset()) + ": " +
                    rapidjson::GetParseError_En(document.GetParseError()));
  }
  if (!document.IsObject()) return unusable("JSON, but not an object");
  if (!can_be_written(document)) return unusable("a text in it is not Unicode");
  const Value* kind = member(document, "kind");
  if (kind == nullptr || *kind != "Lease") return unusable("its kind is another one");
  const Value* metadata = member(document, "metadata");
  if (metadata == nullptr || !metadata->IsObject()) return unusable("it has no metadata");
  const Value* version = member(*metadata, "resourceVersion");
  if (version == nullptr || !version->IsString() || version->GetStringLength() == 0) {
    return unusable("it has no metadata.resourceVersion");
  }
  Lease lease;
  if (const Value* spec = member(document, "spec")) {
    if (!spec->IsObject()) return unusable("its spec is not an object");
    const char* wrong = read_spec(*spec, lease.spec);
    if (wrong != nullptr) return unusable("its spec." + std::string(wrong) + " makes no sense");
  }
  lease.version.assign(version->GetString(), version->GetStringLength());
  lease.object = std::move(json);
  return lease;
}

std::string with_spec(const Lease& lease, const LeaseSpec& spec) {
  rapidjson::Document document;
  document.Parse(lease.object.data(), lease.object.size());
  if (member(document, "spec") == nullptr) {
    set(document, document, "spec", Value(rapidjson::kObjectType));
  }
  Value& to = document["spec"];
  // Nobody's is an empty holder, as in what client-go leaves behind.
  set(document, to, "holderIdentity",
      spec.holder.empty() ? Value("") : text_value(document, spec.holder));
  set(document, to, "acquireTime", text_value(document, spec.acquire_time));
  set(document, to, "renewTime", text_value(document, spec.renew_time));
  set(document, to, "leaseDurationSeconds", Value(spec.duration_s));
  set(document, to, "leaseTransitions", Value(spec.transitions));
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  document.Accept(json);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string new_lease(std::string_view name, std::string_view name_space, const LeaseSpec& spec) {
  return json_object([&](JsonWriter& json) {
    add(json, "apiVersion", "coordination.k8s.io/v1");
    add(json, "kind", "Lease");
    add_object(json, "metadata", [&] {
      add(json, "name", name);
      add(json, "namespace", name_space);
    });
    add_object(json, "spec", [&] {
      add(json, "holderIdentity", spec.holder);
      add(json, "leaseDurationSeconds", spec.duration_s);
      add(json, "acquireTime", spec.acquire_time);
      add(json, "renewTime", spec.renew_time);
      add(json, "leaseTransitions", spec.transitions);
    });
  });
}

std::string micro_time(std::int64_t wall_us) {
  std::string text = base::utc_text(wall_us / 1'000);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06lldZ",
                static_cast<long long>(wall_us % kMicrosPerSecond));
  text.replace(text.size() - 1, 1, fraction);
  return text;
}

}  // namespace fedwave::relay
