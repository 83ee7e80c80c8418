#include "relay/commands/point_printer.h"

#include <doctest/doctest.h>

#include <string>

using fedwave::relay::point_json;

TEST_CASE("a line becomes one JSON object, also one that cannot be read back") {
  struct Row {
    std::string line;
    std::string json;
  };
  const Row rows[] = {
      {R"("a.b" 0.50 7 source="s" "k"="v")",
       R"({"name":"a.b","value":0.50,"timestamp":7,"source":"s","tags":{"k":"v"}})"},
      {R"(!M 7 #2 0.5 "h" source="s")",
       R"({"name":"h","centroids":[{"mean":0.5,"count":2}],"timestamp":7,"source":"s","tags":{}})"},
      {R"("a" x 7 source="s")", R"({"unreadable":"\"a\" x 7 source=\"s\""})"},
      {"no\tline", R"({"unreadable":"no\tline"})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(point_json(row.line) == row.json);
  }
}
