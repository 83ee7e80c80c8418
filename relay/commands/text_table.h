// A table for people: columns as wide as their widest cell, numbers to the right. Keeps all rows
// until it is printed. One thread.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace fedwave::relay {

class TextTable {
 public:
  enum class Align : bool { Left, Right };
  struct Column {
    std::string title;
    Align align = Align::Left;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells);  // one for each column
  void print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fedwave::relay
