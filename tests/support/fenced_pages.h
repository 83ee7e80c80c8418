// Two pages to write in, between two that may not even be read: a text put at their begin or at
// their end shows a read outside it without a sanitizer.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

#include "relay/base/check.h"

namespace fedwave::support {

class FencedPages {
 public:
  FencedPages() {
    void* pages = mmap(nullptr, 4 * page_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FEDWAVE_CHECK(pages != MAP_FAILED);
    pages_ = static_cast<char*>(pages);
    FEDWAVE_CHECK(mprotect(begin(), 2 * page_bytes_, PROT_READ | PROT_WRITE) == 0);
  }
  ~FencedPages() { munmap(pages_, 4 * page_bytes_); }
  FencedPages(const FencedPages&) = delete;
  FencedPages& operator=(const FencedPages&) = delete;

  char* begin() const { return pages_ + page_bytes_; }
  char* end() const { return begin() + 2 * page_bytes_; }

 private:
  std::size_t page_bytes_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  char* pages_ = nullptr;
};

}  // namespace fedwave::support
