"""The status page where not all is well: a relay that comes and goes, sources and sinks that fail,
edits of the configuration, replicas, credentials, strangers' text; and what it advises."""
import os
import re
import unittest

from support import web
from support.kube_api import KubeApi
from support.page_case import Demo, HOSTILE, NARROWEST, PageCase, SINK_ROW, SOURCE_ROW
from support.processes import free_port, http_get, http_post


class RestartTest(PageCase):
    def test_it_says_that_the_relay_is_away_and_recovers_without_being_loaded_again(self):
        demo = Demo(self.folder)
        self.addCleanup(demo.stop)
        self.show(f"{demo.url}/#overview", ready="")
        self.wait_for_answer("overview")
        self.browser.script("window.notLoadedAgain = true")
        started_ms = demo.api("status")["started_ms"]
        demo.stop()
        self.browser.wait_for_text("#verdict h1", "cannot be reached")
        self.assertRegex(self.browser.text("#verdict"), r"What stands below is old, from \d\d:\d\d")
        self.assertIn("istio", self.browser.text("#overview-answer"))
        self.assert_readable()
        again = Demo(self.folder, demo.status_port)
        self.addCleanup(again.stop)
        self.browser.wait_for(lambda: again.verdict() in self.browser.text("#verdict h1"),
                              "the new one's verdict")
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
        self.browser.wait_for_match("#verdict li:first-of-type",
                                    'Source "mesh" has not been scraped for .*500')
        self.browser.wait_for_match("#verdict li:nth-of-type(2)",
                                    'Sink "mesh" has not been able to deliver for .*'
                                    '1 point waits? in memory')
        self.assertRegex(self.browser.text("#verdict code"),
                         r"^fedwave dump --config \S+ --source mesh$")
        self.assertIn("trouble mesh", self.browser.text(SINK_ROW))
        for look in self.looks():
            self.assert_readable()
            self.assert_fits()
            self.leave_picture(f"trouble-{look}")


class AdviceTest(PageCase):
    def test_cost_tells_of_series_that_overwrite_one_another_for_want_of_a_tag(self):
        server = self.web_server({"/metrics": web.page(
            "".join(f'up{{pod="{pod}"}} {pod}\n' for pod in range(3)) + "down 1\n")})
        _, address = self.relay_with_page(server.url("/metrics"),
                                          filters=", filters: {tagExclude: [pod]}")
        self.show(f"http://{address}/#cost")
        self.browser.wait_for_text("#cost-answer .note.warning",
                                   "2 series overwrite others: too many tags left out.")
        rows = {row.split(" ")[0]: row for row in self.browser.texts("#cost-answer tbody tr")}
        self.assertIn("3 2 overwrite others", rows["up"])
        self.assertNotIn("overwrite", rows["down"])
        for look in self.looks():
            self.assert_readable()
            self.assert_fits()
            self.leave_picture(f"overwritten-{look}")

    def test_why_tells_of_the_relays_own_points_that_they_are(self):
        server = self.web_server({"/metrics": web.page("up 1\n")})
        relay, address = self.relay_with_page(
            server.url("/metrics"),
            own="  internal_stats_source: {source: me, collection: {interval: 200ms}}\n")
        asked = "series=kubernetes.collector.source.manager.providers"
        self.wait_for(relay, lambda: b'"matched_by":"name"' in http_get(
            f"http://{address}/api/v1/explain?{asked}")[1], "the relay's own points")
        self.show(f"http://{address}/#why?{asked}")
        self.browser.wait_for_text("#why-answer .note", "This is one of fedwave's own points")
        self.assertIn("Sent", self.browser.text("#why-answer article h2"))


