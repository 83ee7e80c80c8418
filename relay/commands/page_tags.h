// The tags that filters look at, and those that a page's series have: a list of tag values whose
// key is misspelt matches nothing, and says nothing. Pure functions; main's thread.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "relay/commands/asked_series.h"
#include "relay/commands/page_series.h"

namespace fedwave::relay {

// Whether labels can decide about a series of the source.
bool looks_at_tags(const config::Config& config, const config::Source& source);

// Whether it has at least the labels that were asked for; one without a value is one that is not
// there.
bool has_labels(const PageSeries& series, const AskedSeries& asked, const config::Source& source);

// A sentence for each key of metricTagAllowList and metricTagDenyList that no series of the pages
// has as a tag when the list is asked, while another tag is spelt much like it. `file` is what
// places are named by.
std::vector<std::string> misspelt_tags(const config::Config& config, const config::Source& source,
                                       const std::vector<SourcePage>& pages,
                                       const std::string& file);

}  // namespace fedwave::relay
