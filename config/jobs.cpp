#include "config/jobs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "config/problems.h"
#include "config/selector.h"
#include "config/url.h"

namespace fedwave::config {
namespace {

constexpr std::string_view kMatch = "match[]";

constexpr std::size_t kMatchesMax = 200;
// Of one request.
constexpr std::size_t kSelectorsMax = 64;
constexpr std::size_t kUrlBytesMax = std::size_t{16} << 10;

constexpr std::size_t kOverlapsShown = 3;

// A match[] that is understood.
struct Group {
  Parameter parameter;
  Selector selector;
};

// Any of them may match.
using Union = std::vector<Selector>;

void add(Union& selectors, Selector more) {
  const auto is_in = [](const Selector& part, const Selector& whole) {
    return is_covered(part, whole);
  };
  const bool is_known = std::any_of(selectors.begin(), selectors.end(),
                                    [&](const Selector& known) { return is_in(more, known); });
  if (is_known) return;
  std::erase_if(selectors, [&](const Selector& known) { return is_in(known, more); });
  selectors.push_back(std::move(more));
}

std::string match_parameters(const Union& selectors) {
  std::string query;
  for (const Selector& selector : selectors) {
    query += (query.empty() ? "" : "&") + ("match[]=" + percent_encoded(selector_text(selector)));
  }
  return query;
}

class Splitter {
 public:
  explicit Splitter(std::string_view url) : front_(url.substr(0, url.find('?'))) {
    front_ += '?';
    const std::string_view query = url.substr(std::min(front_.size(), url.size()));
    for (Parameter& parameter : query_parameters(query)) {
      if (parameter.name == kMatch) {
        matches_.push_back(std::move(parameter));
      } else {
        front_ += parameter.text + '&';
      }
    }
  }

  SplitUrl split() {
    split_.matches = matches_.size();
    if (matches_.size() > kMatchesMax) {
      report(kMatchesMax, true,
             "\"splitMatches\" with more than " + std::to_string(kMatchesMax) + " match[]",
             "write fewer, or several sources");
      return std::move(split_);
    }
    for (std::size_t i = 0; i < matches_.size(); ++i) {
      auto selector = parse_selector(matches_[i].value);
      if (selector) {
        take(i, {matches_[i], *std::move(selector)});
      } else {
        report(i, true, "match[] " + in_quotes(matches_[i].value) + ", " + selector.error().message,
               "splitMatches needs selectors as Prometheus reads them");
      }
    }
    return std::move(split_);
  }

 private:
  void report(std::size_t match, bool is_error, std::string what, std::string advice) {
    split_.problems.push_back({match, is_error, std::move(what), std::move(advice)});
  }

  void take(std::size_t match, Group group) {
    const auto query = query_of(group);
    if (!query) {
      report(match, true,
             "match[] " + in_quotes(group.parameter.value) + " has too much in common with " +
                 overlaps_of(group) + ": a request for the rest of it would be too long",
             "write them so that no series is of two of them");
    } else if (query->empty()) {
      report(match, false,
             "match[] " + in_quotes(group.parameter.value) +
                 " adds nothing to those before it and is left out",
             "remove it");
    } else {
      split_.jobs.push_back({group.parameter.value, front_ + *query});
    }
    groups_.push_back(std::move(group));
  }

  // What asks for the group without those before it; empty when nothing is left, none when that
  // would be too long.
  [[nodiscard]] std::optional<std::string> query_of(const Group& group) const {
    Union rest = {group.selector};
    for (const Group& earlier : groups_) {
      Union less;
      for (const Selector& part : rest) {
        for (Selector& piece : subtract(part, earlier.selector)) add(less, std::move(piece));
      }
      if (less.size() > kSelectorsMax) return std::nullopt;
      rest = std::move(less);
    }
    if (rest == Union{group.selector}) return group.parameter.text;
    std::string query = match_parameters(rest);
    if (front_.size() + query.size() > kUrlBytesMax) return std::nullopt;
    return query;
  }

  [[nodiscard]] std::string overlaps_of(const Group& group) const {
    std::string texts;
    std::size_t count = 0;
    for (const Group& earlier : groups_) {
      if (are_disjoint(group.selector, earlier.selector)) continue;
      if (++count > kOverlapsShown) continue;
      texts += (texts.empty() ? "" : ", ") + in_quotes(earlier.parameter.value);
    }
    if (count > kOverlapsShown) {
      texts += " and " + std::to_string(count - kOverlapsShown) + " more";
    }
    return texts;
  }

  std::string front_;  // the URL with all other parameters, ready for a match[]
  std::vector<Parameter> matches_;
  std::vector<Group> groups_;
  SplitUrl split_;
};

}  // namespace

std::vector<Job> jobs_of(const Source& source) {
  std::vector<Job> jobs;
  if (source.split_matches) jobs = split_url(source.url).jobs;
  if (jobs.empty()) jobs.push_back({"", source.url});
  return jobs;
}

SplitUrl split_url(std::string_view url) {
  return Splitter(url).split();
}

}  // namespace fedwave::config
