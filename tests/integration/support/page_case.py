"""The status page in a browser: a demo with its page, and what the tests of the page share."""
import json
import os
import re
import tempfile

from support import fedwave, istio_sample
from support.browser import Browser
from support.case import FedwaveCase
from support.processes import accepts_connections, free_port, http_get, Server, wait_until

LIFETIME = "20m"
# Scrapes have a lot of time: one that was missed is a problem for the next ten minutes.
COLLECTION = "collection: {interval: 15s, timeout: 10s}"
LOOK_S = 15  # for a look to settle
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

# What is green or red among the given as a verdict is: of the elements and of what stands before
# them.
VERDICT_COLOURS = """
const style = getComputedStyle(document.documentElement);
const verdicts = ['--ok', '--ok-ground', '--bad', '--bad-ground'].map((name) => {
  const hex = style.getPropertyValue(name).trim().slice(1);
  return `rgb(${hex.match(/../g).map((part) => parseInt(part, 16)).join(', ')})`;
});
const found = [];
for (const e of document.querySelectorAll(arguments[0])) {
  for (const pseudo of [null, '::before']) {
    const { color, backgroundColor, borderTopColor, borderLeftColor } = getComputedStyle(e, pseudo);
    if ([color, backgroundColor, borderTopColor, borderLeftColor].some(
      (colour) => verdicts.includes(colour))) found.push(`${e.tagName} ${e.className}`);
  }
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

    def __init__(self, folder, status_port=None):
        files = {what: os.path.join(folder, f"{what}.port") for what in ("mesh", "status")}
        for path in files.values():
            if os.path.exists(path):
                os.remove(path)
        super().__init__([fedwave.FEDWAVE, "demo", "--interval", "2s", "--for", LIFETIME,
                          "--listen", "127.0.0.1:0", "--port-file", files["mesh"],
                          "--status-listen", f"127.0.0.1:{status_port or free_port()}",
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


    def verdict(self):
        """What the page has to say: that all is well, unless a busy machine has spoiled scrapes."""
        health = self.api("status")["health"]
        for problem in health["problems"]:
            if not re.search("missed .* scrape|no complete answer within", problem["what"]):
                raise AssertionError(problem)
        return "need" if health["problems"] else "All is well"


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
        """Until the verdict has these words, or any where `ready` is empty."""
        self.browser.open("about:blank")
        self.browser.console()
        self.browser.open(url)
        self.browser.wait_for(lambda: self.browser.text("#verdict") and
                              ready in self.browser.text("#verdict"), f"{ready!r} as the verdict")

    def assert_quiet(self):
        """Neither errors nor warnings, among them what the content security policy forbids."""
        self.assertEqual([entry["message"] for entry in self.browser.console()], [])

    def assert_fits(self):
        """The page is no wider than the window, once that has its new size."""
        self.wait_for_nothing("const [page, window_] = [document.scrollingElement.scrollWidth, "
                              "window.innerWidth]; return page > window_ ? [page, window_] : []",
                              "the page is wider than the window")

    def assert_readable(self):
        """Every text can be told from its ground, once a change of colours is over."""
        self.wait_for_nothing(LOW_CONTRAST, "hard to read", CONTRAST_MIN)

    def wait_for_nothing(self, script, what, *arguments):
        """Until the script finds nothing to complain about."""
        found = []

        def check():
            found[:] = self.browser.script(script, *arguments)
            return not found
        wait_until(check, lambda: f"{what}: {found}", LOOK_S)

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

    def relay_with_page(self, source, status="", name="mesh", proxy=None, filters="", own="",
                        options=(), env=None):
        """`fedwave run` with one source and one sink of that name: the relay and its page."""
        proxy = proxy or self.receiver().address
        port = free_port()
        relay = self.relay(f"""\
clusterName: {json.dumps(name)}
status: {{listen: '127.0.0.1:{port}'{status}}}
sinks: [{{name: {json.dumps(name)}, proxyAddress: '{proxy}'}}]
sources:
  prometheus_sources:
  - {{name: {json.dumps(name)}, url: '{source}', {COLLECTION}{filters}}}
{own}""", *options, env=env)
        self.wait_for(relay, lambda: accepts_connections(port), "the status server")
        return relay, f"127.0.0.1:{port}"

    def wait_for_answer(self, tab):
        self.browser.wait_for(f"return document.querySelector('#{tab}-answer').children.length > 0"
                              f" && !document.querySelector('#{tab}-answer').innerText"
                              ".startsWith('Asking')", f"the answer of {tab}")
