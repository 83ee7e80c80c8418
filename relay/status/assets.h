// The files of the page, which are in the program itself: index.html and what it loads. Whatever
// stands in their one table is served. They are compressed once, at the first use, and told apart
// by ETags that change with their bytes. Immutable, any thread.
#pragma once

#include <string>
#include <string_view>

namespace fedwave::relay {

struct Asset {
  std::string_view path;  // "/assets/page.css"; "/" is index.html
  std::string_view content_type;
  std::string_view bytes;
  std::string gzip;
  std::string etag;  // without quotes
};

// Null where there is none.
const Asset* find_asset(std::string_view path);

}  // namespace fedwave::relay
