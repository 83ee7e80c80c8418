// A file descriptor with an owner: closed when it goes. Negative: none.
#pragma once

#include <unistd.h>

namespace fedwave::base {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }

 private:
  const int number_;
};

}  // namespace fedwave::base
