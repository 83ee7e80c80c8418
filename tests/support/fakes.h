// Stand-ins for the outside world: a clock that moves when told, an HTTP client that answers from a
// script, an output and a log that only collect.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "relay/base/log.h"
#include "sinks/block_output.h"

namespace fedwave::support {

class FakeClock final : public base::Clock {
 public:
  std::atomic<std::int64_t> now_ms = 1'767'225'600'000;
  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

// Answers each request with the next of its script, remembering what was asked. Once the script has
// ended nobody is there.
class FakeHttpClient final : public base::HttpClient {
 public:
  struct Answer {
    int status = 200;
    std::string body;
    std::string content_type;
    std::string content_encoding;
    std::string retry_after;
    std::string broken;  // not empty: the transfer ends with this error after the body
    base::ErrorCode broken_code = base::ErrorCode::Truncated;
  };
  struct Asked {
    std::string url;
    std::vector<std::string> headers;
    std::string body;
    std::string proxy_url;
    std::string proxy_username;
    std::string proxy_password;
    std::string connect_address;
    base::HttpMethod method = base::HttpMethod::Get;
  };
  struct Script {
    std::deque<Answer> answers;
    std::vector<Asked> asked;
  };

  explicit FakeHttpClient(Script& script) : script_(script) {}

  base::Expected<base::HttpHead> perform(const base::HttpRequest& request,
                                         base::HttpReceiver& receiver) override {
    script_.asked.push_back({request.url, request.headers, std::string(request.body),
                             request.proxy_url, request.proxy_username, request.proxy_password,
                             request.connect_address, request.method});
    if (script_.answers.empty()) {
      return base::Error{base::ErrorCode::Unreachable, "nobody is there"};
    }
    const Answer answer = script_.answers.front();
    script_.answers.pop_front();
    const base::HttpHead head{.status = answer.status,
                              .content_type = answer.content_type,
                              .content_encoding = answer.content_encoding,
                              .retry_after = answer.retry_after};
    // In small pieces, as a network does.
    bool goes_on = receiver.on_head(head);
    for (std::string_view rest = answer.body; goes_on && !rest.empty();) {
      goes_on = receiver.on_body(rest.substr(0, 7));
      rest.remove_prefix(std::min<std::size_t>(7, rest.size()));
    }
    if (!goes_on) return base::Error{base::ErrorCode::Cancelled, "the reader stopped"};
    if (!answer.broken.empty()) return base::Error{answer.broken_code, answer.broken};
    return head;
  }

 private:
  Script& script_;
};

class CollectingOutput final : public sinks::BlockOutput {
 public:
  std::vector<sinks::Block> blocks;

  [[nodiscard]] std::string lines() const {
    std::string all;
    for (const auto& block : blocks) all += *sinks::block_lines(block);
    return all;
  }
  void append(sinks::Block block) override { blocks.push_back(std::move(block)); }
};

// Takes what is logged while it lives, one at a time: "message key=value key=value".
class CollectedLog {
 public:
  CollectedLog() {
    instance_ = this;
    base::set_log_writer(write);
  }
  ~CollectedLog() { base::set_log_writer(nullptr); }
  CollectedLog(const CollectedLog&) = delete;
  CollectedLog& operator=(const CollectedLog&) = delete;

  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  static void write(base::LogLevel, std::string_view message,
                    std::span<const base::LogField> fields) {
    std::string line(message);
    for (const base::LogField& field : fields) {
      line.append(" ").append(field.key).append("=").append(field.value);
    }
    const std::lock_guard lock(instance_->mutex_);
    instance_->lines_.push_back(std::move(line));
  }

  static inline CollectedLog* instance_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace fedwave::support
