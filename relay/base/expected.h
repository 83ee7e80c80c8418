// Results as values. Failures that come from outside (files, network, configuration) travel as
// Expected<T>; the member names are those of std::expected, so that the standard's class can take
// over once the compiler has it. Broken invariants do not belong here: see check.h.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace fedwave::base {

// What kind of failure it is: callers choose an exit code, a counter or a retry by it.
// The text beside it is for people and says what, where and what to do.
enum class ErrorCode : std::uint8_t {
  InvalidArgument,
  NotFound,
  Io,
  Unreachable,
  Timeout,
  Tls,
  HttpStatus,
  ContentType,
  Truncated,
  BadEncoding,
  BodyLimit,
  SampleLimit,
  LineLimit,
  LabelLimit,
  NotMetrics,
  Cancelled,
  InUse,
  Damaged,
  Version,
  NotReady,  // will be there by and by: trying again is all there is to do
};

// The code in snake_case, as counters and logs show it.
const char* error_code_name(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;
};

template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : failed_(true), error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const { return !failed_; }
  explicit operator bool() const { return !failed_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  Error error_{};
};

}  // namespace fedwave::base
