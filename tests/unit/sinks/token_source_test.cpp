#include "sinks/token_source.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sinks/secret_forms.h"

using namespace fedwave;
using base::ErrorCode;

namespace {

// A path of this test's own; the file is gone again afterwards.
class TemporaryFile {
 public:
  TemporaryFile()
      : path_(std::filesystem::temp_directory_path() /
              ("fedwave-token-source-" + std::to_string(::getpid()))) {}
  ~TemporaryFile() { remove(); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  void remove() const { std::filesystem::remove(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a fixed token is given as it is, whatever the receiver says to it") {
  const auto token = sinks::fixed_token("t0ken");
  CHECK(*token->token() == "t0ken");
  token->refused();
  CHECK(*token->token() == "t0ken");
  CHECK(token->secrets() == std::vector<std::string>{"t0ken"});
}

TEST_CASE("a token file is read again when it changes, and what was good outlives the file") {
  const TemporaryFile file;
  const auto token = sinks::token_file(file.path());
  const auto missing = token->token();
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::NotFound);
  CHECK(missing.error().message.find(file.path()) != std::string::npos);
  file.write(" one\n");
  CHECK(*token->token() == "one");
  file.write("second\r\n");
  CHECK(*token->token() == "second");
  CHECK(token->secrets() == std::vector<std::string>{"second"});
  file.remove();
  CHECK(*token->token() == "second");
  token->refused();
  CHECK(*token->token() == "second");
  file.write("");
  CHECK(*token->token() == "second");
  file.write("third");
  CHECK(*token->token() == "third");
}

TEST_CASE("after a refusal the file is opened again, even when it looks unchanged") {
  const TemporaryFile file;
  file.write("one");
  const auto written_at = std::filesystem::last_write_time(file.path());
  const auto token = sinks::token_file(file.path());
  CHECK(*token->token() == "one");
  file.write("two");
  std::filesystem::last_write_time(file.path(), written_at);
  CHECK(*token->token() == "one");
  token->refused();
  CHECK(*token->token() == "two");
}

TEST_CASE("a file that does not hold one line of text is an error and never a header") {
  struct Row {
    std::string content;
    const char* says;
  };
  const Row rows[] = {
      {"", "is empty"},
      {" \r\n\n", "is empty"},
      {"one\ntwo", "holds a line break or another control character"},
      {"one\r\nX-Evil: yes", "holds a line break or another control character"},
      {"one\ttwo", "holds a line break or another control character"},
      {std::string("one\0two", 7), "holds a line break or another control character"},
      {"one\x7Ftwo", "holds a line break or another control character"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.content);
    const TemporaryFile file;
    file.write(row.content);
    const auto token = sinks::token_file(file.path())->token();
    REQUIRE_FALSE(token);
    CHECK(token.error().code == ErrorCode::InvalidArgument);
    CHECK(token.error().message.starts_with("the file " + file.path().string() + " " + row.says));
    CHECK(token.error().message.find("two") == std::string::npos);
  }
}

TEST_CASE("a secret is known in every form in which it travels") {
  CHECK(sinks::form_encoded("aZ09-._~ /+%=&\n\xC3") == "aZ09-._~%20%2F%2B%25%3D%26%0A%C3");
  CHECK(sinks::secret_forms("", "user").empty());
  CHECK(sinks::secret_forms("p w") == std::vector<std::string>{"p w", "p%20w", "cCB3"});
  CHECK(sinks::secret_forms("p w", "user") ==
        std::vector<std::string>{"p w", "p%20w", "cCB3", "dXNlcjpwIHc="});
}
