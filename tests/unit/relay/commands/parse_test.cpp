#include "relay/commands/parse.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "relay/base/gzip.h"

using namespace fedwave::relay;

namespace {

// A page in a file that goes with the test.
class PageFile {
 public:
  explicit PageFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("fedwave_parse_test." + std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~PageFile() { std::filesystem::remove(path_); }
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

struct Run {
  explicit Run(const ParseOptions& options) {
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    exit_code = parse_command(options, out_stream, err_stream);
    out = out_stream.str();
    err = err_stream.str();
  }
  int exit_code = -1;
  std::string out;
  std::string err;
};

Run parse(const std::string& text, bool strict = false) {
  const PageFile file(text);
  return Run({.file = file.path(), .strict = strict});
}

}  // namespace

TEST_CASE("parse prints one JSON object a sample") {
  struct Row {
    std::string line;
    std::string expected;
  };
  const std::string nul(1, '\0');
  const std::vector<Row> rows = {
      {"a 1", R"({"name":"a","labels":{},"value":1,"timestamp_ms":null})"},
      {"a{z=\"1\",b=\"\",c=\"2\"} 0.1 1700000000123",
       R"({"name":"a","labels":{"z":"1","c":"2"},"value":0.1,"timestamp_ms":1700000000123})"},
      {"a 1.0867e+06", R"({"name":"a","labels":{},"value":1086700,"timestamp_ms":null})"},
      {"a 1e300 0", R"({"name":"a","labels":{},"value":1e+300,"timestamp_ms":0})"},
      {"a 5e-324", R"({"name":"a","labels":{},"value":5e-324,"timestamp_ms":null})"},
      {"a 9007199254740993",
       R"({"name":"a","labels":{},"value":9007199254740992,"timestamp_ms":null})"},
      {"a 0.30000000000000004",
       R"({"name":"a","labels":{},"value":0.30000000000000004,"timestamp_ms":null})"},
      {"a nan", R"({"name":"a","labels":{},"value":"NaN","timestamp_ms":null})"},
      {"a inf", R"({"name":"a","labels":{},"value":"+Inf","timestamp_ms":null})"},
      {"a -inf", R"({"name":"a","labels":{},"value":"-Inf","timestamp_ms":null})"},
      {"{\"a.\\\"b\",\"c d\"=\"\xC3\xA9\\\\\\n" + nul + "\"} 1",
       "{\"name\":\"a.\\\"b\",\"labels\":{\"c d\":\"\xC3\xA9\\\\\\n\\u0000\"},\"value\":1,"
       "\"timestamp_ms\":null}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Run run = parse(row.line + "\n", true);
    CHECK(run.out == row.expected + "\n");
    CHECK(run.err == "");
    CHECK(run.exit_code == 0);
  }
}

TEST_CASE("parse names malformed lines by number and reason, and goes on") {
  const std::string page = "a 1\nfoo 1f\nb\xC3\xA9\x1b 1\nc 2\n";
  const Run run = parse(page);
  CHECK(run.out ==
        "{\"name\":\"a\",\"labels\":{},\"value\":1,\"timestamp_ms\":null}\n"
        "{\"name\":\"c\",\"labels\":{},\"value\":2,\"timestamp_ms\":null}\n");
  CHECK(run.err ==
        "line 2: the value is not a number: \"foo 1f\"\n"
        "line 3: the metric name is not [a-zA-Z_:][a-zA-Z0-9_:]*: \"b\\xc3\\xa9\\x1b 1\"\n");
  CHECK(run.exit_code == 0);
  CHECK(parse(page, true).exit_code == 3);
  CHECK(parse("a 1\n", true).exit_code == 0);
}

TEST_CASE("parse shows the beginning of a long malformed line") {
  const Run run = parse("a " + std::string(300, 'x') + "\n");
  CHECK(run.err == "line 1: the value is not a number: \"a " + std::string(78, 'x') + "…\"\n");
}

TEST_CASE("parse takes what is larger than its buffers whole") {
  std::string page;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    page += "metric_of_some_length{label=\"" + number + "\"} " + number + "\n";
    expected += "{\"name\":\"metric_of_some_length\",\"labels\":{\"label\":\"" + number +
                "\"},\"value\":" + number + ",\"timestamp_ms\":null}\n";
  }
  const Run run = parse(page, true);
  CHECK((run.out == expected));
  CHECK(run.exit_code == 0);
}

TEST_CASE("parse of what cannot be read ends with 2 and says why") {
  const Run missing({.file = "/nonexistent/page"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.err == "fedwave: cannot open /nonexistent/page: No such file or directory\n");
  const Run folder({.file = "/"});
  CHECK(folder.exit_code == 2);
  CHECK(folder.err == "fedwave: cannot read /: Is a directory; name the file in it\n");
}

TEST_CASE("parse says when its output cannot be written") {
  const PageFile file("a 1\n");
  std::ofstream full("/dev/full");
  std::ostringstream err;
  CHECK(parse_command({.file = file.path()}, full, err) == 2);
  CHECK(err.str().starts_with("fedwave: cannot write to standard output"));
}

TEST_CASE("parse knows the text format only") {
  const PageFile file("a 1\n");
  CHECK(Run({.file = file.path(), .format = "text"}).exit_code == 0);
  CHECK(Run({.file = file.path(), .format = "auto"}).exit_code == 0);
  const Run run({.file = file.path(), .format = "openmetrics"});
  CHECK(run.exit_code == 1);
  CHECK(run.out == "");
  CHECK(run.err == "fedwave: unknown format \"openmetrics\"; there are text and auto\n");
}

TEST_CASE("a gzipped page is read as it is inside, and one that is cut is told") {
  const std::string packed = fedwave::base::GzipDeflater().deflate("a 1\nb 2\n");
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    const PageFile file(cut ? packed.substr(0, packed.size() - 4) : packed);
    std::ostringstream out;
    std::ostringstream err;
    CHECK(parse_command({.file = file.path()}, out, err) == (cut ? 2 : 0));
    CHECK(out.str().starts_with(R"({"name":"a","labels":{},"value":1,"timestamp_ms":null})"));
    CHECK(err.str() ==
          (cut ? "fedwave: " + file.path() + ": the gzip stream ends before its end\n" : ""));
  }
}
