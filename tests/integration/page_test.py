"""The status page in a real browser: the three questions that people ask, answered on the demo.

Is it working? Why is my metric missing? What does it cost? And it stays readable whoever looks, on
whatever screen, and whatever names and errors come in from outside.
"""
import collections
import os
import re
import tempfile
import unittest
import urllib.parse

from support import fedwave, istio_sample
from support.page_case import (Demo, DESKTOP, line_of, NARROWEST, PAGE_FILES, PageCase, SINK_ROW,
                               SOURCE_ROW, TABS, VERDICT_COLOURS, WIDEST)
from support.points import parse
from support.processes import http_get, wait_until


class DemoPageTest(PageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="fedwave-demo-")
        cls.addClassCleanup(folder.cleanup)
        cls.demo = Demo(folder.name)
        cls.addClassCleanup(cls.demo.stop)
        wait_until(lambda: cls.demo.api("sources")["sources"][0]["scrapes"] >= 2,
                   "the second scrape")
        wait_until(lambda: cls.demo.api("series?limit=1")["total"], "what the source costs")

    def tab(self, name, **parameters):
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        self.show(f"{self.demo.url}/#{name}{'?' + query if query else ''}", ready="")
        self.wait_for_answer(name)

    def figure(self, selector):
        """The exact figure behind one that is written short."""
        title = self.browser.script(
            "return document.querySelector(arguments[0])?.title ?? ''", selector)
        return int(re.sub(r"\D", "", title) or 0)

    def dropped_metric(self):
        """One of which nothing is sent."""
        metrics = self.demo.api("series?show=dropped&limit=200")["metrics"]
        return next(metric["name"] for metric in metrics if not metric["kept"])

    def dumped(self):
        """What `fedwave dump` makes of the mesh's page with the demo's configuration."""
        page = http_get(f"http://127.0.0.1:{self.demo.mesh_port}"
                        "/federate?match[]=%7Bjob!=%22%22%7D")[1]
        done = fedwave.run("dump", "--config", istio_sample.PATH, "--input", "-",
                           text_in=page.decode())
        self.assertEqual((done.returncode, bool(done.stdout)), (0, True), done.stderr)
        return collections.Counter(parse(line).name for line in done.stdout.splitlines())

    def test_it_loads_without_a_word_on_the_console_whatever_the_tab(self):
        for tab in TABS:
            with self.subTest(tab=tab):
                self.tab(tab)
                self.assert_quiet()

    def test_every_file_of_it_is_served(self):
        for name in os.listdir(PAGE_FILES):
            with self.subTest(file=name), open(os.path.join(PAGE_FILES, name), "rb") as file:
                path = "" if name == "index.html" else f"assets/{name}"
                self.assertEqual(http_get(f"{self.demo.url}/{path}"), (200, file.read()))

    def test_one_look_tells_that_all_is_well_and_the_figures_are_the_relays(self):
        self.tab("overview")
        self.browser.wait_for(lambda: self.demo.verdict() in self.browser.text("#verdict h1"),
                              "the relay's verdict")
        figures = {
            f"{SOURCE_ROW} td:nth-child(3) span": lambda api: api["sources"]["series"],
            f"{SOURCE_ROW} .reason.kept b span":
                lambda api: sum(api["to"][key] for key in ("written", "converted")),
            f"{SOURCE_ROW} .reason:last-child b span": lambda api: min(
                value for by in ("filtered_by", "rejected_by")
                for value in api["to"][by].values() if value),
            f"{SINK_ROW} td:nth-child(5) span": lambda api: api["sinks"]["delivered"]}

        def api():
            source = self.demo.api("sources")["sources"][0]
            return {"sources": source, "to": source["sinks"][0],
                    "sinks": self.demo.api("sinks")["sinks"][0]}
        # Those of the page are from some moment between two looks at those of the relay.
        before = api()
        for selector, of in figures.items():
            def is_as_told(selector=selector, of=of):
                shown = self.figure(selector)
                low, high = sorted((of(before), of(api())))
                return 0 < shown and low <= shown <= high
            self.browser.wait_for(is_as_told, f"the relay's figure in {selector}")
        self.assertIn(before["sources"]["name"], self.browser.text(SOURCE_ROW))
        self.browser.wait_for_match(SOURCE_ROW, r"\bup\b.*\d s ago.*took \d")

    def test_the_plots_are_drawn_and_say_in_words_what_they_show(self):
        self.tab("overview")
        self.browser.wait_for(
            "const all = [...document.querySelectorAll('canvas')];"
            "const isDrawn = (c) => c.width > 100 && c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data.some(Boolean);"
            "return all.length === 4 && all.every(isDrawn)", "the plots")
        labels = self.browser.script(
            "return [...document.querySelectorAll('canvas')].map(c => c.ariaLabel)")
        for label, named in zip(labels, ("Samples read", "Points in and out", "Points waiting",
                                         "Scrape time")):
            self.assertRegex(label, rf"^{named}, the last hour; now .*\d")

    def test_why_names_the_list_and_the_place_that_dropped_a_metric(self):
        name = self.dropped_metric()
        self.assertEqual(self.dumped()[name.replace("_", ".") + ".value"], 0)
        line = line_of(istio_sample.metric_allow_list()[0])
        self.tab("why", series=name)
        self.assertIn("Dropped", self.browser.text("#why-answer h2"))
        decided = self.browser.text("#why-answer .rule-large")
        self.assertIn("metricAllowList", decided)
        self.assertRegex(decided, rf"\S+:{line}:\d+\b")
        self.assertIn(name, self.browser.text("#why-answer .series"))
        stages = self.browser.texts("#why-answer .path > li > h4")
        self.assertEqual([stage.split(" ")[0] for stage in stages],
                         ["Parsed", "Named", "Filters", "Not"])

    def test_why_shows_the_line_of_a_metric_that_is_sent_and_the_pattern_that_keeps_it(self):
        name, pattern = "istio.request.bytes.count.value", "istio.request.*"
        self.tab("why", series=name)
        [kept] = self.browser.texts("#why-answer article")
        self.assertRegex(kept, "^Sent ")
        self.assertRegex(kept, rf"\S+:{line_of(pattern)}:\d+ metricAllowList "
                               + re.escape(pattern))
        self.assertIn('set cluster="mesh-1"', kept)
        self.assertIn(f'Sent as {name} "{name}" ', kept)

    def test_why_tells_the_verdicts_of_one_metric_apart(self):
        self.tab("why", series="istio_requests_total")
        self.assertEqual(sorted(text.split(" ")[0] for text in self.browser.texts(
            "#why-answer article h2")), ["Dropped", "Sent"])
        dropped = next(text for text in self.browser.texts("#why-answer .rule-large")
                       if "metricTagDenyList" in text)
        self.assertRegex(dropped, rf":{line_of('destination_principal') + 1}:\d+ .*"
                                  r"destination_principal: \*")
        counts = [int(text.split(" ")[1]) for text in self.browser.texts("#why-answer article h2")]
        [metric] = self.demo.api("series?q=istio_requests_total")["metrics"]
        self.assertEqual(sorted(counts), sorted((metric["kept"], metric["dropped"])))

    def test_a_pasted_series_is_explained_and_a_broken_one_is_told_to_be(self):
        self.tab("why")
        for series, said in (('made_up_total{pod="a b"} 5', "made.up.total.value"),
                             ('broken{pod="', "Not understood")):
            with self.subTest(series=series):
                self.browser.script("document.getElementById('why-series').value = arguments[0];"
                                    "document.getElementById('why-form').requestSubmit()", series)
                self.browser.wait_for_text("#why-answer", said)
        self.assertIn("series=broken", self.browser.script("return location.hash"))

    def verdict_colours(self):
        return self.browser.script(VERDICT_COLOURS, "#why-answer article, #why-answer article *")

    def test_a_name_that_nobody_knows_gets_no_verdict_but_a_warning_and_what_would_be(self):
        self.tab("why", series="istio_requests_total")
        self.assertNotEqual(self.verdict_colours(), [])
        for name, title in (("istio_request_totals", "Would be sent"),
                            ("made_up_total", "Would be dropped")):
            for scheme in ("light", "dark"):
                self.browser.prefer(prefers_color_scheme=scheme)
                with self.subTest(name=name, scheme=scheme):
                    self.tab("why", series=name)
                    self.assertIn("istio_requests_total" if "istio" in name else "Hypothetical",
                                  self.browser.text("#why-answer .note.warning"))
                    self.assertEqual(self.browser.text("#why-answer h2 .state"), title)
                    self.assertEqual(self.verdict_colours(), [])
                    self.assertNotRegex(self.browser.text("#why-answer .path"), "Sent as|Not sent")
                    self.assert_readable()

    def test_a_pattern_is_told_to_be_one_and_what_it_matches(self):
        self.browser.resize(NARROWEST, 800)
        self.tab("why", series="istio_tcp.*")
        [note] = self.browser.texts("#why-answer > *")
        self.assertRegex(note, "^This is a pattern.*no name .*istio.tcp.* would match .*"
                               r"istio\.tcp\.sent\.bytes\.total\.value")
        self.assert_fits()
        self.assertEqual(self.browser.script(VERDICT_COLOURS, "#why-answer *"), [])

    def test_a_pasted_series_with_a_label_missing_tells_what_the_others_of_its_name_become(self):
        [metric] = self.demo.api("series?q=istio_requests_total")["metrics"]
        pasted = re.sub(r'destination_principal="[^"]*",?', "", metric["dropped_example"])
        self.assertNotEqual(pasted, metric["dropped_example"])
        self.tab("why", series=urllib.parse.quote(pasted))
        note = self.browser.text("#why-answer .note")
        self.assertRegex(note, "as written; labels that are left out may decide otherwise")
        self.assertIn(f"{metric['kept']} are sent, {metric['dropped']} dropped", note)
        [heading] = self.browser.texts("#why-answer article h2")
        self.assertEqual(heading.strip(), "Would be sent")

    def test_cost_begins_with_the_most_expensive_metric_and_finds_and_sorts(self):
        dumped = self.dumped()
        self.tab("cost")
        first = self.browser.text("#cost-answer tbody tr:first-child")
        top = self.demo.api("series?limit=1")["metrics"][0]
        self.assertIn(top["name"], first)
        self.assertEqual(dumped[top["sent_as"]], max(dumped.values()))
        self.assertIn(f" {top['series']} ", first.replace("\u202f", ""))
        self.show(f"{self.demo.url}/#cost?q=go_goroutines&sort=name", ready="")
        self.browser.wait_for_text("#cost-answer tbody", "go_goroutines")
        self.assertEqual(len(self.browser.texts("#cost-answer tbody tr")), 1)
        self.show(f"{self.demo.url}/#cost?by=tags", ready="")
        tag = self.demo.api("tags?limit=1")["tags"][0]
        self.browser.wait_for_text("#cost-answer tbody tr:first-child", tag["key"])

    def test_what_the_filters_dropped_leads_to_the_metrics_and_on_to_the_rule(self):
        self.tab("overview")
        self.browser.script("[...document.querySelectorAll('#overview-answer .reason a')]"
                            ".find(e => e.innerText.includes('metricAllowList')).click()")
        dropped = self.demo.api("series?show=dropped")
        self.browser.wait_for(lambda: len(self.browser.texts("#cost-answer tbody tr")) ==
                              dropped["total"], "the dropped metrics")
        self.assertEqual(self.browser.script("return document.getElementById('cost-show').value"),
                         "dropped")
        whole = next(metric for metric in dropped["metrics"] if not metric["kept"])
        self.assertIn(f"dropped {whole['name']} ", self.browser.text("#cost-answer tbody"))
        self.browser.script("[...document.querySelectorAll('#cost-answer td a')]"
                            ".find(e => e.innerText === 'Why?').click()")
        self.browser.wait_for_text("#why-answer .rule-large", "List")

    def test_cost_tells_at_once_what_is_dropped_and_what_repeats(self):
        self.tab("cost")
        dropped = self.demo.api("series?show=dropped&sort=series&limit=1")
        [first, *_] = self.browser.texts("#cost-answer .dropped li")
        self.assertTrue(first.startswith(dropped["metrics"][0]["name"]), first)
        self.assertRegex(first, r"metric(Tag)?(Allow|Deny)List.* Why\?$")
        wait_until(lambda: self.demo.api("series?limit=1")["new_share"] < 0.99,
                   "the demo is scraped faster than it changes")
        self.browser.wait_for_match("#cost-answer", r"\d % of the samples are new")

    def test_no_name_is_broken_on_a_wide_screen_but_between_its_parts(self):
        self.tab("cost", q="istio_request_duration")
        broken = self.browser.script(
            "return [...document.querySelectorAll('#cost-answer tbody td:first-child code')]"
            ".filter(e => e.getClientRects().length !== 1 && e.getClientRects().length"
            " !== e.childNodes.length).map(e => e.innerText)")
        self.assertEqual(broken, [])

    def test_the_configuration_is_shown_as_it_is(self):
        self.tab("config")
        served = http_get(f"{self.demo.url}/config", {"Accept": "text/yaml"})[1].decode()
        self.assertEqual(self.browser.script("return document.getElementById('yaml').textContent")
                         .rstrip("\n"), served.rstrip("\n"))

    def test_the_paths_that_people_know_from_prometheus_lead_to_their_tabs(self):
        for path, tab in (("config", "config"), ("targets", "sources")):
            with self.subTest(path=path):
                self.show(f"{self.demo.url}/{path}", ready="")
                self.wait_for_answer(tab)
                self.assert_quiet()

    def press_until(self, key, has_focus, most=80):
        for _ in range(most):
            self.browser.press(key)
            if has_focus(self.browser.focus()):
                return
        self.fail(f"{key} does not get there; the focus is on {self.browser.focus()!r}")

    def test_everything_can_be_reached_with_the_keyboard_alone(self):
        name = self.dropped_metric()
        self.tab("overview")
        self.press_until("Tab", lambda focus: focus == "tab-overview")
        self.browser.press("ArrowRight", "ArrowRight")
        self.assertEqual(self.browser.focus(), "tab-why")
        self.press_until("Tab", lambda focus: focus == "why-series")
        self.browser.press(name, "Enter")
        self.browser.wait_for_text("#why-answer", "Dropped")
        self.press_until("Tab", lambda focus: focus == "tab-why")
        self.browser.press("End", "ArrowLeft")
        self.assertEqual(self.browser.focus(), "tab-cost")
        self.press_until("Tab", lambda focus: focus == "cost-q")
        self.browser.press("istio_requests", "Enter")
        self.wait_for_answer("cost")
        self.browser.wait_for(lambda: all("istio_requests" in row for row in self.browser.texts(
            "#cost-answer tbody tr")), "only what was asked for")
        self.press_until("Tab", lambda focus: focus.startswith("#why?series=istio_requests_total"))
        outline = self.browser.script(
            "return getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual(outline, "solid", "where the focus is can be seen")
        self.browser.press("Enter")
        self.browser.wait_for_text("#why-answer", "istio.requests.total.value")

    def test_no_screen_from_a_phones_to_a_wide_one_scrolls_sideways(self):
        for tab in TABS:
            self.tab(tab)
            for width in (NARROWEST, DESKTOP, WIDEST):
                with self.subTest(tab=tab, width=width):
                    self.browser.resize(width, 800)
                    self.assert_fits()

    def test_every_text_can_be_told_from_its_ground_in_both_schemes(self):
        for scheme in ("light", "dark"):
            self.browser.prefer(prefers_color_scheme=scheme)
            for tab, parameters in (*((tab, {}) for tab in TABS),
                                    ("why", {"series": "istio_requests_total"})):
                with self.subTest(scheme=scheme, tab=tab):
                    self.tab(tab, **parameters)
                    self.assert_readable()

    def test_pictures_of_it_are_left_for_people_to_look_at(self):
        name = self.dropped_metric()
        for look in self.looks():
            for tab in TABS:
                self.tab(tab, **({"series": name} if tab == "why" else {}))
                self.leave_picture(f"{tab}-{look}")


if __name__ == "__main__":
    unittest.main()
