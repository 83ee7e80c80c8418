// The configuration as the rest of the program sees it: complete, validated, immutable. It is made
// by config/load.h from the collector's YAML (with our own keys beside the collector's) and never
// changed afterwards; a new file makes a new Config. Plain values, safe to share between threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedwave::config {

// Where in the file something was written; line and column count from 1, 0 means "a default".
struct Position {
  int line = 0;
  int column = 0;
  // Where something is written is no part of what it says: two configurations that differ in it
  // only are the same.
  friend bool operator==(const Position&, const Position&) { return true; }
};

// A string that must never be shown. It prints as "<secret>" wherever a configuration is shown.
struct Secret {
  std::string value;
  [[nodiscard]] bool empty() const { return value.empty(); }
  bool operator==(const Secret&) const = default;
};

// One glob of a filter list, after the collector's split at commas; known to be valid.
struct Pattern {
  std::string text;
  Position where;
  bool operator==(const Pattern&) const = default;
};

using PatternList = std::vector<Pattern>;
using TagPatterns = std::map<std::string, PatternList>;  // tag key (exact) -> globs for its value
using Tags = std::map<std::string, std::string>;

// An absent list and an empty one are the same thing, as in the collector.
struct FilterRules {
  PatternList metric_allow;
  PatternList metric_deny;
  TagPatterns metric_tag_allow;
  TagPatterns metric_tag_deny;
  PatternList tag_include;
  PatternList tag_exclude;
  // tagInclude and tagExclude keep what one of these globs matches, and the limit of tags keeps the
  // keys that are one of these texts, whatever else happens.
  std::vector<std::string> tag_guarantee;

  [[nodiscard]] bool empty() const {
    return metric_allow.empty() && metric_deny.empty() && metric_tag_allow.empty() &&
           metric_tag_deny.empty() && tag_include.empty() && tag_exclude.empty() &&
           tag_guarantee.empty();
  }
  bool operator==(const FilterRules&) const = default;
};

// Every place at which a prefix/suffix overlap matters: `a.*.b` matching `a.b` as the collector's
// engine has it (top-level key globCompat: overlap).
enum class GlobCompat : std::uint8_t { Documented, Overlap };

struct Tls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;
  bool insecure_skip_verify = false;
  // The server's certificate has to carry one of these as URI ("spiffe://…"), instead of the host's
  // name; its chain is verified as ever. "spiffe://cluster.local/ns/*/sa/prometheus": '*' is any
  // text without a '/'.
  std::vector<std::string> server_identities;
  bool operator==(const Tls&) const = default;
};

struct HttpOptions {
  Secret bearer_token;            // beats the file
  std::string bearer_token_file;  // read again when it changes
  std::string basic_username;
  Secret basic_password;
  std::string basic_password_file;
  std::map<std::string, Secret> headers;
  std::string proxy_url;  // without the credentials, which stand below
  std::string proxy_username;
  Secret proxy_password;
  bool follow_redirects = true;
  Tls tls;
  bool operator==(const HttpOptions&) const = default;
};

struct SourceLimits {
  std::int64_t body_bytes = std::int64_t{4} << 30;  // after decompression
  std::int64_t line_bytes = std::int64_t{1} << 20;
  std::int64_t labels = 256;         // of one series
  std::int64_t samples = 2'000'000;  // of one scrape
  bool operator==(const SourceLimits&) const = default;
};

enum class Repeats : std::uint8_t { Suppress, Send };
enum class Addresses : std::uint8_t { Each, One };
// What is shared out where several relays share the work: whole requests, or each page's series.
enum class ShardBy : std::uint8_t { Job, Series };

struct Source {
  std::string name;  // unique among the sources; the URL where the file names none
  std::string url;   // with every match[] in its query, percent-encoded where needed
  // The parameters of that query that nobody may see, such as token=…; a request has them too.
  Secret url_secret;
  std::string prefix;
  std::string source;  // Wavefront's "source" of the points
  Tags tags;
  FilterRules filters;
  bool convert_histograms = false;
  bool omit_bucket_suffix = false;
  bool honor_timestamps = true;
  Repeats repeats = Repeats::Suppress;
  Addresses addresses = Addresses::Each;  // each address of a host name is scraped
  bool split_matches = false;             // each match[] is a request of its own
  ShardBy shard_by = ShardBy::Job;
  std::int64_t interval_ms = 60'000;
  std::int64_t timeout_ms = 60'000;  // never above the interval
  HttpOptions http;
  SourceLimits limits;
  Position where;
  bool operator==(const Source&) const = default;
};

