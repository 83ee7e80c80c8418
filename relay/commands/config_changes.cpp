#include "relay/commands/config_changes.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "config/url.h"
#include "relay/base/duration.h"
#include "relay/base/text.h"
#include "relay/explain/explanation_text.h"

namespace fedwave::relay {
namespace {

struct Match {
  std::optional<std::size_t> before;
  std::optional<std::size_t> after;
};

// Those of the configuration as it is first, in its order, then the new ones.
template <class Item>
std::vector<Match> match(const std::vector<Item>& before, const std::vector<Item>& after,
                         const std::function<std::string(const Item&)>& address) {
  std::vector<Match> matches(before.size());
  std::vector<bool> is_taken(after.size());
  const auto take = [&](std::size_t old_place, std::size_t new_place) {
    matches[old_place].after = new_place;
    is_taken[new_place] = true;
  };
  const auto take_where = [&](const auto& is_same) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      matches[i].before = i;
      for (std::size_t k = 0; k < after.size() && !matches[i].after; ++k) {
        if (!is_taken[k] && is_same(before[i], after[k])) take(i, k);
      }
    }
  };
  take_where([](const Item& a, const Item& b) { return a.name == b.name; });
  take_where([&](const Item& a, const Item& b) { return address(a) == address(b); });
  if (before.size() == 1 && after.size() == 1 && !matches[0].after) take(0, 0);
  for (std::size_t k = 0; k < after.size(); ++k) {
    if (!is_taken[k]) matches.push_back({{}, k});
  }
  return matches;
}

std::string url_of(const config::Source& source) {
  return source.url;
}

std::string addresses_of(const config::Sink& sink) {
  std::string text;
  for (const config::Endpoint& endpoint : sink.endpoints) {
    text += (text.empty() ? "" : ", ") + (endpoint.url.empty()
                                              ? config::host_port_text(endpoint.host, endpoint.port)
                                              : endpoint.url);
  }
  return text;
}

const char* kind_of(const config::Sink& sink) {
  switch (sink.kind) {
    case config::SinkKind::ProxyHttp:
      return "a proxy over HTTP";
    case config::SinkKind::ProxyTcp:
      return "a proxy over TCP";
    case config::SinkKind::Direct:
      return "direct ingestion";
    case config::SinkKind::Stdout:
      return "standard output";
  }
  return "";
}

const char* yes_or_no(bool value) {
  return value ? "true" : "false";
}

bool is_same(const config::Secret& a, const config::Secret& b) {
  return a.value == b.value;
}

bool has_same_credentials(const config::HttpOptions& a, const config::HttpOptions& b) {
  return is_same(a.bearer_token, b.bearer_token) && a.bearer_token_file == b.bearer_token_file &&
         a.basic_username == b.basic_username && is_same(a.basic_password, b.basic_password) &&
         a.basic_password_file == b.basic_password_file &&
         std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && is_same(x.second, y.second);
                    });
}

bool has_same_token(const config::Sink& a, const config::Sink& b) {
  const config::CloudServices& x = a.cloud_services;
  const config::CloudServices& y = b.cloud_services;
  return is_same(a.token, b.token) && a.token_file == b.token_file && x.url == y.url &&
         is_same(x.api_token, y.api_token) && x.api_token_file == y.api_token_file &&
         x.client_id == y.client_id && is_same(x.client_secret, y.client_secret) &&
         x.client_secret_file == y.client_secret_file && x.org_id == y.org_id;
}

struct UrlParts {
  std::string place;                // without the query
  std::set<std::string> selectors;  // the match[]
  std::string others;               // what else the query says
};

UrlParts parts_of(const std::string& url) {
  UrlParts parts;
  const std::size_t mark = url.find('?');
  parts.place = url.substr(0, mark);
  std::string query = mark == std::string::npos ? "" : url.substr(mark + 1);
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string text = base::percent_decoded(query.substr(0, end));
    query.erase(0, end + 1);
    constexpr std::string_view kMatch = "match[]=";
    if (text.starts_with(kMatch)) {
      parts.selectors.insert(text.substr(kMatch.size()));
    } else {
      parts.others += (parts.others.empty() ? "" : "&") + text;
    }
  }
  return parts;
}

// Collects the lines about one source or sink.
class Changes {
 public:
  Changes(std::vector<std::string>& lines, std::string what)
      : lines_(lines), what_(std::move(what)) {}

  void say(const std::string& text) { lines_.push_back(what_ + ": " + base::printable(text)); }
  void compare(const std::string& name, const std::string& before, const std::string& after) {
    if (before == after) return;
    say(name + " " + (before.empty() ? "(none)" : before) + " -> " +
        (after.empty() ? "(none)" : after));
  }
  void compare_ms(const std::string& name, std::int64_t before, std::int64_t after) {
    compare(name, base::format_duration_ms(before), base::format_duration_ms(after));
  }
  // Of what is not to be shown.
  void expect_same(bool is_the_same, const std::string& name) {
    if (!is_the_same) say(name);
  }

