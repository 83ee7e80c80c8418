// The families that a page has declared with TYPE, and what they make of a sample. Only counter,
// gauge, summary and histogram are kept: a federated page declares everything untyped, keeps this
// empty and never looks anything up. Belongs to one TextPage and its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "parsers/sample.h"
#include "relay/base/hash.h"

namespace fedwave::parsers {

enum class FamilyType : std::uint8_t { Untyped, Counter, Gauge, Summary, Histogram };

class FamilyKinds {
 public:
  FamilyKinds() = default;
  // latest_ points into families_.
  FamilyKinds(const FamilyKinds&) = delete;
  FamilyKinds& operator=(const FamilyKinds&) = delete;

  // The last declaration of a name wins. False when there are too many to remember another one.
  bool declare(std::string_view name, FamilyType type);

  [[nodiscard]] bool empty() const { return families_.empty(); }

  // `name` is the decoded metric name within `series`, the bytes as written.
  SampleKind kind_of(std::string_view name, std::string_view series);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return base::seeded_hash64(text); }
  };
  using Families = std::unordered_map<std::string, FamilyType, Hash, std::equal_to<>>;

  SampleKind kind_by_name(std::string_view name);

  Families families_;
  std::size_t name_bytes_ = 0;  // of all names ever kept
  // The family of the sample before: its samples come together.
  const Families::value_type* latest_ = nullptr;
  // A family is itself called something_count, _sum or _bucket, so that a sample of that name is
  // not to be taken for a part of the family `something`.
  bool has_suffixed_family_ = false;
};

}  // namespace fedwave::parsers
