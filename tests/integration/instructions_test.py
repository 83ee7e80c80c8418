"""The instructions that a series costs have not grown: callgrind counts them, so noise cannot matter."""
import os
import sys
import unittest

from support import fedwave

sys.path.insert(0, os.path.join(fedwave.SOURCE_ROOT, "tests", "bench"))

import instructions  # noqa: E402
from report import Wrong  # noqa: E402

CALLGRIND_OUTPUT = """# callgrind format
version: 1
positions: line
events: Ir
summary: {summary}

fn=(1) fedwave_counted_scrape
12 3400
{totals}
"""


class GateTest(unittest.TestCase):
    def test_the_total_is_found_in_what_callgrind_writes(self):
        for summary, totals in ((1234567, "totals: 1234567"), (7, "")):
            with self.subTest(summary=summary):
                self.assertEqual(instructions.total_of(
                    CALLGRIND_OUTPUT.format(summary=summary, totals=totals)), summary)

    def test_a_count_of_nothing_is_an_error(self):
        for output in ("", "totals: \n", CALLGRIND_OUTPUT.format(summary=0, totals="totals: 0")):
            with self.subTest(output=output), self.assertRaises(Wrong):
                instructions.total_of(output)

    def test_only_growth_beyond_a_tenth_is_worse(self):
        for new, is_worse, is_to_record in ((500, False, False), (549, False, False), (551, True, True),
                                            (5000, True, True), (451, False, False), (449, False, True)):
            with self.subTest(new=new):
                verdict = instructions.judge("raw warm", 500, new)
                self.assertEqual(verdict.is_worse, is_worse)
                self.assertEqual("--record" in verdict.text, is_to_record, verdict.text)
                self.assertIn(f"{new}.0", verdict.text)
                self.assertIn("500.0", verdict.text)

    def test_what_is_recorded_is_what_is_counted(self):
        for recorded, counts, worse in (
                ({"a": 100, "b": 200}, {"a": 105, "b": 150}, 0),
                ({"a": 100, "b": 200}, {"a": 105, "b": 250}, 1),
                ({"a": 100, "b": 200}, {"a": 100}, 1),
                ({}, {"a": 100, "b": 200}, 2)):
            with self.subTest(recorded=recorded, counts=counts):
                found = instructions.verdicts(recorded, counts)
                self.assertEqual(sum(verdict.is_worse for verdict in found), worse, found)


class InstructionsTest(unittest.TestCase):
    def test_no_series_costs_a_tenth_more_than_recorded(self):
        if fedwave.has_sanitizers():
            self.skipTest("sanitizers add instructions of their own")
        found = instructions.verdicts(instructions.load(),
                                      instructions.measure(os.environ["FEDWAVE_BUILD"]))
        worse = [verdict.text for verdict in found if verdict.is_worse]
        for verdict in found:
            if not verdict.is_worse and instructions.RECORD in verdict.text:
                print(verdict.text)
        if worse:
            self.fail("\n".join(worse))


if __name__ == "__main__":
    unittest.main()
