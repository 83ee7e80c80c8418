// Whatever the API server answers, it is a lease that can be written back, with what we want in it,
// or an error that can be printed.
#include <cstdint>
#include <string>

#include "relay/base/check.h"
#include "relay/cluster/lease.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedwave::relay;
  const auto lease = parse_lease({reinterpret_cast<const char*>(data), size});
  if (!lease) {
    FEDWAVE_CHECK(!lease.error().message.empty());
    FEDWAVE_CHECK(lease.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const auto again = parse_lease(with_spec(*lease, lease->spec));
  FEDWAVE_CHECK(again.has_value());
  FEDWAVE_CHECK(again->spec == lease->spec);
  FEDWAVE_CHECK(again->version == lease->version);
  LeaseSpec mine = lease->spec;
  mine.holder = "fedwave-0_1";
  mine.renew_time = micro_time(static_cast<std::int64_t>(size));
  const auto taken = parse_lease(with_spec(*again, mine));
  FEDWAVE_CHECK(taken.has_value());
  FEDWAVE_CHECK(taken->spec == mine);
  return 0;
}
