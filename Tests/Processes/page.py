#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The web page of real processes, in a real browser.

    page.py --binary PATH [--only NAME] [--pictures FOLDER] [--keep]

--pictures   also keeps what the page looked like, to be looked at

Needs Chromium (Debian: chromium); without it nothing is checked, and the last line says so.
Otherwise that is "processes: N passed, N failed"; exit status 1 when one failed.
"""
import json
import os
import sys

import access
import browser
import processes
from processes import ProcessTest, wait_until

HOSTILE = "<img src=x onerror=alert(1)>" + "x" * 200
WIDE = """(() => { const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1
        && !e.closest('thead') && !e.matches('.skip')).map((e) => e.tagName + '#' + e.id) })()"""


class Page(ProcessTest):
    guarded = access.Access.guarded
    answered = staticmethod(access.Access.answered)
    ask = staticmethod(access.Access.ask)
    policy = access.Access.policy
    token = access.Access.token

    def setUp(self):
        super().setUp()
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)

    def open(self, server, width=1280, height=1400):
        self.browser.size(width, height, width < 600)
        self.browser.call("Page.navigate", url="http://127.0.0.1:%d/" % server.http_port)
        wait_until("the page", lambda: self.browser.text("verdict-word"), 20)

    def awaits(self, identifier, *words, seconds=30):
        def shown():
            text = self.browser.text(identifier)
            return text if all(word.lower() in text.lower() for word in words) else None
        return wait_until(
            lambda: "%s in #%s, where stands: %s" % (words, identifier, self.browser.text(identifier)), shown, seconds)

    def picture(self, name):
        if processes.OPTIONS.pictures:
            self.browser.picture(os.path.join(processes.OPTIONS.pictures, name + ".png"))

    def level(self):
        return self.browser.evaluate("document.getElementById('verdict').dataset.level")

    def start_cluster(self):
        servers = self.cluster()
        self.start(servers)
        return servers

    def is_settled(self):
        self.assertEqual(self.browser.complaints, [])
        self.done()

    def test_a_cluster_that_loses_one_server_and_then_its_quorum(self):
        servers = self.start_cluster()
        leader = self.leader(servers)
        others = [s for s in servers if s is not leader]
        watched = others[0]
        self.open(watched)
        self.awaits("verdict", "safe", "1 more of 3 voters may fail", seconds=60)
        self.assertEqual(self.level(), "safe")
        self.awaits("fresh", "live", "%s.global" % watched.name, "the leader %s.global" % leader.name)
        self.awaits("servers", *["%s.global" % s.name for s in servers])
        self.awaits("votes", "3, of which 3 healthy", "2 of 3", "3 − 2 = 1 may fail")
        self.awaits("leaders", "%s.global" % leader.name)
        self.awaits("autopilot-settings", "CleanupDeadServers", "true")
        self.awaits("scheduler-settings", "SchedulerAlgorithm", "binpack")
        self.picture("healthy")

        for is_paused in (True, False):
            answer = leader.request("PUT", processes.SCHEDULER, {"PauseEvalBroker": is_paused})
            self.assertEqual(answer.status, 200)
            if is_paused:
                self.awaits("work", "switched off", "the evaluation broker is paused")
                self.picture("paused")
            else:
                wait_until("nothing that is switched off", lambda: self.browser.evaluate(
                    "document.getElementById('work-section').hidden"), 10)

        others[1].kill()
        self.awaits("verdict", "at risk", "the next failure of a voter stops it", "%s.global: " % others[1].name)
        self.assertEqual(self.level(), "risk")
        self.picture("one-killed")
        self.awaits("events", "force-leave", "%s.global" % others[1].name, "autopilot", seconds=60)

        leader.kill()
        self.awaits("verdict", "down", "there is no leader", "1 of 2 voters reachable", seconds=60)
        self.assertEqual(self.level(), "down")
        self.awaits("fresh", "stale", "%s.global" % watched.name, "last heard of a leader")
        self.awaits("verdict-why", "start %s.global" % leader.name)
        self.picture("no-quorum")

        leader.start()
        self.awaits("fresh", "live", seconds=60)
        self.awaits("verdict", "the cluster works", seconds=60)
        watched.kill()
        self.awaits("verdict", "unknown", "does not answer")
        self.awaits("fresh", "stale", "the last answer")
        self.picture("no-agent")
        self.is_settled()

    def test_a_token_is_asked_for_used_and_forgotten(self):
        servers, root = self.guarded(1)
        self.assertEqual(
            self.policy(servers[0], root, "weak", 'agent { policy = "read" }').status, 200)
        weak = self.token(servers[0], root, "weak", ["weak"]).json["SecretID"]
        self.open(servers[0])
        self.awaits("verdict", "unknown", "without a token")
        self.awaits("token-note", "a token is needed")
        self.awaits("missing", "/v1/operator/raft/configuration", "raft-read", "permission denied")
        self.picture("no-token")

        def use(token):
            self.browser.evaluate("document.getElementById('token').focus()")
            self.browser.type(token)
            self.browser.press("Enter", 13, "\r")

        use(weak)
        self.awaits("verdict", "unknown", "may not be read with this token")
        self.awaits("self", "applied_index")
        self.awaits("missing", "/v1/operator/autopilot/state", "operator read")
        self.assertNotIn("/v1/agent/self", self.browser.text("missing"))
        use(root)
        self.awaits("verdict", "the cluster works", "single voter")
        wait_until("nothing to be missing",
                   lambda: self.browser.evaluate("document.getElementById('missing').hidden"), 10)
        self.assertEqual(self.browser.evaluate("document.getElementById('token').value"), "")
        self.assertEqual(self.browser.evaluate("JSON.stringify(localStorage) + document.cookie"), "{}")
        self.assertNotIn(root, self.browser.evaluate("document.documentElement.outerHTML"))
        self.browser.call("Page.reload")
        self.awaits("verdict", "the cluster works")
        self.browser.evaluate("document.getElementById('forget').click()")
        self.awaits("verdict", "unknown", "without a token")
        self.assertNotIn("applied_index", self.browser.text("self"))
        self.assertEqual(self.browser.evaluate("sessionStorage.length"), 0)
        self.is_settled()

    def test_on_a_telephone_in_the_dark_by_keyboard(self):
        servers = self.start_cluster()
        self.open(servers[0], 360, 740)
        self.awaits("verdict", "safe", seconds=60)
        self.assertEqual(self.browser.evaluate(WIDE), [])
        self.assertEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 360)
        self.picture("telephone")
        self.browser.prefer(color_scheme="dark", reduced_motion="reduce")
        ground = self.browser.evaluate("getComputedStyle(document.body).backgroundColor")
        self.assertLess(max(map(int, ground[4:-1].split(","))), 64)
        self.assertIn(self.browser.evaluate(
            "getComputedStyle(document.getElementById('verdict')).transitionDuration"), ("0s", ""))
        self.picture("telephone-dark")
        self.assertEqual([self.browser.tab() for _ in range(5)], ["skip", "token", "", "forget", "pause"])
        self.browser.press(" ", 32, " ")
        self.awaits("fresh", "paused")
        at = self.browser.text("fresh")
        self.browser.evaluate("new Promise((done) => setTimeout(done, 2500))")
        self.assertEqual(self.browser.text("fresh"), at)
        self.browser.press(" ", 32, " ")
        self.awaits("fresh", "live")
        self.assertEqual(self.browser.evaluate("document.activeElement.id"), "pause")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('main, header').length"), 2)
        self.is_settled()

    def test_zones_and_who_stands_by_in_them(self):
        servers = self.cluster(4, more={"autopilot": {"enable_redundancy_zones": True}})
        for server, zone in zip(servers, "aabc"):
            path = os.path.join(self.root, server.name + ".json")
            with open(path) as file:
                settings = json.load(file)
            settings["server"]["redundancy_zone"] = zone
            with open(path, "w") as file:
                json.dump(settings, file)
        self.start(servers)
        self.open(servers[3])
        self.awaits("servers", "zone-standby", seconds=90)
        self.awaits("verdict", "safe", "1 more of 3 voters may fail", seconds=60)
        rows = self.browser.evaluate("""[...document.querySelectorAll('#zones tbody tr')].map(
            (row) => [...row.children].map((cell) => cell.textContent))""")
        self.assertEqual([row[0] for row in rows], ["a", "b", "c"])
        self.assertEqual(sorted(rows[0][1:3]), ["s1.global", "s2.global"])
        self.assertEqual(rows[1:], [["b", "s3.global", "–", "1 of 1"], ["c", "s4.global", "–", "1 of 1"]])
        self.awaits("votes", "1 server without a vote")
        self.awaits("events", "demote", "autopilot")
        self.picture("zones")
        self.is_settled()

    def test_names_are_texts(self):
        server = self.dev().start().wait_ready()
        self.open(server)
        self.awaits("verdict", "the cluster works", seconds=60)
        # Whatever the agent says, as a script in its answers would come.
        self.browser.evaluate("""(() => { const name = %s, real = window.fetch;
            window.fetch = async (...asked) => { const answer = await real(...asked);
                const text = (await answer.text()).replaceAll('dev.global', name).replaceAll('"Zone":""',
                    '"Zone":' + JSON.stringify(name));
                return new Response(text, {status: answer.status, headers: answer.headers}) } })()"""
                              % json.dumps(HOSTILE))
        self.awaits("servers", HOSTILE)
        self.awaits("zones", HOSTILE)
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('img').length"), 0)
        for width in (360, 800, 1280):
            self.browser.size(width, 900, width < 600)
            self.assertEqual(self.browser.evaluate(WIDE), [], "%d wide" % width)
        refused = self.browser.evaluate(
            "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch (e) { return e.name } })()")
        self.assertEqual(refused, "TypeError")
        self.done()


if __name__ == "__main__":
    if browser.program() is None:
        print("page: skipped, there is no Chromium here")
        sys.exit(0)
    sys.exit(processes.main(
        sys.modules[__name__], lambda parser: parser.add_argument("--pictures", default=None)))
