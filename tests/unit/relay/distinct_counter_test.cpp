#include "relay/distinct_counter.h"

#include <doctest/doctest.h>

#include <random>

using fedwave::relay::DistinctCounter;

TEST_CASE("a few thousand different values are counted exactly, however often each comes") {
  DistinctCounter counter;
  CHECK(counter.count() == 0);
  std::mt19937_64 random(1);
  for (int i = 0; i < 4096; ++i) {
    const std::uint64_t hash = random();
    counter.add(hash);
    counter.add(hash);
  }
  CHECK(counter.count() == 4096);
}

TEST_CASE("beyond that the count is within some per cent") {
  for (const int values : {4097, 6000, 20'000, 100'000, 1'000'000}) {
    CAPTURE(values);
    DistinctCounter counter;
    std::mt19937_64 random(7);
    for (int i = 0; i < values; ++i) counter.add(random());
    random.seed(7);
    for (int i = 0; i < values / 2; ++i) counter.add(random());
    CHECK(static_cast<double>(counter.count()) == doctest::Approx(values).epsilon(0.04));
  }
}
