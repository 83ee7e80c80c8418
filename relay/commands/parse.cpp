#include "relay/commands/parse.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string_view>

#include "config/config.h"
#include "parsers/text_parser.h"
#include "relay/base/file.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/malformed_text.h"
#include "relay/commands/page_bytes.h"
#include "relay/commands/terminal.h"

namespace fedwave::relay {
namespace {

using parsers::Malformed;

constexpr std::size_t kBufferBytes = std::size_t{256} * 1024;

// Writes every sample as it comes; owns the buffer between it and `out`.
class JsonPrinter final : public parsers::SingleSampleHandler {
 public:
  JsonPrinter(std::ostream& out, std::ostream& err) : out_(out), err_(err), writer_(buffer_) {}

  Malformed on_sample(const parsers::SampleLineView& sample, std::uint64_t) override {
    const Malformed series_reason = parsers::parse_series(sample.series, series_);
    if (series_reason != Malformed::None) return series_reason;
    double value = 0;
    const Malformed value_reason = parsers::parse_value(sample.value, value);
    if (value_reason != Malformed::None) return value_reason;
    write(sample, value);
    if (buffer_.GetSize() >= kBufferBytes) flush();
    return Malformed::None;
  }

  void on_malformed(std::uint64_t line_number, Malformed reason, std::string_view line) override {
    ++malformed_;
    err_ << format_malformed(line_number, reason, line) + "\n";
  }

  void flush() {
    out_.write(buffer_.GetString(), static_cast<std::streamsize>(buffer_.GetSize()));
    buffer_.Clear();
  }

  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  void write_string(std::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }

  // The shortest digits that read back as the same number, which RapidJSON's own do not promise.
  void write_number(double value) {
    if (std::isnan(value)) return write_string("NaN");
    if (std::isinf(value)) return write_string(value > 0 ? "+Inf" : "-Inf");
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    writer_.RawValue(digits, static_cast<std::size_t>(end - digits), rapidjson::kNumberType);
  }

  void write(const parsers::SampleLineView& sample, double value) {
    writer_.Reset(buffer_);
    writer_.StartObject();
    write_string("name");
    write_string(series_.name);
    write_string("labels");
    writer_.StartObject();
    for (const parsers::LabelView& label : series_.labels) {
      if (label.value.empty()) continue;  // the same as no label
      write_string(label.name);
      write_string(label.value);
    }
    writer_.EndObject();
    write_string("value");
    write_number(value);
    write_string("timestamp_ms");
    if (sample.has_timestamp) {
      writer_.Int64(sample.timestamp_ms);
    } else {
      writer_.Null();
    }
    writer_.EndObject();
    buffer_.Put('\n');
  }

  std::ostream& out_;
  std::ostream& err_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
  parsers::SeriesBuffer series_;
  std::uint64_t malformed_ = 0;
};

}  // namespace

int parse_command(const ParseOptions& options, std::ostream& out, std::ostream& err) {
  if (options.format != "auto" && options.format != "text") {
    err << "fedwave: unknown format \"" << options.format << "\"; there are text and auto\n";
    return kExitUsage;
  }
  JsonPrinter printer(out, err);
  parsers::TextPage page(printer, static_cast<std::size_t>(config::SourceLimits{}.line_bytes));
  PageBytes bytes([&page](std::string_view text) {
    page.feed(text);
    return true;
  });
  auto read = base::read_pieces(options.file,
                                [&bytes](std::string_view piece) { return bytes.feed(piece); });
  if (read) read = bytes.finish(options.file);
  page.finish(read.has_value());
  printer.flush();
  if (!read) {
    err << "fedwave: " << read.error().message << '\n';
    return kExitUnreadable;
  }
  if (!flush_output(out, err)) return kExitUnreadable;
  return options.strict && printer.malformed() > 0 ? kExitMalformed : kExitOk;
}

int parse_command(const ParseOptions& options) {
  return parse_command(options, std::cout, std::cerr);
}

}  // namespace fedwave::relay