enum class SinkKind : std::uint8_t { ProxyHttp, ProxyTcp, Direct, Stdout };

// Wavefront's limits for one point; a point beyond them is repaired or dropped, and counted.
struct PointLimits {
  std::int64_t name_bytes = 256;
  std::int64_t source_bytes = 128;
  std::int64_t tags = 20;
  std::int64_t tag_key_bytes = 64;
  std::int64_t tag_value_bytes = 255;
  bool operator==(const PointLimits&) const = default;
};

// Where a sink's proxy or server is.
struct Endpoint {
  std::string url{};   // over HTTP: where to POST, without the query
  std::string host{};  // over TCP
  std::uint16_t port = 2878;
  bool operator==(const Endpoint&) const = default;
};

// A token from VMware Cloud Services: with an API token, or with a client's id and secret.
struct CloudServices {
  std::string url = "https://console.cloud.vmware.com";  // without a '/' at its end
  Secret api_token;
  std::string api_token_file;
  std::string client_id;
  Secret client_secret;
  std::string client_secret_file;
  std::string org_id;     // only with a client
  std::string proxy_url;  // as in HttpOptions: the sink's, or what the environment has for `url`
  std::string proxy_username;
  Secret proxy_password;
  [[nodiscard]] bool is_set() const {
    return !api_token.empty() || !api_token_file.empty() || !client_id.empty();
  }
  bool operator==(const CloudServices&) const = default;
};

enum class SpoolSync : std::uint8_t { Block, Interval, Never };

struct Spool {
  std::string directory;  // each sink has a folder in it; empty: the queue is in memory only
  std::int64_t bytes = std::int64_t{1} << 30;          // of one sink, on disk
  std::int64_t memory_bytes = std::int64_t{64} << 20;  // of one sink
  std::int64_t max_age_ms = std::int64_t{7} * 86'400'000;
  SpoolSync sync = SpoolSync::Interval;
  std::int64_t sync_interval_ms = 1'000;
  std::int64_t drain_rate = 50'000;  // points of the backlog in a second; 0: no limit
  bool operator==(const Spool&) const = default;
};

struct Sink {
  // Unique; "proxy host:port", "proxy host:port and 2 more", "direct https://…" or "stdout" unless
  // the file names it.
  std::string name;
  SinkKind kind = SinkKind::ProxyHttp;
  std::vector<Endpoint> endpoints;  // one, or several proxies that share the work
  Secret token;
  std::string token_file;
  CloudServices cloud_services;  // instead of a token
  std::string prefix;
  Tags tags;
  FilterRules filters;
  std::vector<std::string> tag_priority;  // keys kept first when a point has too many tags
  PointLimits limits;
  std::int64_t batch_points = 10'000;
  Spool spool;
  bool gzip = true;
  std::int64_t request_timeout_ms = 20'000;
  std::int64_t connect_timeout_ms = 5'000;
  // As in HttpOptions: for every endpoint, from the file or else from the environment.
  std::string proxy_url;
  std::string proxy_username;
  Secret proxy_password;
  Tls tls;
  Position where;
  bool operator==(const Sink&) const = default;
};

// Where the status page, /metrics and the API are served, and who may look. The probes are open to
// everybody, with and without TLS.
struct Status {
  std::string listen;              // "127.0.0.1:9464", ":9464" for every address; empty: nowhere
  bool is_listen_written = false;  // else a default, and a port that is taken stops nobody
  Secret bearer_token;             // beats the file; at most one of token and basic auth
  std::string bearer_token_file;   // read again when it changes
  std::string basic_username;
  Secret basic_password;
  std::string basic_password_file;
  std::string cert_file;  // with key_file: TLS
  std::string key_file;
  Position where;
  bool operator==(const Status&) const = default;
};

struct Config {
  std::string file;
  std::string cluster_name = "k8s-cluster";
  std::int64_t shutdown_grace_ms = 20'000;
  GlobCompat glob_compat = GlobCompat::Documented;
  std::vector<Source> sources;
  std::vector<Sink> sinks;
  // internal_stats_source: the relay's own figures as a source without a URL; absent unless the
  // file has it.
  std::optional<Source> internal_stats;
  Status status;
  bool operator==(const Config&) const = default;
};

}  // namespace fedwave::config
