// Whether this relay may scrape now. With several replicas one of them leads, by a lease of
// Kubernetes (relay/cluster/election.h); a relay that is alone always may. Any thread.
#pragma once

#include <cstdint>
#include <functional>

namespace fedwave::relay {

class Leadership {
 public:
  virtual ~Leadership() = default;

  // Asked before each scrape: true while the lease is certainly ours, by a clock that counts while
  // the machine sleeps.
  [[nodiscard]] virtual bool is_leading() const = 0;

  // Told from a thread of its own on each change; not before this call. When it is told false, it
  // has to have stopped all scraping before it returns: only then the campaign goes on.
  virtual void on_change(std::function<void(bool is_leading)> listener) = 0;
};

// Of a relay that is alone.
class AlwaysLeading final : public Leadership {
 public:
  [[nodiscard]] bool is_leading() const override { return true; }
  void on_change(std::function<void(bool)>) override {}
};

}  // namespace fedwave::relay
