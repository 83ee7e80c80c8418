"""The status page in a real browser: the three questions that people ask, answered on the demo.

Is it working? Why is my metric missing? What does it cost? And it stays readable whoever looks, on
whatever screen, and whatever names and errors come in from outside.
"""
import collections
import json
import os
import re
import tempfile
import unittest

from support import fedwave, istio_sample, web
from support.browser import Browser
from support.case import FedwaveCase
from support.points import parse
from support.processes import Server, accepts_connections, free_port, http_get, wait_until

LIFETIME = "280s"
DESKTOP, PHONE, NARROWEST, WIDEST = 1280, 390, 360, 1600
PAGE_FILES = os.path.join(fedwave.SOURCE_ROOT, "relay", "status", "page")
TABS = ("overview", "sources", "why", "cost", "config")
HOSTILE = "<img src=x onerror=window.taken=true>"
CONTRAST_MIN = 4.5
# What can be seen in the figures of the overview, by its place: the exact figure is in the title.
SOURCE_ROW = "#overview-answer table:nth-of-type(1) tbody tr:first-child"
SINK_ROW = "#overview-answer table:nth-of-type(2) tbody tr:first-child"

# Every text that is shown with less contrast to what is behind it than the given, as the WCAG
# computes it.
LOW_CONTRAST = """
const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const colour = (text) => {
  const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
  return [r, g, b, a];
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const ground = colour(getComputedStyle(e).backgroundColor);
    if (ground[3] === 1) return ground;
    if (ground[3] !== 0) throw new Error('a ground that can be seen through');
  }
};
const found = [];
const least = arguments[0];
const look = (e, pseudo, text) => {
  const [a, b] = [light(colour(getComputedStyle(e, pseudo).color)), light(behind(e))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < least) found.push(`${contrast.toFixed(2)} ${e.className} ${text.slice(0, 40)}`);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const e = texts.currentNode.parentElement;
  if (texts.currentNode.data.trim() && e.checkVisibility()) look(e, null, texts.currentNode.data);
}
for (const e of document.querySelectorAll('input')) {
  if (e.checkVisibility()) look(e, '::placeholder', e.placeholder);
}
return found;
"""


def line_of(text):
    """Where the demo's configuration has it, which is the sample's."""
    with open(istio_sample.PATH, encoding="utf-8") as file:
        [line] = [number for number, line in enumerate(file, 1)
                  if re.fullmatch(rf"\s*(- '{re.escape(text)}'|{re.escape(text)}:)\s*", line)]
    return line


class Demo(Server):
    """`fedwave demo` with its status page."""

    def __init__(self, folder, status_port=0):
        files = {what: os.path.join(folder, f"{what}.port") for what in ("mesh", "status")}
        for path in files.values():
            if os.path.exists(path):
                os.remove(path)
        super().__init__([fedwave.FEDWAVE, "demo", "--interval", "2s", "--for", LIFETIME,
                          "--listen", "127.0.0.1:0", "--port-file", files["mesh"],
                          "--status-listen", f"127.0.0.1:{status_port}",
                          "--status-port-file", files["status"]], os.path.join(folder, "demo.log"))

        def port(what):
            try:
                with open(files[what], encoding="ascii") as file:
                    number = int(file.read() or 0)
            except FileNotFoundError:
                return 0
            return number if number and accepts_connections(number) else 0
        try:
            self.status_port = self.wait_ready(lambda: port("status"))
            self.mesh_port = self.wait_ready(lambda: port("mesh"))
        except BaseException:
            self.stop()
            raise
        self.url = f"http://127.0.0.1:{self.status_port}"

    def api(self, path):
        status, body = http_get(f"{self.url}/api/v1/{path}")
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        return json.loads(body)


def new_browser(case):
    """A browser that is stopped after all tests of the class."""
    folder = tempfile.TemporaryDirectory(prefix="fedwave-browser-")
    case.addClassCleanup(folder.cleanup)
    browser = Browser(folder.name)
    case.addClassCleanup(browser.stop)
    return browser


