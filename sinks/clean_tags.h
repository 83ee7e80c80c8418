// The collector's cleanTags: what it removes from a point's tags before sending. Its figures are
// kept to the letter (specification and regular expressions included), because dashboards depend on
// which tags remain; the limit of 20 tags is enforced afterwards, by wavefront_line.
// Pure function, any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sinks/point_tags.h"

namespace fedwave::sinks {

// Which rule removed a tag, for explain.
enum class TagRemoval { Empty, AlwaysExcluded, DuplicateValue, AlphaBeta, Provider, SpareLabel };
const char* tag_removal_name(TagRemoval removal);

struct RemovedTag {
  std::string key;
  TagRemoval rule;
};

// `removed` may be null.
void clean_tags(PointTags& tags, std::span<const std::string> guaranteed,
                std::vector<RemovedTag>* removed);

}  // namespace fedwave::sinks
