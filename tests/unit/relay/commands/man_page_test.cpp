#include "relay/commands/man_page.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "relay/command_line.h"
#include "tests/unit/relay/commands/small_command_help.h"

using namespace fedwave::relay;

namespace {

std::string small_page() {
  return man_page(small_command_help(), "1.2.3");
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// What stands between the request `begin` and the next heading of the same kind.
std::string section(const std::string& page, const std::string& begin, const std::string& heading) {
  const auto at = page.find("\n" + begin + "\n");
  REQUIRE(at != std::string::npos);
  const auto from = at + begin.size() + 2;
  return page.substr(from, page.find("\n" + heading, from) - from);
}

}  // namespace

TEST_CASE("The page has the sections that people look for, in their order") {
  std::vector<std::string> headings;
  std::istringstream lines(small_page());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(".SH ")) headings.push_back(line.substr(4));
  CHECK(headings == std::vector<std::string>{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS",
                                             "COMMANDS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT",
                                             "FILES", "SEE ALSO"});
  CHECK(small_page().starts_with(".TH TOOL 1 \"\" \"tool 1.2.3\" \"User Commands\"\n"));
  CHECK(section(small_page(), ".SH NAME", ".SH") == "tool \\- A tool");
}

TEST_CASE("The synopsis has a line for each command that runs") {
  CHECK(section(small_page(), ".SH SYNOPSIS", ".SH") ==
        ".nf\n"
        "\\fBtool show\\fR \\fB\\-\\-config\\fR \\fIFILE\\fR [\\fIOPTIONS\\fR] "
        "[\\fISERIES\\fR...]\n"
        "\\fBtool disk ls\\fR [\\fIOPTIONS\\fR] \\fIDIR\\fR \\fBbash|zsh\\fR\n"
        ".fi");
}

TEST_CASE("What every command has is told once, everything else where it belongs") {
  const std::string page = small_page();
  const std::string common = section(page, ".SH OPTIONS", ".SH");
  for (const std::string name : {"version", "help", "quiet"}) {
    CAPTURE(name);
    CHECK(count(common, "\\-\\-" + name + "\\fR") == 1);
    CHECK(count(page, "\n\\fB\\-\\-" + name + "\\fR") + count(page, ", \\fB\\-\\-" + name) == 1);
  }
  const std::string show = section(page, ".SS tool show", ".SS");
  CHECK(count(show, ".TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR\nThe configuration (required).\n") ==
        1);
  CHECK(count(show,
              ".TP\n\\fB\\-\\-format\\fR \\fBtext|json\\fR\n"
              "How: [plain] or \\(aqquoted\\(aq or C:\\ex (default: text).\n") == 1);
  CHECK(count(show, ".TP\n\\fISERIES\\fR...\nA series.\n") == 1);
  CHECK(count(show, "Exit codes: 0 ok; 1 wrong usage.") == 1);
}

TEST_CASE("What roff would take for its own is told as it is") {
  const std::string page = small_page();
  CHECK(count(page, "\n\\&.hidden things too.\n") == 1);
  CHECK(count(page, "\ntool show \\-\\-config a.yaml \\(aqx{a=\"b\\en\"}\\(aq   # a note\n") == 1);
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(!line.starts_with("'"));
    CHECK(!line.empty());
  }
}

TEST_CASE("No option, example or exit code of the program is missing in the page") {
  const CommandHelp root = command_line_help();
  const std::string page = man_page(root, "1.2.3");
  const std::string common = section(page, ".SH OPTIONS", ".SH");
  for (const CommandHelp* command : all_commands(root)) {
    if (command == &root) continue;
    CAPTURE(command->path);
    const std::string own = section(page, ".SS " + command->path, ".S");
    for (const ArgumentHelp& option : command->options) {
      std::string name;
      for (const char c : option.names.back()) name += c == '-' ? "\\-" : std::string(1, c);
      CAPTURE(name);
      CHECK(count(own, "\\fB" + name + "\\fR") + count(common, "\\fB" + name + "\\fR") >= 1);
    }
    for (const ArgumentHelp& positional : command->positionals)
      CHECK(count(own, positional.value_name) >= 1);
  }
  for (const ExitCodeHelp& code : root.exit_codes)
    CHECK(count(page, ".TP\n.B " + std::to_string(code.code) + "\n") == 1);
}
