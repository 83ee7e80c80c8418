"""A headless Chromium, driven through Debian's chromedriver by WebDriver's plain HTTP."""
import base64
import json
import os
import re
import urllib.error
import urllib.request

from support.processes import DEADLINE_S, Server, free_port, http_get, wait_until

_DRIVER = "/usr/bin/chromedriver"
_CHROMIUM = "/usr/bin/chromium"
_ANSWER_S = 4 * DEADLINE_S
# As WebDriver names them.
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "ArrowLeft": "\ue012", "ArrowRight": "\ue014",
        "Home": "\ue011", "End": "\ue010", "Shift": "\ue008", "Space": " "}


class Browser:
    """One window. `folder` takes the profile and the driver's log."""

    def __init__(self, folder):
        self._url = f"http://127.0.0.1:{free_port()}"
        self._driver = Server([_DRIVER, f"--port={self._url.rsplit(':', 1)[1]}"],
                              os.path.join(folder, "chromedriver.log"),
                              env={**os.environ, "HOME": folder, "TMPDIR": folder})
        self._session = None
        try:
            self._driver.wait_ready(lambda: http_get(f"{self._url}/status")[0] == 200)
            self._session = self._new_session(os.path.join(folder, "profile"))
        except BaseException:
            self.stop()
            raise

    def _new_session(self, profile):
        return self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "timeouts": {"script": 1000 * _ANSWER_S},
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": _CHROMIUM, "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--hide-scrollbars", f"--user-data-dir={profile}"]}}}})["sessionId"]

    def stop(self):
        try:
            if self._session:
                self._call("DELETE", f"/session/{self._session}")
        finally:
            self._driver.stop()

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def reload(self):
        self._ask("POST", "/refresh", {})

    def script(self, body, *arguments):
        """What the body of a function returns; a promise is waited for."""
        return self._ask("POST", "/execute/sync", {"script": body, "args": list(arguments)})

    def texts(self, selector):
        """Of all elements that are shown, with their white space made plain."""
        return [" ".join(text.split()) for text in self.script(
            "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
            ".map(e => e.innerText)", selector)]

    def text(self, selector):
        return " ".join(self.texts(selector))

    def wait_for(self, probe, what, deadline_s=2 * DEADLINE_S):
        """Polls a function, or the body of one in JavaScript, until it gives something true."""
        check = probe if callable(probe) else lambda: self.script(probe)
        return wait_until(check, lambda: f"{what}; the page shows:\n{self.text('body')[:3000]}",
                          deadline_s)

    def wait_for_text(self, selector, part):
        self.wait_for(lambda: part in self.text(selector), f"{part!r} in {selector}")

    def wait_for_match(self, selector, pattern):
        self.wait_for(lambda: re.search(pattern, self.text(selector)), f"{pattern!r} in {selector}")

    def press(self, *keys):
        """One after the other, wherever the focus is; names of KEYS, or text that is typed."""
        for key in keys:
            for character in [KEYS[key]] if key in KEYS else key:
                self._ask("POST", "/actions", {"actions": [{
                    "type": "key", "id": "keyboard", "actions": [
                        {"type": "keyDown", "value": character},
                        {"type": "keyUp", "value": character}]}]})

    def focus(self):
        """What has the focus, in words enough to tell it: id, or address, or text."""
        return self.script("const e = document.activeElement;"
                           "return e.id || e.getAttribute('href') || e.innerText.slice(0, 40)")

    def console(self):
        """What was said since the last time that this was asked."""
        return self._ask("POST", "/se/log", {"type": "browser"})

    def resize(self, width, height, scale=1):
        self._chrome("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=scale, mobile=False)

    def prefer(self, **features):
        """Media features, such as prefers_color_scheme="dark"."""
        self._chrome("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def screenshot(self, path):
        """The whole page, down to its end."""
        picture = self._chrome("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def _chrome(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, method, path, body=None):
        return self._call(method, f"/session/{self._session}{path}", body)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.read().decode()[:2000]}") from None
