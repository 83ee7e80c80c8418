// A page from a file, plain or gzip, piece by piece. One object a file, one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "relay/base/expected.h"
#include "relay/base/gzip.h"

namespace fedwave::relay {

class PageBytes {
 public:
  // `take` gets the page's text; false from it ends the reading, which is no error.
  using Take = std::function<bool(std::string_view)>;
  explicit PageBytes(Take take) : take_(std::move(take)) {}

  // False when there is no use in feeding more.
  bool feed(std::string_view piece);
  // The end of the file, and what was wrong with it, if anything; `path` is its name for the
  // message.
  base::Expected<void> finish(const std::string& path);

 private:
  Take take_;
  bool is_first_ = true;
  bool stopped_ = false;
  std::optional<base::GzipInflater> inflater_;
  std::optional<base::Error> damage_;
};

}  // namespace fedwave::relay
