"""The folders know of one another only what they should, and the files stay readable.

config, parsers and sinks are siblings over relay/base; relay stands above them. Each large library
has one file, or few, that include it.
"""
import os
import re
import unittest
from typing import NamedTuple

from support import fedwave

FOLDERS = ("config", "parsers", "sinks", "relay")
SIBLINGS = ("config", "parsers", "sinks")
BASE = "relay/base"
COMMAND_LINE = "relay/command_line"
LINES_MAX = 600
HEADER_WORDS_MIN = 5
# By the beginning of what stands between the angles.
LIBRARIES = {
    "yaml-cpp/": ("config/yaml.cpp",),
    "curl/": ("relay/curl_client.cpp",),
    "boost/": ("relay/http_server_asio.h", "relay/http_server_connection.cpp"),
    "openssl/": ("relay/certificates.cpp", "relay/client_tls.cpp",
                 "relay/http_server_connection.cpp", "relay/http_server_tls.cpp"),
    "spdlog/": ("relay/logging.cpp",),
    "CLI/": ("relay/command_line/arguments.h", "relay/command_line/commands.h"),
    "re2/": ("relay/filter.cpp",),
    "isa-l": ("relay/base/gzip.cpp",),
}
# <vector> and the like have neither dot nor slash.
STANDARD = re.compile(r"[a-z_0-9]+")
POSIX = re.compile(r"(sys|netinet|arpa)/\w+\.h|(unistd|fcntl|netdb|poll|pthread|signal|strings)\.h")
GENERATED = ("relay/version.h", "relay/istio_sample.h")  # from the .in files beside


class Include(NamedTuple):
    file: str
    line: int
    what: str
    is_ours: bool  # in quotes

    def __str__(self):
        return f"{self.file}:{self.line}: includes {self.what}"


def tree():
    """{path: text} of every source file."""
    return read_files(FOLDERS, (".h", ".cpp", ".h.in"))


def readable():
    """The same, with the status page's files and the tests in Python."""
    return {**tree(), **read_files(("relay", "tests"), (".js", ".css", ".html", ".py"))}


def read_files(folders, endings):
    files = {}
    for folder in folders:
        for parent, _, names in os.walk(os.path.join(fedwave.SOURCE_ROOT, folder)):
            for name in names:
                if name.endswith(endings):
                    path = os.path.join(parent, name)
                    with open(path, encoding="utf-8") as file:
                        files[os.path.relpath(path, fedwave.SOURCE_ROOT)] = file.read()
    return files


def includes(files):
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if match:
                yield Include(path, number, match[2], match[1] == '"')
            elif re.match(r"\s*#\s*include\b", line):
                raise AssertionError(f"{path}:{number}: what is this: {line}")


def is_below(path, folder):
    return path.startswith(folder + "/")


def wrong_directions(files):
    """Ours that a folder must not know."""
    for include in includes(files):
        allowed = FOLDERS
        if is_below(include.file, BASE):
            allowed = (BASE,)
        else:
            for sibling in SIBLINGS:
                if is_below(include.file, sibling):
                    allowed = (sibling, BASE)
        if include.is_ours and not any(is_below(include.what, folder) for folder in allowed):
            yield str(include)


def missing_files(files):
    """Ours by a path that is not one from the root."""
    for include in includes(files):
        if include.is_ours and include.what not in files and include.what not in GENERATED:
            yield str(include)


def foreign_in_base(files):
    """What relay/base needs beside the standard library, POSIX, ISA-L and, in hash.cpp, xxHash."""
    for include in includes(files):
        known = (STANDARD.fullmatch(include.what) or POSIX.fullmatch(include.what) or
                 include.what.startswith("isa-l") or
                 (include.file, include.what) == (f"{BASE}/hash.cpp", "xxhash.h"))
        if is_below(include.file, BASE) and not include.is_ours and not known:
            yield str(include)


def libraries_elsewhere(files):
    """Libraries that are included by others than their wrappers."""
    for include in includes(files):
        for prefix, wrappers in LIBRARIES.items():
            if include.what.startswith(prefix) and include.file not in wrappers:
                yield str(include)


def command_line_elsewhere(files):
    """Headers of the command line, and CLI11 with them, where only commands should be known."""
    for include in includes(files):
        is_known = is_below(include.file, COMMAND_LINE) or include.file == COMMAND_LINE + ".cpp"
        if include.is_ours and is_below(include.what, COMMAND_LINE) and not is_known:
            yield str(include)


def unused_wrappers(files):
    """Wrappers that do not include their library: then the list above is out of date."""
    used = {(include.file, prefix) for include in includes(files) for prefix in LIBRARIES
            if include.what.startswith(prefix)}
    for prefix, wrappers in LIBRARIES.items():
        for wrapper in wrappers:
            if (wrapper, prefix) not in used:
                yield f"{wrapper}: does not include {prefix}"


