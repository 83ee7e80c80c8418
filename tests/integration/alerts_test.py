"""The alerting rules over fedwave's own metrics, as promtool reads and tries them."""
import os
import re
import subprocess
import unittest

from support import fedwave
from support.prometheus import PROMTOOL

RULES = os.path.join(fedwave.SOURCE_ROOT, "charts", "fedwave", "rules", "fedwave.rules.yaml")
CASES = os.path.join(fedwave.SOURCE_ROOT, "tests", "data", "alerts", "fedwave.rules_test.yaml")
TABLES = os.path.join(fedwave.SOURCE_ROOT, "docs", "own-metrics.md")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*arguments):
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


class AlertsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.alerts = re.findall(r"^  - alert: (\w+)$", read(RULES), re.MULTILINE)

    def test_promtool_accepts_the_rules(self):
        done = promtool("check", "rules", RULES)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"SUCCESS: {len(self.alerts)} rules found", done.stdout)

    def test_every_alert_fires_when_it_should_and_else_keeps_quiet(self):
        done = promtool("test", "rules", CASES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_there_is_a_case_of_each_kind_for_each_alert(self):
        cases = re.findall(r'^- name: "(\w+): (it fires|it keeps quiet)"$', read(CASES),
                           re.MULTILINE)
        self.assertEqual(cases, [(alert, kind) for alert in self.alerts
                                 for kind in ("it fires", "it keeps quiet")])

    def test_the_rules_know_only_metrics_that_there_are(self):
        known = set(re.findall(r"^\| `(\w+)` \|", read(TABLES), re.MULTILINE))
        self.assertTrue(known)
        used = set(re.findall(r"\b(?:fedwave|process)_\w+", read(RULES)))
        self.assertTrue(used)
        self.assertLessEqual(used, known)

    def test_every_alert_says_how_bad_it_is_and_what_to_do(self):
        for rule in re.split(r"(?m)^  - alert: ", read(RULES))[1:]:
            with self.subTest(alert=rule.splitlines()[0]):
                self.assertRegex(rule, r"severity: (critical|warning)\}")
                self.assertRegex(rule, r"summary: \S")
                self.assertRegex(rule, r"description: >-\n +\S")


if __name__ == "__main__":
    unittest.main()
