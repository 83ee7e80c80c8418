// Certificates, keys and authorities in PEM files that others exchange at any time: kubelet swaps a
// symlink, Istio's agent renames one file after the other, and all of them may come late. What the
// files hold is checked before it counts, so nobody ever gets half of a file, or a key with another
// certificate. Without OpenSSL's headers, for servers and clients alike. One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/base/hash.h"
#include "relay/base/log.h"

namespace fedwave::relay {

// A file's bytes, which are wiped from memory in the end: they may be a key.
class PemFile {
 public:
  PemFile(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}
  PemFile(PemFile&&) noexcept = default;
  PemFile& operator=(PemFile&& other) noexcept {
    path_.swap(other.path_);
    text_.swap(other.text_);
    return *this;
  }
  PemFile(const PemFile&) = delete;
  PemFile& operator=(const PemFile&) = delete;
  ~PemFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string path_;
  std::string text_;
};
using PemFiles = base::Expected<std::vector<PemFile>>;

// All of them, or what is wrong with the first that cannot be read: NotFound where it is not there.
PemFiles read_pem_files(const std::vector<std::string>& paths);

// Of the bytes, or of the error.
base::Hash128 fingerprint(const PemFiles& files);

// What tells without reading that the files are as they were: the same text as before. Empty when a
// file has changed within the last second, because it could do so again without its time showing
// it.
std::string settled_version(const std::vector<std::string>& paths);

// A certificate, those that signed it, and the key that belongs to it.
class CertificatePair {
 public:
  static constexpr const char* kTaken = "the new TLS certificate is in use";
  static constexpr const char* kRefused =
      "the changed TLS certificate and key cannot be used, the old pair stays in use";
  static constexpr const char* kUntimely =
      "the TLS certificate has changed, but the new one is not valid now";

  // The certificates' file, then the key's.
  static base::Expected<CertificatePair> parse(std::vector<PemFile> files);

  [[nodiscard]] const PemFile& certificates() const { return files_[0]; }
  [[nodiscard]] const PemFile& key() const { return files_[1]; }
  // When the first certificate ends, in wall time.
  [[nodiscard]] std::int64_t expires_ms() const { return expires_ms_; }
  // Why the first certificate is not valid at this time, and what to do; empty when it is.
  [[nodiscard]] std::string untimely(std::int64_t wall_ms) const;

 private:
  CertificatePair(std::vector<PemFile> files, std::int64_t starts_ms, std::int64_t expires_ms)
      : files_(std::move(files)), starts_ms_(starts_ms), expires_ms_(expires_ms) {}

  std::vector<PemFile> files_;
  std::int64_t starts_ms_;
  std::int64_t expires_ms_;
};

// Whose signatures are trusted.
class Authorities {
 public:
  static constexpr const char* kTaken = "the new CA certificates are in use";
  static constexpr const char* kRefused =
      "the changed CA certificates cannot be used, the old ones stay in use";
  static constexpr const char* kUntimely = kTaken;

  // One file with at least one certificate.
  static base::Expected<Authorities> parse(std::vector<PemFile> files);

  [[nodiscard]] const PemFile& certificates() const { return files_[0]; }
  // Which of them is of use is seen with each server's certificate.
  [[nodiscard]] static std::string untimely(std::int64_t) { return {}; }

 private:
  explicit Authorities(std::vector<PemFile> files) : files_(std::move(files)) {}

  std::vector<PemFile> files_;
};

// The last that the files held and that was of use. What is valid stays in use as long as what came
// after it is not.
template <class Content>
class LastGood {
 public:
  explicit LastGood(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  struct Look {
    bool is_new = false;  // content() is another one than before
    std::string refusal;  // what is wrong with what the files hold since they changed; told once
  };
  // Reads the files. An error as long as they have never been of use.
  base::Expected<Look> look(std::int64_t wall_ms = base::system_clock().wall_ms()) {
    std::string version = settled_version(paths_);
    if (!version.empty() && version == version_) return nothing_read(wall_ms);
    version_ = std::move(version);
    PemFiles files = read_pem_files(paths_);
    const base::Hash128 now = fingerprint(files);
    if (now == seen_) return nothing_read(wall_ms);
    seen_ = now;
    waiting_.reset();
    base::Expected<Content> read =
        files ? Content::parse(*std::move(files)) : base::Expected<Content>(files.error());
    if (read) return take(*std::move(read), wall_ms);
    error_ = std::move(read).error();
    return content_ ? base::Expected<Look>(Look{.is_new = false, .refusal = error_.message})
                    : error_;
  }

  // Only after a look() without an error.
  [[nodiscard]] const Content& content() const { return *content_; }

  // Tells what the look has brought, if anything.
  void log(const Look& look) const {
    if (!look.refusal.empty()) {
      base::log(base::LogLevel::Warn, look.is_new ? Content::kUntimely : Content::kRefused,
                {{"error", look.refusal}});
    } else if (look.is_new) {
      base::log(base::LogLevel::Info, Content::kTaken, {{"file", paths_.front()}});
    }
  }

 private:
  Look take(Content content, std::int64_t wall_ms) {
    std::string refusal = content.untimely(wall_ms);
    const bool has_to_wait = !refusal.empty() && content_ && content_->untimely(wall_ms).empty();
    (has_to_wait ? waiting_ : content_) = std::move(content);
    return Look{.is_new = !has_to_wait, .refusal = std::move(refusal)};
  }

  // What waits is taken when its own time has come, or when that of the old one is over.
  base::Expected<Look> nothing_read(std::int64_t wall_ms) {
    if (!content_) return error_;
    if (!waiting_) return Look{};
    if (!waiting_->untimely(wall_ms).empty() && content_->untimely(wall_ms).empty()) return Look{};
    return take(*std::exchange(waiting_, std::nullopt), wall_ms);
  }

  const std::vector<std::string> paths_;
  std::string version_;
  std::optional<Content> content_;
  std::optional<Content> waiting_;  // read after content_, and not valid yet or no more
  base::Hash128 seen_;              // the fingerprint of what was read last
  base::Error error_{};
};

}  // namespace fedwave::relay
