#include "tests/allocations/counted_allocations.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> calls{0};
std::atomic<std::int64_t> bytes_in_use{0};

void* note(void* memory) {
  if (memory == nullptr) return nullptr;
  ++calls;
  bytes_in_use += static_cast<std::int64_t>(malloc_usable_size(memory));
  return memory;
}

void* take(std::size_t bytes) {
  return note(std::malloc(bytes == 0 ? 1 : bytes));
}
void* take(std::size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return note(std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit));
}
void* take_or_throw(std::size_t bytes) {
  void* memory = take(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* take_or_throw(std::size_t bytes, std::align_val_t alignment) {
  void* memory = take(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void give_back(void* memory) {
  if (memory == nullptr) return;
  bytes_in_use -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

namespace fedwave::support {

std::uint64_t allocations() {
  return calls;
}
std::int64_t allocated_bytes() {
  return bytes_in_use;
}

}  // namespace fedwave::support

// Every form, because a sanitizer brings its own for those that are left out, and they do not go
// together with these.
// clang-format off
using Align = std::align_val_t;
using NoThrow = std::nothrow_t;
void* operator new(std::size_t n) { return take_or_throw(n); }
void* operator new[](std::size_t n) { return take_or_throw(n); }
void* operator new(std::size_t n, Align a) { return take_or_throw(n, a); }
void* operator new[](std::size_t n, Align a) { return take_or_throw(n, a); }
void* operator new(std::size_t n, const NoThrow&) noexcept { return take(n); }
void* operator new[](std::size_t n, const NoThrow&) noexcept { return take(n); }
void* operator new(std::size_t n, Align a, const NoThrow&) noexcept { return take(n, a); }
void* operator new[](std::size_t n, Align a, const NoThrow&) noexcept { return take(n, a); }
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }
void operator delete(void* p, Align) noexcept { give_back(p); }
void operator delete[](void* p, Align) noexcept { give_back(p); }
void operator delete(void* p, std::size_t, Align) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t, Align) noexcept { give_back(p); }
void operator delete(void* p, const NoThrow&) noexcept { give_back(p); }
void operator delete[](void* p, const NoThrow&) noexcept { give_back(p); }
void operator delete(void* p, Align, const NoThrow&) noexcept { give_back(p); }
void operator delete[](void* p, Align, const NoThrow&) noexcept { give_back(p); }
// clang-format on
