// An open-addressing table for keys that are hashes already: one array of small slots, a power of
// two, at most three quarters full. A Slot is trivially copyable and has `key_low` (which says
// where it lives), `key_high` (which tells it from others there) and `is_empty()`; a slot of zeros
// is empty. 96 bits of a seeded hash: two keys that agree in them are out of the question in
// practice. Slots are only added; to take some out, build another table. Same owner and thread as
// what holds it; pointers are good until the next add().
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "relay/base/hash.h"

namespace fedwave::relay {

template <class Slot>
class SlotTable {
  static_assert(std::is_trivially_copyable_v<Slot>);

 public:
  explicit SlotTable(std::size_t expected = 0) {
    std::size_t slots = kSlotsMin;
    while (is_crowded(expected, slots)) slots *= 2;
    slots_.resize(slots);
  }

  void prefetch(const base::Hash128& key) const { __builtin_prefetch(&slots_[place(key.low)], 1); }

  // Null when the key is unknown.
  Slot* find(const base::Hash128& key) {
    for (std::size_t i = place(key.low);; i = place(i + 1)) {
      Slot& slot = slots_[i];
      if (slot.is_empty()) return nullptr;
      if (slot.key_low == key.low && slot.key_high == high_part(key)) return &slot;
    }
  }

  // A slot with the key, which is not in the table yet; the caller fills in the rest.
  Slot& add(const base::Hash128& key) {
    if (is_crowded(size_ + 1, slots_.size())) grow();
    ++size_;
    Slot& slot = empty_slot(key.low);
    slot.key_low = key.low;
    slot.key_high = high_part(key);
    return slot;
  }

  // A slot of another table; its key is not in this one yet.
  void adopt(const Slot& slot) {
    if (is_crowded(size_ + 1, slots_.size())) grow();
    ++size_;
    empty_slot(slot.key_low) = slot;
  }

  template <class Visit>
  void each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (!slot.is_empty()) visit(slot);
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr std::size_t kSlotsMin = 1024;

  static bool is_crowded(std::size_t used, std::size_t slots) { return used * 4 > slots * 3; }
  static std::uint32_t high_part(const base::Hash128& key) {
    return static_cast<std::uint32_t>(key.high);
  }
  [[nodiscard]] std::size_t place(std::uint64_t key_low) const {
    return key_low & (slots_.size() - 1);
  }

  Slot& empty_slot(std::uint64_t key_low) {
    std::size_t i = place(key_low);
    while (!slots_[i].is_empty()) i = place(i + 1);
    return slots_[i];
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (!slot.is_empty()) empty_slot(slot.key_low) = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace fedwave::relay