class PageCase(FedwaveCase):
    """One browser for all tests of a class; every test begins with a page of its own."""

    @classmethod
    def setUpClass(cls):
        cls.browser = new_browser(cls)

    def setUp(self):
        super().setUp()
        self.browser.resize(DESKTOP, 800)
        self.browser.prefer(prefers_color_scheme="light")

    def show(self, url, ready="All is well"):
        self.browser.open("about:blank")
        self.browser.console()
        self.browser.open(url)
        if ready:
            self.browser.wait_for_text("#verdict", ready)

    def assert_quiet(self):
        """Neither errors nor warnings, among them what the content security policy forbids."""
        self.assertEqual([entry["message"] for entry in self.browser.console()], [])

    def assert_fits(self):
        widths = self.browser.script(
            "return [document.scrollingElement.scrollWidth, window.innerWidth]")
        self.assertLessEqual(widths[0], widths[1], "the page is wider than the window")

    def looks(self):
        """Every scheme and screen in turn, by a name for its picture."""
        for scheme in ("light", "dark"):
            self.browser.prefer(prefers_color_scheme=scheme)
            for screen, width, scale in (("desktop", DESKTOP, 1), ("phone", PHONE, 2)):
                self.browser.resize(width, 844, scale)
                yield f"{screen}-{scheme}"

    def leave_picture(self, name):
        """For people to look at."""
        folder = os.path.join(os.environ["FEDWAVE_BUILD"], "screenshots")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{name}.png")
        self.browser.screenshot(path)
        self.assertGreater(os.path.getsize(path), 20_000, path)

    def relay_with_page(self, source, status="", name="mesh", proxy=None):
        """`fedwave run` with one source and one sink of that name: the relay and its page."""
        proxy = proxy or self.receiver().address
        port = free_port()
        relay = self.relay(f"""\
clusterName: {json.dumps(name)}
status: {{listen: '127.0.0.1:{port}'{status}}}
sinks: [{{name: {json.dumps(name)}, proxyAddress: '{proxy}'}}]
sources:
  prometheus_sources:
  - {{name: {json.dumps(name)}, url: '{source}', collection: {{interval: 1s}}}}
""")
        self.wait_for(relay, lambda: accepts_connections(port), "the status server")
        return relay, f"127.0.0.1:{port}"

    def wait_for_answer(self, tab):
        self.browser.wait_for(f"return document.querySelector('#{tab}-answer').children.length > 0"
                              f" && !document.querySelector('#{tab}-answer').innerText"
                              ".startsWith('Asking')", f"the answer of {tab}")


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
        self.show(f"{self.demo.url}/#{name}{'?' + query if query else ''}")
        self.wait_for_answer(name)

    def figure(self, selector):
        """The exact figure behind one that is written short."""
        title = self.browser.script(
            "return document.querySelector(arguments[0])?.title ?? ''", selector)
        return int(re.sub(r"\D", "", title) or 0)

    def dropped_metric(self):
        """One of which nothing is sent."""
        metrics = self.demo.api("series?show=dropped&limit=1000")["metrics"]
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
        before = api()
        sent, least = list(figures)[1], figures[list(figures)[1]](before)
        self.browser.wait_for(lambda: self.figure(sent) >= least, "the next figures")
        shown = {selector: self.figure(selector) for selector in figures}
        after = api()
        for selector, of in figures.items():
            with self.subTest(figure=selector):
                self.assertGreater(shown[selector], 0)
                low, high = sorted((of(before), of(after)))
                self.assertTrue(low <= shown[selector] <= high, (low, shown[selector], high))
        self.assertIn(before["sources"]["name"], self.browser.text(SOURCE_ROW))
        self.assertRegex(self.browser.text(SOURCE_ROW), r"\bup\b.*\d s ago.*took \d")

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

    def test_cost_begins_with_the_most_expensive_metric_and_finds_and_sorts(self):
        dumped = self.dumped()
        self.tab("cost")
        first = self.browser.text("#cost-answer tbody tr:first-child")
        top = self.demo.api("series?limit=1")["metrics"][0]
        self.assertIn(top["name"], first)
        self.assertEqual(dumped[top["sent_as"]], max(dumped.values()))
        self.assertIn(f" {top['series']} ", first.replace("\u202f", ""))
        self.show(f"{self.demo.url}/#cost?q=go_goroutines&sort=name")
        self.browser.wait_for_text("#cost-answer tbody", "go_goroutines")
        self.assertEqual(len(self.browser.texts("#cost-answer tbody tr")), 1)
        self.show(f"{self.demo.url}/#cost?by=tags")
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
        self.assertLess(dropped["new_share"], 0.99, "the demo is scraped faster than it changes")
        self.assertRegex(self.browser.text("#cost-answer"), r"\d % of the samples are new")

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
                self.show(f"{self.demo.url}/{path}")
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
                    self.assertEqual(self.browser.script(LOW_CONTRAST, CONTRAST_MIN), [])

    def test_pictures_of_it_are_left_for_people_to_look_at(self):
        name = self.dropped_metric()
        for look in self.looks():
            for tab in TABS:
                self.tab(tab, **({"series": name} if tab == "why" else {}))
                self.leave_picture(f"{tab}-{look}")


class RestartTest(PageCase):
    def test_it_says_that_the_relay_is_away_and_recovers_without_being_loaded_again(self):
        demo = Demo(self.folder)
        self.addCleanup(demo.stop)
        self.show(f"{demo.url}/#overview")
        self.wait_for_answer("overview")
        self.browser.script("window.notLoadedAgain = true")
        started_ms = demo.api("status")["started_ms"]
        demo.stop()
        self.browser.wait_for_text("#verdict h1", "cannot be reached")
        self.assertRegex(self.browser.text("#verdict"), r"What stands below is old, from \d\d:\d\d")
        self.assertIn("istio", self.browser.text("#overview-answer"))
        self.assertEqual(self.browser.script(LOW_CONTRAST, CONTRAST_MIN), [])
        again = Demo(self.folder, demo.status_port)
        self.addCleanup(again.stop)
        self.browser.wait_for_text("#verdict h1", "All is well")
        self.assertGreater(again.api("status")["started_ms"], started_ms)
        self.browser.wait_for(
            lambda: re.search(r"\d s ago", self.browser.text(SOURCE_ROW)), "a new scrape")
        self.assertTrue(self.browser.script("return window.notLoadedAgain"))


