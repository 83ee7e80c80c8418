"""The completions as a shell works with them, and the manual page as man(1) shows it."""
import os
import re
import shutil
import subprocess
import unittest

from support import fedwave
from support.case import FedwaveCase

OK, USAGE, UNREADABLE = 0, 1, 2
COMMANDS = ("run dump check explain diff top spool parse receive demo completion man").split()
SPOOL_COMMANDS = "ls cat verify drain".split()
PATHS = ([()] + [(command,) for command in COMMANDS] +
         [("spool", command) for command in SPOOL_COMMANDS])

# Completes each line of its standard input, at its end, and prints the proposals between tabs. A
# word begins after a blank or at an equals sign, as bash has it (COMP_WORDBREAKS).
ASK = r"""
set -euo pipefail
source "$1"
[[ $(complete -p fedwave) == 'complete -F _fedwave fedwave' ]]
while IFS= read -r line; do
    COMP_WORDS=()
    for part in $line; do
        while [[ $part == *=* ]]; do
            [[ $part == =* ]] || COMP_WORDS+=("${part%%=*}")
            COMP_WORDS+=('=')
            part=${part#*=}
            [[ -n $part ]] || continue 2
        done
        COMP_WORDS+=("$part")
    done
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _fedwave
    (IFS=$'\t'; echo "${COMPREPLY[*]-}")
done
"""


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def listed_options(path):
    """The long options that the help of a command lists."""
    done = fedwave.run(*path, "--help")
    options = re.search(r"\nOptions:\n((?:  .*\n)+)", done.stdout)[1]
    return set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z][a-z-]*)", options))


class BashTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        done = fedwave.run("completion", "bash")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.script = self.write("fedwave.bash", done.stdout)
        self.ask_script = self.write("ask.bash", ASK)
        self.pages = os.path.join(self.folder, "pages")
        os.makedirs(os.path.join(self.pages, "sub"))
        for name in ("page.prom", "plain.yaml", "a page.prom"):
            self.write(os.path.join("pages", name), "")

    def complete(self, lines):
        """The proposals for each line."""
        done = subprocess.run(["bash", "--norc", self.ask_script, self.script],
                              input="".join(line + "\n" for line in lines), text=True,
                              capture_output=True, timeout=120, cwd=self.pages, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answers = [set(filter(None, answer.split("\t"))) for answer in done.stdout.splitlines()]
        self.assertEqual(len(answers), len(lines))
        return answers

    def assert_completed(self, expected):
        for (line, words), found in zip(expected.items(), self.complete(list(expected))):
            with self.subTest(line=line):
                self.assertEqual(found, set(words))

    def test_commands_and_their_commands(self):
        self.assert_completed({
            "fedwave ": COMMANDS,
            "fedwave d": ["dump", "diff", "demo"],
            "fedwave no-such": [],
            "fedwave spool ": SPOOL_COMMANDS,
            "fedwave spool v": ["verify"],
            "fedwave --": ["--version", "--help"],
            "fedwave spool --": ["--help"],
            # A value is no command, even when it is called like one.
            "fedwave dump --source spool ": listed_options(("dump",)),
        })

    def test_every_option_of_every_help_and_no_other(self):
        paths = [path for path in PATHS if path]
        answers = self.complete([" ".join(("fedwave",) + path) + " --" for path in paths])
        for path, found in zip(paths, answers):
            with self.subTest(command=path):
                self.assertEqual(found, listed_options(path))
                self.assertIn("--help", found)

    def test_choices_with_and_without_an_equals_sign(self):
        self.assert_completed({
            "fedwave dump --format ": ["wavefront", "json", "table"],
            "fedwave dump --format=": ["wavefront", "json", "table"],
            "fedwave dump --format=j": ["json"],
            "fedwave dump --format t": ["table"],
            "fedwave top --sort ": ["points", "series", "name"],
            "fedwave explain --format ": ["text", "json"],
            "fedwave receive --mode d": ["direct"],
            "fedwave top --log-level=d": ["debug"],
            "fedwave spool ls --log-level=": ["debug", "info", "warn", "error"],
            # There is no such option without a command: what follows is not one.
            "fedwave --log-level=": [],
            "fedwave --log-level=d": [],
            "fedwave run --log-level ": ["debug", "info", "warn", "error"],
            "fedwave completion ": ["bash", "zsh"],
            "fedwave completion bash ": listed_options(("completion",)),
        })

    def test_files_and_directories(self):
        files = ["page.prom", "plain.yaml", "a page.prom", "sub"]
        self.assert_completed({
            "fedwave check --config ": files,
            "fedwave check --config pl": ["plain.yaml"],
            "fedwave check --config=pl": ["plain.yaml"],
            "fedwave diff ": files,
            "fedwave diff plain.yaml p": ["page.prom", "plain.yaml"],
            "fedwave diff plain.yaml --format json p": ["page.prom", "plain.yaml"],
            "fedwave diff plain.yaml --format=json p": ["page.prom", "plain.yaml"],
            "fedwave diff plain.yaml plain.yaml p": [],
            "fedwave diff plain.yaml plain.yaml --input p": ["page.prom", "plain.yaml"],
            "fedwave parse --strict p": ["page.prom", "plain.yaml"],
            "fedwave parse - p": [],
            "fedwave spool ls ": ["sub"],
            "fedwave spool ls --json s": ["sub"],
            "fedwave spool drain sub --config pl": ["plain.yaml"],
        })

    def test_nothing_is_proposed_where_only_the_user_knows(self):
        self.assert_completed({
            "fedwave dump --source ": [],
            "fedwave dump --sink p": [],
            "fedwave dump --interval ": [],
            "fedwave explain p": [],
            "fedwave explain --config plain.yaml istio_requests_total p": [],
        })

    def test_the_options_are_proposed_where_nothing_else_can_follow(self):
        self.assert_completed({
            "fedwave run ": listed_options(("run",)),
            "fedwave explain --live ": listed_options(("explain",)),
            "fedwave run --config plain.yaml ": listed_options(("run",)),
        })


class ZshTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        done = fedwave.run("completion", "zsh")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.script = done.stdout

    def function(self, path):
        name = "_".join(("_fedwave",) + path)
        return re.search(rf"(?ms)^{name}\(\) \{{\n.*?^\}}$", self.script)[0]

    def test_zsh_can_read_it(self):
        zsh = shutil.which("zsh")
        if zsh is None:
            self.skipTest("there is no zsh here")
        path = self.write("_fedwave", self.script)
        done = subprocess.run([zsh, "-f", "-n", path], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_can_be_installed_and_sourced(self):
        self.assertRegex(self.script, r"\A#compdef fedwave\n")
        self.assertIn("compdef _fedwave fedwave", self.script)

    def test_every_command_has_a_function_with_the_options_of_its_help_and_no_other(self):
        for path in PATHS:
            with self.subTest(command=path):
                specs = re.findall(r"(?m)^    '(?:\([^)]*\)|\*)(--[a-z-]+)=?\[", self.function(path))
                self.assertEqual(len(specs), len(set(specs)))
                self.assertEqual(set(specs), listed_options(path))

    def test_groups_lead_to_their_commands(self):
        for path, commands in (((), COMMANDS), (("spool",), SPOOL_COMMANDS)):
            called = re.findall(r"(?m)^        (\w+)\) (\w+) && ret=0 ;;$", self.function(path))
            self.assertEqual(called, [(command, "_".join(("_fedwave",) + path + (command,)))
                                      for command in commands])
            described = re.findall(r"(?m)^        '(\w+):.+'$", self.function(path))
            self.assertEqual(described, commands)

    def test_quotes_are_in_pairs(self):
        for line in self.script.splitlines():
            if line.startswith(("    '", "        '")):
                with self.subTest(line=line):
                    self.assertRegex(line, r"^ +'(?:[^']|'\\'')*'(?: \\| && ret=0)?$")

    def test_values_are_completed_by_kind(self):
        for path, spec in ((("dump",), ":wavefront|json|table:(wavefront json table)'"),
                           (("check",), "]:FILE:_files'"),
                           (("diff",), "'1:OLD:_files'"),
                           (("diff",), "'2:NEW:_files'"),
                           (("explain",), "'*:SERIES: '"),
                           (("spool", "ls"), "'1:DIR:_files -/'"),
                           (("completion",), "'1:bash|zsh:(bash zsh)'")):
            with self.subTest(command=path, spec=spec):
                self.assertIn(spec, self.function(path))


class CompletionUsageTest(unittest.TestCase):
    def test_a_shell_has_to_be_named_and_known(self):
        for arguments, said in (((), "bash.*zsh|SHELL"), (("fish",), "fish.*bash.*zsh")):
            done = fedwave.run("completion", *arguments)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
            self.assertRegex(done.stderr, said)

    def test_output_that_cannot_be_written_is_an_error(self):
        for arguments in (("completion", "bash"), ("man",)):
            with self.subTest(arguments=arguments), open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([fedwave.FEDWAVE, *arguments], stdout=full,
                                      stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(done.returncode, UNREADABLE)
                self.assertEqual(done.stderr, "fedwave: cannot write to standard output: "
                                              "No space left on device\n")


class ManTest(FedwaveCase):
    def setUp(self):
        super().setUp()
        done = fedwave.run("man")
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.page = done.stdout
        self.path = self.write("fedwave.1", self.page)

    def shown(self, width=80):
        """The page as it is read, without bold and underlining."""
        done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-c", "-P-b", "-P-u", "-P-o",
                               f"-rLL={width}n", self.path],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_groff_has_nothing_to_say_about_it(self):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", self.path],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_every_option_of_every_help_is_in_it(self):
        text = self.shown()
        common = options_of(text[text.index("\nOPTIONS\n"):text.index("\nCOMMANDS\n")])
        for path in PATHS[1:]:
            with self.subTest(command=path):
                name = " ".join(("fedwave",) + path)
                section = re.search(rf"(?ms)^   {name}$.*?(?=^   \w|^\w)", text)[0]
                self.assertEqual(listed_options(path) - options_of(section) - common, set())
        self.assertEqual(listed_options(()) - common, set())

    def test_every_example_of_every_help_is_in_it(self):
        text = self.shown(width=200)
        for path in PATHS[1:]:
            if path == ("spool",):
                continue  # its examples are those of its commands
            for example in re.search(r"\nExamples:\n((?:  .*\n)+)",
                                     fedwave.run(*path, "--help").stdout)[1].splitlines():
                with self.subTest(command=path, example=example):
                    self.assertIn(example.strip(), text)

    def test_it_tells_the_same_every_time(self):
        self.assertEqual(fedwave.run("man").stdout, self.page)


if __name__ == "__main__":
    unittest.main()
