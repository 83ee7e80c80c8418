"""Pages that want to harm: each ends in an error of its own, the others do not notice."""
import re
import unittest

from support import fedwave, hostile, web
from support.points import parse
from support.processes import DEADLINE_S
from support.relay_case import LATE, OK, RelayCase, Ticks, config, source_of

UNREADABLE = 2
MEMORY_BYTES_MAX = 200 << 20
INTERVAL_S = 5
IMPATIENT_S = 2  # for those that are there to be waited for
DUMP_TIMEOUT_S = 10  # for what takes long to inflate
MEBIBYTE = 1 << 20
LIMITS = {"bodySize": MEBIBYTE, "lineLength": 4096, "labels": 50, "samples": 5000}
TIMED_OUT = f"within {IMPATIENT_S * 1000} ms"
# What is served, what limits differ from the others', and what the error says.
HOSTILE = {
    "gzip bomb": (hostile.gzip_bomb(4096), {}, r"limits\.bodySize"),
    "endless line": (hostile.endless_line, {}, r"limits\.(bodySize|lineLength)"),
    "endless body": (hostile.endless_body, {"samples": 10 ** 9}, r"limits\.bodySize"),
    "endless samples": (hostile.endless_body, {"bodySize": 1 << 40}, r"limits\.samples"),
    "endless headers": (hostile.endless_headers, {}, r"(?i)header"),
    "million labels": (hostile.million_labels(),
                       {"bodySize": 64 * MEBIBYTE, "lineLength": 64 * MEBIBYTE}, r"limits\.labels"),
    "long line": (hostile.million_labels(), {"bodySize": 64 * MEBIBYTE}, r"limits\.lineLength"),
    "many families": (hostile.many_families(), {}, r"limits\.samples"),
    "random bytes": (hostile.random_bytes(), {}, r"is a sample|limits\."),
    "slow drip": (hostile.slow_drip, {}, TIMED_OUT),
    "silence": (web.nothing, {}, TIMED_OUT),
    "hang-up": (web.raw(), {}, r"(?i)empty reply|closed"),
    "not HTTP": (web.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), {}, r"HTTP"),
    "negative length": (hostile.content_length("-5"), {}, r"(?i)length"),
    "overflowing length": (hostile.content_length("99999999999999999999"), {}, r"(?i)length|clos"),
    "redirects": (web.redirect("/redirects"), {}, r"(?i)redirect"),
}
GOOD = ("/good-1", "/good-2")


def path_of(name):
    return "/" + name.replace(" ", "-")


def limits_text(changed):
    return ", ".join(f"{name}: {value}" for name, value in {**LIMITS, **changed}.items())


class HostileSourcesTest(RelayCase):
    def setUp(self):
        super().setUp()
        self.ticks = {path: Ticks() for path in GOOD}
        self.server.answers.update(
            {path_of(name): answer for name, (answer, _, _) in HOSTILE.items()})
        self.server.answers.update(self.ticks)

    def test_each_ends_in_its_own_error_and_the_good_sources_go_on(self):
        receiver = self.receiver("--strict")
        relay = self.relay(config(
            [f"{{proxyAddress: '{receiver.address}'}}"],
            [*(self.source(name) for name in HOSTILE),
             *(source_of(self.server, path, f"{INTERVAL_S}s", f", prefix: '{path[1:]}.'")
               for path in GOOD)]),
            "--log-format", "json", "--log-level", "debug")
        arrived = self.good_points(receiver)
        self.wait_for(relay, lambda: not self.without_their_error(relay),
                      "the error of each", 2 * DEADLINE_S)
        arrived = self.wait_for_more(relay, receiver, arrived)
        before = {name: len(self.server.requests(path_of(name))) for name in HOSTILE}
        self.wait_for(relay, lambda: all(
            len(self.server.requests(path_of(name))) > count for name, count in before.items()),
            "another scrape of everything", 2 * DEADLINE_S)
        self.wait_for_more(relay, receiver, arrived)
        memory = relay.peak_memory_bytes()
        self.assertEqual(relay.stop(), OK, relay.output())
        self.assertEqual(receiver.stop(), OK, receiver.output())
        self.assert_errors(relay)
        if not fedwave.has_sanitizers():
            self.assertLess(memory, MEMORY_BYTES_MAX)

    def source(self, name):
        _, changed, said = HOSTILE[name]
        seconds = IMPATIENT_S if said is TIMED_OUT else INTERVAL_S
        return source_of(self.server, path_of(name), f"{seconds}s",
                         f", name: {name}, limits: {{{limits_text(changed)}}}")

    def errors(self, relay):
        errors = {}
        for event in self.events(relay, "scrape failed"):
            errors.setdefault(event["source"], []).append(event["error"])
        return errors

    def without_their_error(self, relay):
        errors = self.errors(relay)
        return [name for name, (_, _, said) in HOSTILE.items()
                if not any(re.search(said, error) for error in errors.get(name, []))]

    def good_points(self, receiver):
        names = [parse(line).name for line in receiver.lines()]
        return {path: names.count(f"{path[1:]}.ticks.value") for path in GOOD}

    def wait_for_more(self, relay, receiver, before, more=2):
        """The good sources' points go on arriving."""
        def enough():
            now = self.good_points(receiver)
            return now if all(now[path] >= before[path] + more for path in GOOD) else None
        return self.wait_for(relay, enough, "points of the good sources", 2 * DEADLINE_S)

    def assert_errors(self, relay):
        self.assertEqual(self.without_their_error(relay), [])
        for name, errors in self.errors(relay).items():
            with self.subTest(source=name):
                # Besides, a busy machine may keep any of them waiting; the good ones have no other.
                said = HOSTILE[name][2] if name in HOSTILE else LATE
                for error in errors:
                    self.assertRegex(error, f"{said}|{LATE}")


class HostileDumpTest(RelayCase):
    """With the default limits, which allow a lot, memory stays bounded all the same."""

    def dump(self, answer, timeout_s):
        """(exit code, peak memory in bytes, standard error)"""
        self.server.answers["/hostile"] = answer
        source = (f"{{url: '{self.server.url('/hostile')}', "
                  f"collection: {{timeout: {timeout_s}s}}}}")
        path = self.write("dump.yaml", config(["{type: stdout}"], [source]))
        return fedwave.run_measured("dump", "--config", path, timeout_s=timeout_s + DEADLINE_S)

    def assert_bounded(self, answer, said, timeout_s):
        code, memory, stderr = self.dump(answer, timeout_s)
        self.assertEqual(code, UNREADABLE, stderr)
        self.assertRegex(stderr, said)
        if not fedwave.has_sanitizers():
            self.assertLess(memory, MEMORY_BYTES_MAX)

    def test_an_endless_line(self):
        self.assert_bounded(hostile.endless_line, r"limits\.(lineLength|bodySize)", DEADLINE_S)

    def test_a_gzip_bomb(self):
        self.assert_bounded(hostile.gzip_bomb(5 * 1024),
                            rf"limits\.(lineLength|bodySize)|within {DUMP_TIMEOUT_S * 1000} ms",
                            DUMP_TIMEOUT_S)


if __name__ == "__main__":
    unittest.main()