class TroubleTest(PageCase):
    def test_a_source_and_a_sink_that_fail_are_told_in_words_with_what_to_do(self):
        server = self.web_server({"/metrics": web.in_turn(
            web.page("up 1\n"), web.status(500, "Internal Server Error"))})
        _, address = self.relay_with_page(server.url("/metrics"),
                                          proxy=f"127.0.0.1:{free_port()}")
        self.show(f"http://{address}/", ready="2 things need you")
        problems = self.browser.texts("#verdict li")
        self.assertRegex(problems[0], 'Source "mesh" cannot be scraped for .*500')
        self.assertRegex(problems[1], 'Sink "mesh" cannot deliver for .*1 point waits? in memory')
        self.assertRegex(self.browser.text("#verdict code"),
                         r"^fedwave dump --config \S+ --source mesh$")
        self.assertIn("trouble mesh", self.browser.text(SINK_ROW))
        for look in self.looks():
            self.assertEqual(self.browser.script(LOW_CONTRAST, CONTRAST_MIN), [])
            self.assert_fits()
            self.leave_picture(f"trouble-{look}")


class CredentialsTest(PageCase):
    """The page is behind them like everything else; here they stand in the address."""

    def setUp(self):
        super().setUp()
        self.server = self.web_server({"/metrics": web.page("up 1\n")})

    def relay_behind(self, status):
        return self.relay_with_page(self.server.url("/metrics"), f", {status}")[1]

    def assert_page_lives(self, address, credentials):
        self.assertEqual(http_get(f"http://{address}/")[0], 401)
        self.assertEqual(http_get(f"http://{address}/-/healthy")[0], 200)
        self.show(f"http://{credentials}@{address}/#why?series=up")
        self.browser.wait_for_text("#why-answer", "up.value")
        self.browser.wait_for("return performance.getEntriesByType('resource')"
                              ".filter(e => e.name.endsWith('/api/v1/status')).length > 2",
                              "more questions to the relay")
        self.assertIn("All is well", self.browser.text("#verdict"))
        self.assert_quiet()

    def test_with_basic_auth(self):
        self.assert_page_lives(
            self.relay_behind("basic_auth: {username: jo, password: s3cret}"), "jo:s3cret")

    def test_with_a_bearer_token_which_is_a_browsers_password(self):
        token = self.write("token", "t0ken")
        address = self.relay_behind(f"bearer_token_file: '{token}'")
        self.assert_page_lives(address, "anybody:t0ken")
        self.write("token", "an0ther")
        self.browser.wait_for_text("#verdict", "Sign in again")
        self.assertRegex(self.browser.text("#verdict"), r"What stands below is old, from \d\d:\d\d")
        self.assertEqual(self.browser.script(LOW_CONTRAST, CONTRAST_MIN), [])
        self.assertIn("up.value", self.browser.text("#why-answer"))
        self.browser.script("document.getElementById('sign-in').click()")
        self.browser.wait_for(lambda: "Sign in again" not in self.browser.text("body"),
                              "another page")
        self.show(f"http://anybody:an0ther@{address}/")


class HostileTest(PageCase):
    def assert_nothing_came_alive(self):
        self.assertEqual(self.browser.script("return [...document.images].map(i => i.src)")[1:], [])
        self.assertFalse(self.browser.script("return 'taken' in window"))

    def test_names_and_labels_that_are_markup_are_shown_as_text(self):
        server = self.web_server({"/metrics": web.page(f'up{{pod="{HOSTILE}"}} 1\n')})
        relay, address = self.relay_with_page(server.url("/metrics"), name=HOSTILE)
        self.wait_for(relay, lambda: server.finished("/metrics"), "a scrape")
        url = f"http://{address}/"
        for tab, place in (("overview", "#overview-answer"), ("sources", "#sources-answer"),
                           ("why?series=up", "#why-answer"), ("config", "#config-answer")):
            with self.subTest(tab=tab):
                self.show(f"{url}#{tab}", ready="")
                self.browser.wait_for_text(place, HOSTILE)
                self.assert_nothing_came_alive()
                self.assert_quiet()

    def test_a_source_that_fails_is_told_in_words_and_its_answer_is_text(self):
        server = self.web_server({"/metrics": web.status(500, HOSTILE)})
        _, address = self.relay_with_page(server.url("/metrics"), name=HOSTILE)
        self.show(f"http://{address}/", ready="needs you")
        self.browser.wait_for_text(SOURCE_ROW, "500")
        self.assertIn("down", self.browser.text(SOURCE_ROW))
        self.assert_nothing_came_alive()
        self.browser.resize(NARROWEST, 800)
        self.assert_fits()


if __name__ == "__main__":
    unittest.main()
