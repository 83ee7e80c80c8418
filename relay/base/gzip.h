// gzip both ways, over ISA-L. Both objects are reused between streams so that their memory stays
// warm; one thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::base {

// Takes a gzip stream (several members are fine, anything else after one is an error: nothing pads
// a body of HTTP) in pieces and hands out what is inside.
class GzipInflater {
 public:
  GzipInflater();
  ~GzipInflater();
  GzipInflater(GzipInflater&&) noexcept;
  GzipInflater& operator=(GzipInflater&&) noexcept;

  void reset();

  // `output` returning false stops the inflation: Cancelled.
  using Output = std::function<bool(std::string_view)>;
  Expected<void> feed(std::string_view compressed, const Output& output);

  // True at the end of a member, checksum and length included: a stream cut short is not.
  [[nodiscard]] bool at_end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class GzipDeflater {
 public:
  GzipDeflater();
  ~GzipDeflater();
  GzipDeflater(GzipDeflater&&) noexcept;
  GzipDeflater& operator=(GzipDeflater&&) noexcept;

  // One whole gzip member.
  std::string deflate(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A whole stream that is in memory; refuses to grow above `bytes_max`.
Expected<std::string> gunzip(std::string_view compressed, std::size_t bytes_max);

}  // namespace fedwave::base
