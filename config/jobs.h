// The requests that a source's pages come with: one with all match[] of its URL, or, with
// splitMatches, one for each of them. Those ask for different series whatever the match[] have in
// common: each leaves out what the ones before it ask for, so that relays that share the work need
// not know of one another. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace fedwave::config {

struct Job {
  std::string match;  // as the URL has it, decoded; empty where the source is not split
  std::string url;    // of the request, complete
};

// Of a source that has been loaded.
std::vector<Job> jobs_of(const Source& source);

// What stands in the way of a split, or is odd about it.
struct MatchProblem {
  std::size_t match;  // which match[] of the URL, from 0 on
  bool is_error;
  std::string what;
  std::string advice;
};

struct SplitUrl {
  std::vector<Job> jobs;  // without those of match[] that have an error, or nothing of their own
  std::size_t matches = 0;
  std::vector<MatchProblem> problems;
};
SplitUrl split_url(std::string_view url);

}  // namespace fedwave::config