def long_files(files):
    for path, text in files.items():
        if text.count("\n") > LINES_MAX:
            yield f"{path}: {text.count(chr(10))} lines"


def headers_without_a_beginning(files):
    """Headers that do not begin with a paragraph on what they are for."""
    for path, text in files.items():
        paragraph = re.match(r"(?://[^\n]*\n)*", text)[0].replace("//", " ")
        if path.endswith((".h", ".h.in")) and len(paragraph.split()) < HEADER_WORDS_MIN:
            yield path


class LayeringTest(unittest.TestCase):
    maxDiff = None

    def assert_holds(self, rule, files=tree):
        self.assertEqual(list(rule(files())), [])

    def test_the_whole_tree_is_looked_at(self):
        files = tree()
        for path in ("config/load.h", "parsers/text_parser.cpp", "sinks/spool/spool.h",
                     "relay/base/gzip.cpp", "relay/commands/run.cpp", "relay/main.cpp"):
            self.assertIn(path, files)
        self.assertGreater(len(list(includes(files))), 300)

    def test_folders_include_only_what_is_below_them(self):
        self.assert_holds(wrong_directions)

    def test_our_files_are_included_by_their_path_from_the_root(self):
        self.assert_holds(missing_files)

    def test_the_base_needs_the_standard_library_posix_and_little_more(self):
        self.assert_holds(foreign_in_base)

    def test_every_library_has_its_wrapper(self):
        self.assert_holds(libraries_elsewhere)
        self.assert_holds(unused_wrappers)
        self.assert_holds(command_line_elsewhere)

    def test_no_file_is_too_long(self):
        for path in ("relay/status/page/page.js", "tests/integration/layering_test.py"):
            self.assertIn(path, readable())
        self.assert_holds(long_files, readable)

    def test_every_header_says_what_it_is_for(self):
        self.assert_holds(headers_without_a_beginning)


class RulesTest(unittest.TestCase):
    """Each rule sees what it forbids: one broken file more than the tree has."""

    BROKEN = (
        (wrong_directions, "config/x.cpp", '#include "sinks/point.h"'),
        (wrong_directions, "config/x.cpp", '#include "relay/filter.h"'),
        (wrong_directions, "parsers/x.h", '#include "config/config.h"'),
        (wrong_directions, "sinks/spool/x.h", '  #  include "parsers/sample.h"'),
        (wrong_directions, "relay/base/x.cpp", '#include "relay/transform.h"'),
        (wrong_directions, "relay/base/x.cpp", '#include "config/config.h"'),
        (wrong_directions, "relay/x.cpp", '#include "tests/support/fakes.h"'),
        (missing_files, "relay/x.cpp", '#include "filter.h"'),
        (missing_files, "relay/x.cpp", '#include "relay/no_such_file.h"'),
        (foreign_in_base, "relay/base/x.cpp", "#include <rapidjson/writer.h>"),
        (foreign_in_base, "relay/base/x.cpp", "#include <xxhash.h>"),
        (libraries_elsewhere, "config/load.cpp", "#include <yaml-cpp/yaml.h>"),
        (libraries_elsewhere, "relay/scraper.cpp", "#include <curl/curl.h>"),
        (libraries_elsewhere, "relay/pipeline.cpp", "#include <boost/asio.hpp>"),
        (libraries_elsewhere, "relay/main.cpp", "#include <spdlog/spdlog.h>"),
        (libraries_elsewhere, "relay/main.cpp", "#include <CLI/CLI.hpp>"),
        (libraries_elsewhere, "relay/transform.cpp", "#include <re2/re2.h>"),
        (libraries_elsewhere, "sinks/block_writer.cpp", "#include <isa-l.h>"),
        (command_line_elsewhere, "relay/commands/x.cpp",
         '#include "relay/command_line/arguments.h"'),
        (unused_wrappers, "relay/filter.cpp", ""),
        (long_files, "relay/x.cpp", "\n" * (LINES_MAX + 1)),
        (headers_without_a_beginning, "relay/x.h",
         "#pragma once\n// Too late to say what it is for.\n"),
        (headers_without_a_beginning, "relay/x.h", "// Short.\n#pragma once\n"),
    )

    def test_every_rule_finds_what_it_forbids(self):
        for rule, path, text in self.BROKEN:
            with self.subTest(rule=rule.__name__, file=path, text=text[:60]):
                files = tree()
                before = set(rule(files))
                files[path] = text
                found = list(set(rule(files)) - before)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(path), found)

    def test_what_cannot_be_read_as_an_include_is_not_passed_over(self):
        with self.assertRaises(AssertionError):
            list(includes({"relay/x.cpp": "#include MACRO\n"}))


if __name__ == "__main__":
    unittest.main()
