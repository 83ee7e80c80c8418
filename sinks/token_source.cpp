#include "sinks/token_source.h"

#include <algorithm>
#include <utility>

#include "relay/base/file.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

class FixedToken final : public TokenSource {
 public:
  explicit FixedToken(std::string token) : token_(std::move(token)) {}
  Expected<std::string> token() override { return token_; }
  std::vector<std::string> secrets() override { return {token_}; }

 private:
  const std::string token_;
};

class TokenFile final : public TokenSource {
 public:
  explicit TokenFile(std::string path) : file_(std::move(path)) {}

  Expected<std::string> token() override {
    Expected<std::string> read = file_.content();
    if (read && read->empty()) {
      read = Error{ErrorCode::InvalidArgument, "the file " + file_.path() + " is empty"};
    }
    if (!read) return last_good_.empty() ? std::move(read) : Expected<std::string>(last_good_);
    if (!fits_in_header(*read)) {
      return Error{ErrorCode::InvalidArgument,
                   "the file " + file_.path() +
                       " holds a line break or another control character; write the secret on "
                       "one line, as text"};
    }
    last_good_ = *read;
    return read;
  }

  // A file can be changed without a trace in its size and time: it is opened again in any case.
  void refused() override { file_ = base::WatchedFile(file_.path()); }

  std::vector<std::string> secrets() override { return {last_good_}; }

 private:
  base::WatchedFile file_;
  std::string last_good_;
};

}  // namespace

std::unique_ptr<TokenSource> fixed_token(std::string token) {
  return std::make_unique<FixedToken>(std::move(token));
}

std::unique_ptr<TokenSource> token_file(std::string path) {
  return std::make_unique<TokenFile>(std::move(path));
}

bool fits_in_header(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

}  // namespace fedwave::sinks