 private:
  std::vector<std::string>& lines_;
  const std::string what_;
};

void compare_urls(const std::string& before, const std::string& after, Changes& changes) {
  const UrlParts old_parts = parts_of(before);
  const UrlParts new_parts = parts_of(after);
  changes.compare("URL", old_parts.place, new_parts.place);
  for (const std::string& selector : old_parts.selectors) {
    if (!new_parts.selectors.contains(selector)) changes.say("match[] " + selector + " is gone");
  }
  for (const std::string& selector : new_parts.selectors) {
    if (!old_parts.selectors.contains(selector)) changes.say("match[] " + selector + " is new");
  }
  changes.compare("the URL's query", old_parts.others, new_parts.others);
}

void compare_sources(const config::Source& before, const config::Source& after,
                     std::vector<std::string>& lines) {
  Changes changes(lines, "source \"" + source_title(after.name) + "\"");
  // A name that was made of the URL changes with it.
  if (before.url == after.url) changes.compare("name", before.name, after.name);
  compare_urls(before.url, after.url, changes);
  changes.compare_ms("interval", before.interval_ms, after.interval_ms);
  changes.compare_ms("timeout", before.timeout_ms, after.timeout_ms);
  changes.compare("honorTimestamps", yes_or_no(before.honor_timestamps),
                  yes_or_no(after.honor_timestamps));
  const auto repeats = [](const config::Source& source) {
    return source.repeats == config::Repeats::Send ? "send" : "suppress";
  };
  changes.compare("repeats", repeats(before), repeats(after));
  const auto addresses = [](const config::Source& source) {
    return source.addresses == config::Addresses::Each ? "each" : "one";
  };
  changes.compare("addresses", addresses(before), addresses(after));
  changes.compare("splitMatches", yes_or_no(before.split_matches), yes_or_no(after.split_matches));
  const auto shard_by = [](const config::Source& source) {
    return source.shard_by == config::ShardBy::Series ? "series" : "job";
  };
  changes.compare("shardBy", shard_by(before), shard_by(after));
  changes.compare("proxy", before.http.proxy_url, after.http.proxy_url);
  changes.expect_same(
      is_same(before.url_secret, after.url_secret) && has_same_credentials(before.http, after.http),
      "other credentials or headers");
  changes.expect_same(before.http.tls == after.http.tls, "other TLS settings");
}

void compare_sinks(const config::Sink& before, const config::Sink& after,
                   std::vector<std::string>& lines) {
  Changes changes(lines, "sink \"" + after.name + "\"");
  const std::string old_addresses = addresses_of(before);
  const std::string new_addresses = addresses_of(after);
  // A name that was made of the address changes with it.
  if (old_addresses == new_addresses) changes.compare("name", before.name, after.name);
  changes.compare("kind", kind_of(before), kind_of(after));
  changes.compare("address", old_addresses, new_addresses);
  changes.compare("proxy", before.proxy_url, after.proxy_url);
  changes.expect_same(has_same_token(before, after), "another token");
  changes.expect_same(before.tls == after.tls, "other TLS settings");
  changes.compare("spool", before.spool.directory, after.spool.directory);
}

}  // namespace

std::vector<SourcePair> pair_sources(const config::Config& before, const config::Config& after) {
  std::vector<SourcePair> pairs;
  for (const Match& found : match<config::Source>(before.sources, after.sources, url_of)) {
    pairs.push_back(
        {found.before ? &before.sources[*found.before] : nullptr,
         found.after ? &after.sources[*found.after] : nullptr,
         found.after ? after.sources[*found.after].name : before.sources[*found.before].name});
  }
  return pairs;
}

std::vector<SinkPair> pair_sinks(const config::Config& before, const config::Config& after) {
  std::vector<SinkPair> pairs;
  for (const Match& found : match<config::Sink>(before.sinks, after.sinks, addresses_of)) {
    pairs.push_back(
        {found.before, found.after,
         found.after ? after.sinks[*found.after].name : before.sinks[*found.before].name});
  }
  return pairs;
}

std::vector<std::string> setting_changes(const config::Config& before,
                                         const config::Config& after) {
  std::vector<std::string> lines;
  for (const SourcePair& pair : pair_sources(before, after)) {
    if (pair.before != nullptr && pair.after != nullptr) {
      compare_sources(*pair.before, *pair.after, lines);
    } else {
      lines.push_back("source \"" + source_title(pair.name) + "\" is " +
                      (pair.after != nullptr ? "new" : "gone"));
    }
  }
  if (before.internal_stats.has_value() != after.internal_stats.has_value()) {
    lines.push_back(std::string("internal_stats_source is ") +
                    (after.internal_stats ? "new" : "gone"));
  }
  for (const SinkPair& pair : pair_sinks(before, after)) {
    if (pair.before && pair.after) {
      compare_sinks(before.sinks[*pair.before], after.sinks[*pair.after], lines);
    } else {
      lines.push_back("sink \"" + pair.name + "\" is " + (pair.after ? "new" : "gone"));
    }
  }
  return lines;
}

}  // namespace fedwave::relay
