// What the command line answers to what cannot be meant, and to `help`. Nothing is run here.
#include "relay/command_line.h"

#include <doctest/doctest.h>

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using namespace fedwave::relay;

namespace {

struct Answer {
  int exit_code;
  std::string out;
  std::string err;
};

class Redirected {
 public:
  Redirected(std::ostream& stream, const std::ostringstream& target)
      : stream_(stream), before_(stream.rdbuf(target.rdbuf())) {}
  ~Redirected() { stream_.rdbuf(before_); }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  std::ostream& stream_;
  std::streambuf* before_;
};

Answer ask(std::vector<std::string> words) {
  words.insert(words.begin(), "/usr/bin/fedwave");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const std::ostringstream out;
  const std::ostringstream err;
  const Redirected standard_output(std::cout, out);
  const Redirected standard_error(std::cerr, err);
  const int code = run_command_line(static_cast<int>(arguments.size()), arguments.data());
  return {code, out.str(), err.str()};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

}  // namespace

TEST_CASE("Wrong usage is told in our words: what, where, and what to write") {
  struct Row {
    std::vector<std::string> words;
    std::string problem;
    std::string help_of = "fedwave run";
  };
  const std::string no_name = "the name is empty; is a variable not set?";
  const std::vector<Row> rows = {
      // An option that there is not explains what else is missing.
      {{"run", "--confg", "x"}, "there is no option --confg; did you mean --config?"},
      {{"run", "--confg", "x", "--config", "y"},
       "there is no option --confg; did you mean --config?"},
      {{"run", "--confg=x", "--shards", "abc"},
       "there is no option --confg; did you mean --config?"},
      {{"run", "-config", "x"}, "there is no option -config; did you mean --config?"},
      {{"run", "--Port_File", "x"}, "there is no option --Port_File; did you mean --port-file?"},
      {{"run", "--config", "x", "--quite-another"}, "there is no option --quite-another"},
      {{"run", "--config", "x", "-c"}, "there is no option -c"},
      {{"run", "--config", "x", "--bo\ngus=secret"}, "there is no option --bo gus"},
      {{"--bogus"}, "there is no option --bogus before a command", "fedwave"},
      {{"--verson"}, "there is no option --verson; did you mean --version?", "fedwave"},
      {{"--config", "x", "run"},
       "--config stands before its command; write fedwave run --config FILE"},
      {{"spool", "--all", "cat", "d"},
       "--all stands before its command; write fedwave spool cat --all",
       "fedwave spool cat"},
      // Words that have no place.
      {{"rnu"}, "there is no command \"rnu\"; did you mean fedwave run?", "fedwave"},
      {{"bogus", "--help"}, "there is no command \"bogus\"", "fedwave"},
      {{"--bogus", "--version"}, "there is no option --bogus before a command", "fedwave"},
      {{"spool", "bogus", "--help"}, "there is no command \"bogus\"", "fedwave spool"},
      {{"spool", "varify"},
       "there is no command \"varify\"; did you mean fedwave spool verify?",
       "fedwave spool"},
      {{"check", "a.yaml"},
       "no option stands before \"a.yaml\"; write --config a.yaml",
       "fedwave check"},
      {{"check", "a.yaml", "b.yaml"},
       "there is no place for \"a.yaml\", \"b.yaml\"; write fedwave check --config FILE [OPTIONS]",
       "fedwave check"},
      {{"diff", "a", "b", "c"},
       "there is no place for \"c\"; write fedwave diff [OPTIONS] OLD NEW",
       "fedwave diff"},
      {{"run", "--config", "x", "-1"},
       "there is no place for \"-1\"; write fedwave run --config FILE [OPTIONS]"},
      // What is missing.
      {{"run"}, "run needs --config FILE"},
      {{"parse"}, "parse needs FILE", "fedwave parse"},
      {{"completion"}, "completion needs bash|zsh", "fedwave completion"},
      {{"run", "--config"}, "a value is missing: --config FILE"},
      {{"run", "--config", "x", "--lease-retry", "2s"},
       "--lease-retry needs another option; write --lease NAME as well"},
      // What is too much.
      {{"run", "--config", "x", "--config", "y"}, "--config is there 2 times; write it once"},
      {{"run", "--config", "x", "--shards", "3", "--shards=3", "--shards", "3"},
       "--shards is there 3 times; write it once"},
      {{"dump", "--url", "http://x/", "--config", "x"},
       "--config and --url exclude each other; write one of them",
       "fedwave dump"},
      {{"receive", "--strict=maybe"},
       "--strict takes no value such as \"maybe\"; write --strict alone",
       "fedwave receive"},
      // What a value cannot be.
      {{"run", "--config", ""}, "--config: " + no_name},
      {{"run", "--config", "x", "--lease", ""}, "--lease: " + no_name},
      {{"diff", "a", ""}, "NEW: " + no_name, "fedwave diff"},
      {{"dump", "--input", ""}, "--input: " + no_name, "fedwave dump"},
      {{"spool", "ls", ""}, "DIR: " + no_name, "fedwave spool ls"},
      {{"run", "--config", "x", "--shards", "abc"},
       "--shards: \"abc\" is not a whole number from 0 on; write for example 3"},
      {{"run", "--config", "x", "--shard", "-1"},
       "--shard: \"-1\" is not a whole number from 0 on; write for example 3"},
      {{"run", "--config", "x", "--shards", "99999999999999999999"},
       "--shards: \"99999999999999999999\" is not a whole number from 0 on; write for example 3"},
      {{"demo", "--seed", "2.5"},
       "--seed: \"2.5\" is not a whole number from 0 on; write for example 3",
       "fedwave demo"},
      {{"receive", "--answer", "99"},
       "--answer: 99 is no answer; write a status, 200 to 599",
       "fedwave receive"},
      {{"receive", "--answer", "600"},
       "--answer: 600 is no answer; write a status, 200 to 599",
       "fedwave receive"},
      {{"completion", "fish"}, "SHELL: \"fish\" is not one of bash|zsh", "fedwave completion"},
      {{"run", "--config", "x", "--log-level", "loud"},
       "--log-level: \"loud\" is not one of debug|info|warn|error"},
  };
  for (const Row& row : rows) {
    CAPTURE(joined(row.words));
    const Answer answer = ask(row.words);
    CHECK(answer.exit_code == 1);
    CHECK(answer.out.empty());
    CHECK(answer.err ==
          "fedwave: " + row.problem + "\n" + row.help_of + " --help shows what there is.\n");
  }
}

TEST_CASE("Without a command the help of all, or of the group, is shown as an error") {
  const std::vector<std::vector<std::string>> groups = {{}, {"spool"}};
  for (const std::vector<std::string>& group : groups) {
    std::vector<std::string> with_option = group;
    with_option.emplace_back("--help");
    const Answer answer = ask(group);
    CHECK(answer.exit_code == 1);
    CHECK(answer.out.empty());
    CHECK(answer.err == ask(with_option).out);
  }
}

TEST_CASE("help in a command's place does what --help does") {
  struct Row {
    std::vector<std::string> words;
    std::vector<std::string> same_as;
  };
  const std::vector<Row> rows = {{{"help"}, {"--help"}},
                                 {{"help", "run"}, {"run", "--help"}},
                                 {{"help", "spool"}, {"spool", "--help"}},
                                 {{"help", "spool", "ls"}, {"spool", "ls", "--help"}},
                                 {{"spool", "help"}, {"spool", "--help"}},
                                 {{"spool", "help", "ls"}, {"spool", "ls", "--help"}},
                                 {{"help", "help"}, {"--help"}}};
  for (const Row& row : rows) {
    CAPTURE(joined(row.words));
    const Answer answer = ask(row.words);
    CHECK(answer.exit_code == 0);
    CHECK(answer.err.empty());
    CHECK(!answer.out.empty());
    CHECK(answer.out == ask(row.same_as).out);
  }
  CHECK(ask({"help", "rnu"}).err.starts_with("fedwave: there is no command \"rnu\""));
  // A value is not a command's place.
  CHECK(ask({"explain", "help", "--bogus"}).err.starts_with("fedwave: there is no option --bogus"));
}

TEST_CASE("What runs until it is told to stop names the exit codes of a second signal") {
  const std::vector<std::vector<std::string>> commands = {
      {"run"}, {"receive"}, {"demo"}, {"spool", "drain"}};
  for (const std::vector<std::string>& words : commands) {
    CAPTURE(joined(words));
    std::vector<std::string> with_option = words;
    with_option.emplace_back("--help");
    const std::string help = ask(with_option).out;
    CHECK(help.find("130") != std::string::npos);
    CHECK(help.find("143") != std::string::npos);
  }
  CHECK(ask({"check", "--help"}).out.find("130") == std::string::npos);
}
