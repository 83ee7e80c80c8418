// Writes wire lines to standard output: as they are, as one JSON object each, or as a table. For
// the latter two the lines are read back by receive's own parser, so what is shown is what the
// receiver understands. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/commands/dump.h"

namespace fedwave::relay {

// A wire line as one JSON object; {"unreadable": line} when it cannot be read back.
std::string point_json(std::string_view line);

class PointPrinter {
 public:
  explicit PointPrinter(DumpFormat format) : format_(format) {}

  void print(std::string_view lines);
  // Writes what is left (a table needs all rows to be aligned); false when writing failed.
  bool end();

 private:
  struct Row {
    std::string name;
    std::string value;
    std::string time;
    std::string source;
    std::string tags;
  };

  void add_row(std::string_view line);
  void print_table();

  const DumpFormat format_;
  std::vector<Row> rows_;
  std::string out_;
};

}  // namespace fedwave::relay
