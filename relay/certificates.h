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

  // The certificates' file, then the key's.
  static base::Expected<CertificatePair> parse(std::vector<PemFile> files);

  [[nodiscard]] const PemFile& certificates() const { return files_[0]; }
  [[nodiscard]] const PemFile& key() const { return files_[1]; }
  // When the first certificate ends, in wall time.
  [[nodiscard]] std::int64_t expires_ms() const { return expires_ms_; }

 private:
  CertificatePair(std::vector<PemFile> files, std::int64_t expires_ms)
      : files_(std::move(files)), expires_ms_(expires_ms) {}

  std::vector<PemFile> files_;
  std::int64_t expires_ms_;
};

// Whose signatures are trusted.
class Authorities {
 public:
  static constexpr const char* kTaken = "the new CA certificates are in use";
  static constexpr const char* kRefused =
      "the changed CA certificates cannot be used, the old ones stay in use";

  // One file with at least one certificate.
  static base::Expected<Authorities> parse(std::vector<PemFile> files);

  [[nodiscard]] const PemFile& certificates() const { return files_[0]; }

 private:
  explicit Authorities(std::vector<PemFile> files) : files_(std::move(files)) {}

  std::vector<PemFile> files_;
};

// The last that the files held and that was of use.
template <class Content>
class LastGood {
 public:
  explicit LastGood(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  struct Look {
    bool is_new = false;  // content() is another one than before
    std::string refusal;  // why it is not, although the files have changed; told once
  };
  // Reads the files. An error as long as they have never been of use.
  base::Expected<Look> look() {
    std::string version = settled_version(paths_);
    if (!version.empty() && version == version_) return nothing_new();
    version_ = std::move(version);
    PemFiles files = read_pem_files(paths_);
    const base::Hash128 now = fingerprint(files);
    if (now == seen_) return nothing_new();
    seen_ = now;
    base::Expected<Content> read =
        files ? Content::parse(*std::move(files)) : base::Expected<Content>(files.error());
    if (read) {
      content_ = *std::move(read);
      return Look{.is_new = true, .refusal = {}};
    }
    error_ = std::move(read).error();
    return content_ ? base::Expected<Look>(Look{.is_new = false, .refusal = error_.message})
                    : error_;
  }

  // Only after a look() without an error.
  [[nodiscard]] const Content& content() const { return *content_; }

  // Tells what the look has brought, if anything.
  void log(const Look& look) const {
    if (look.is_new) {
      base::log(base::LogLevel::Info, Content::kTaken, {{"file", paths_.front()}});
    } else if (!look.refusal.empty()) {
      base::log(base::LogLevel::Warn, Content::kRefused, {{"error", look.refusal}});
    }
  }

 private:
  [[nodiscard]] base::Expected<Look> nothing_new() const {
    return content_ ? base::Expected<Look>(Look{}) : error_;
  }

  const std::vector<std::string> paths_;
  std::string version_;
  std::optional<Content> content_;
  base::Hash128 seen_;  // the fingerprint of what was read last
  base::Error error_{};
};

}  // namespace fedwave::relay