class EditTest(PageCase):
    """What the page shows of edits of the configuration while the relay runs."""

    def edit(self, address, old, new):
        self.write("relay.yaml", self.read("relay.yaml").replace(old, new))
        return http_post(f"http://{address}/-/reload")

    def test_a_refused_edit_is_shown_with_its_problems_until_a_good_one_comes(self):
        server = self.web_server({"/metrics": web.page("up 1\n")})
        _, address = self.relay_with_page(server.url("/metrics"))
        self.show(f"http://{address}/#config")
        self.assertNotIn("refused", self.browser.text("header"))
        self.assertEqual(self.edit(address, "interval: 15s, timeout: 10s",
                                   "intervall: 15s, timeout: x")[0], 400)
        self.browser.wait_for_text("#verdict", "One thing needs you")
        place = r"relay\.yaml:\d+:\d+: error: "
        self.assertRegex(self.browser.text("#verdict li"), f"is refused: .*{place}.*"
                         r"The configuration from \d\d:\d\d UTC goes on")
        self.assertIn("edit refused", self.browser.text("#facts"))
        self.browser.wait_for(lambda: len(self.browser.texts("#config-state .refusal li")) == 2,
                              "both problems")
        for problem in self.browser.texts("#config-state .refusal li"):
            self.assertRegex(problem, place)
        self.assertIn("interval: 15s", self.browser.text("#yaml"))
        for look in self.looks():
            self.assert_readable()
            self.assert_fits()
            self.leave_picture(f"refused-{look}")
        self.assertEqual(self.edit(address, "intervall: 15s, timeout: x", "interval: 20s")[0], 200)
        self.browser.wait_for_text("#verdict", "All is well")
        self.browser.wait_for_text("#yaml", "interval: 20s")
        self.assertEqual(self.browser.texts("#config-state .refusal"), [])
        self.assertNotIn("refused", self.browser.text("header"))
        self.browser.wait_for_match("#config-state", r"Last change .*\bmesh\b")
        self.assert_quiet()

    def test_a_new_source_appears_and_the_one_that_was_there_keeps_its_figures(self):
        server = self.web_server({"/metrics": web.page("up 1\n"), "/more": web.page("more 1\n")})
        _, address = self.relay_with_page(server.url("/metrics"))
        self.show(f"http://{address}/#sources")
        self.assertEqual(self.edit(
            address, "  - {name", f"  - {{name: new, url: '{server.url('/more')}'}}\n"
            "  - {name")[0], 200)
        self.browser.wait_for(lambda: [name.split(" ")[-1] for name in self.browser.texts(
            "#sources-answer h2")] == ["new", "mesh"], "both sources")
        self.assert_quiet()


class ReplicasTest(PageCase):
    """What the page shows of a relay among others."""

    def setUp(self):
        super().setUp()
        self.server = self.web_server({"/metrics": web.page("up 1\n")})

    def candidate(self, prepare):
        """A relay that takes part in an election, and the address of its page."""
        folder = os.path.join(self.folder, "api")
        os.mkdir(folder)
        api = KubeApi(folder)
        self.addCleanup(api.close)
        prepare(api)
        return self.relay_with_page(self.server.url("/metrics"), options=("--lease", "fedwave"),
                                    env=api.environment("fedwave-0"))[1]

    def leave_pictures(self, name):
        for look in self.looks():
            self.assert_readable()
            self.assert_fits()
            self.leave_picture(f"{name}-{look}")

    def test_a_standby_says_that_it_is_one_and_who_leads(self):
        address = self.candidate(lambda api: api.give_to("fedwave-1_9f3c", duration_s=3600))
        self.show(f"http://{address}/", ready="Standing by")
        self.browser.wait_for_text("#verdict", "The leader is fedwave-1; this relay takes over")
        self.assertIn("Stands by fedwave-1 leads", self.browser.text("#facts"))
        self.wait_for_answer("overview")
        self.assertIn("elsewhere mesh", self.browser.text(SOURCE_ROW))
        self.assertEqual(self.browser.script("return document.title"), "fedwave mesh")
        self.assertEqual(self.server.requests("/metrics"), [])
        for path in ("healthy", "ready"):
            self.assertEqual(http_get(f"http://{address}/-/{path}")[0], 200)
        self.leave_pictures("standby")
        self.assert_quiet()

    def test_a_leader_says_so(self):
        address = self.candidate(lambda api: None)
        self.show(f"http://{address}/")
        self.browser.wait_for_match("#facts", r"Leads for \d+ s")

    def test_an_election_that_fails_needs_somebody(self):
        address = self.candidate(lambda api: api.trouble("status", status=403))
        self.show(f"http://{address}/", ready="One thing needs you")
        self.browser.wait_for_match("#verdict li",
                                    "cannot stand for leader with the lease mesh/fedwave: .*403")
        self.assertEqual(http_get(f"http://{address}/-/ready")[0], 200)

    def test_a_shard_says_which_one_it_is_and_whose_the_other_requests_are(self):
        names = [f"part{number}" for number in range(8)]
        _, address = self.relay_with_page(
            self.server.url("/metrics?" + "&".join(f"match[]={name}" for name in names)),
            filters=", splitMatches: true", options=("--shards", "3", "--shard", "1"))
        self.show(f"http://{address}/#sources")
        self.wait_for_answer("sources")
        self.assertIn("Shard 1 of 0…2", self.browser.text("#facts"))
        rows = self.browser.texts("#sources-answer table:first-of-type tbody tr")
        self.assertEqual([row.split(" ")[0] for row in rows], names)
        ours = [row for row in rows if "this relay" in row]
        self.assertTrue(0 < len(ours) < len(names), rows)
        self.browser.wait_for(
            lambda: all("1 of 1" in row or re.search("shard [02] none here", row) for row in
                        self.browser.texts("#sources-answer table:first-of-type tbody tr")),
            "the first scrapes")
        self.leave_pictures("shard")
        self.assert_quiet()


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
        self.browser.wait_for_text("#verdict", "All is well")
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
        self.assert_readable()
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
