// What a sink is told about one series, after the source's stage: Wavefront's name, the source and
// the tags. Value and timestamp are not part of it; they change with every sample, this does not.
#pragma once

#include <map>
#include <string>

namespace fedwave::sinks {

using PointTags = std::map<std::string, std::string, std::less<>>;

struct Point {
  std::string name;
  std::string source;
  PointTags tags;
};

}  // namespace fedwave::sinks
