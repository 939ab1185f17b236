#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What real processes tell those who watch over them: probes, systemd's socket, metrics for Prometheus.

    watching.py --binary PATH [--only NAME] [--keep]

With promtool and prometheus (Debian's package prometheus), promtool reads the metrics and a real
Prometheus scrapes them and evaluates Tools/prometheus/martlet.rules.yml; without them, that part says so
and checks nothing. The last line is "processes: N passed, N failed"; exit status 1 when one failed.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import processes
from processes import AUTOPILOT, ProcessTest, free_ports, wait_until

RULES = os.path.join(os.path.dirname(__file__), "..", "..", "Tools", "prometheus", "martlet.rules.yml")
TEXT = "/v1/metrics?format=prometheus"
PROBES = ("/livez", "/readyz", "/v1/status/is-leader")
DASHBOARD = os.path.join(os.path.dirname(RULES), "dashboard.json")
# Of servers without TLS or an audit log there are none of these.
NOT_ALWAYS = re.compile(r"martlet_(tls|audit)_")


def statuses(server):
    return [server.request("GET", path).status for path in PROBES]


class Watching(ProcessTest):
    def test_probes_are_answered_within_50_ms_without_a_quorum(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        wait_until("all of them ready", lambda: all(s.request("GET", "/readyz").status == 200 for s in servers), 20)
        for server in servers:
            self.assertEqual(statuses(server), [200, 200, 200 if server is leader else 503])
        for server in servers:
            if server is not leader:
                server.kill()
        wait_until("one that is not ready", lambda: leader.request("GET", "/readyz").status == 503, 20)
        is_over = threading.Event()

        def wait_for_a_leader():
            while not is_over.is_set():
                leader.try_request("PUT", AUTOPILOT + "?wait_for_leader=2s", {"MaxTrailingLogs": 1})
        writers = [threading.Thread(target=wait_for_a_leader) for _ in range(20)]
        for writer in writers:
            writer.start()
        taken = []
        try:
            for _ in range(300):
                for path, status in zip(PROBES, (200, 503, 503)):
                    start = time.monotonic()
                    self.assertEqual(leader.request("GET", path).status, status, path)
                    taken.append(time.monotonic() - start)
        finally:
            is_over.set()
            for writer in writers:
                writer.join()
        taken.sort()
        p50, p99 = taken[len(taken) // 2] * 1000, taken[len(taken) * 99 // 100] * 1000
        print("    probes without a quorum, each on a new connection: p50 %.1f ms, p99 %.1f ms" % (p50, p99))
        self.assertLess(p99, 50)
        answer = leader.request("GET", "/readyz")
        self.assertIn(b"[-]leader failed: no leader is known\n", answer.body)
        self.done()

    def test_a_server_that_stops_says_so_to_who_is_connected(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        connection = http.client.HTTPConnection("127.0.0.1", leader.http_port, timeout=10)

        def ready():
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read()
        wait_until("a leader that is ready", lambda: ready()[0] == 200, 20)
        leader.process.terminate()
        try:
            for _ in range(1000):
                status, body = ready()
                if status == 503:
                    self.assertIn(b"[-]running failed: the server is stopping\n", body)
                    break
        except (OSError, http.client.HTTPException):
            pass  # It was faster.
        self.assertEqual(leader.process.wait(10), 0)
        self.done()

    def test_promtool_and_prometheus_find_no_fault_with_the_metrics(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        for value in range(20):
            self.assertTrue(self.write(leader, value))
        texts = [s.request("GET", TEXT) for s in servers]
        for answer in texts:
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            if shutil.which("promtool"):
                checked = subprocess.run(
                    ["promtool", "check", "metrics"], input=answer.body, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT)
                self.assertEqual((checked.returncode, checked.stdout.decode()), (0, ""))
        if not shutil.which("promtool"):
            print("    no promtool: the metrics were not checked by it")
        text = texts[servers.index(leader)].body.decode()
        served = set(re.findall(r"^(\w+)[{ ]", text, re.M))
        with open(RULES) as file:
            asked = set(re.findall(r"martlet_\w+", "".join(l for l in file if "expr:" in l)))
        with open(DASHBOARD) as file:
            panels = json.load(file)["panels"]
        shown = [t["expr"] for p in panels for t in p.get("targets", [])]
        self.assertGreater(min(len(asked), len(shown)), 10)
        asked.update(re.findall(r"martlet_\w+", " ".join(shown)))
        self.assertEqual({n for n in asked - served if not NOT_ALWAYS.match(n)}, set(), "asked for and not served")
        count = int(re.search(r"^martlet_raft_commit_seconds_count (\d+)$", text, re.M)[1])
        self.assertGreaterEqual(count, 20)
        samples = {s["Name"]: s for s in leader.request("GET", "/v1/metrics").json["Samples"]}
        sync = samples["nomad.raft.sync"]
        self.assertGreaterEqual(sync["Count"], 20)
        self.assertTrue(0 < sync["Min"] <= sync["Mean"] <= sync["Max"] <= sync["Sum"], sync)
        self.scraped(servers)
        self.done()

    def test_a_supervisor_hears_that_it_runs_what_it_is_and_that_its_loop_turns(self):
        for name in (os.path.join(self.root, "notify"), "@" + os.path.basename(self.root)):
            server = self.dev("dev-%d" % len(self.servers))
            supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            supervisor.bind(name.replace("@", "\0"))
            supervisor.settimeout(20)
            os.environ.update(NOTIFY_SOCKET=name, WATCHDOG_USEC="900000")
            try:
                server.start()
            finally:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
            words = supervisor.recv(4096).decode()
            self.assertTrue(words.startswith("READY=1\nSTATUS="), words)
            self.assertEqual(server.request("GET", "/livez").status, 200, "ready before its ports are open")
            while "STATUS=leader of 1 voters" not in words:
                words = supervisor.recv(4096).decode()
            taken = []
            for _ in range(5):
                start = time.monotonic()
                self.assertEqual(supervisor.recv(4096).decode(), "WATCHDOG=1")
                taken.append(time.monotonic() - start)
            self.assertLess(max(taken), 0.9)
            server.process.send_signal(signal.SIGSTOP)
            supervisor.settimeout(1.5)
            with self.assertRaises(TimeoutError):
                for _ in range(3):
                    supervisor.recv(4096)
            server.process.send_signal(signal.SIGCONT)
            supervisor.settimeout(20)
            server.process.terminate()
            words = ""
            while not words.startswith("STOPPING=1"):
                words = supervisor.recv(4096).decode()
            self.assertEqual(server.process.wait(10), 0)
            supervisor.close()
        self.done()

    def test_a_supervisor_that_is_not_there_does_no_harm(self):
        for name in (os.path.join(self.root, "nobody"), "relative", "/" + "x" * 200, "@", ""):
            os.environ.update(NOTIFY_SOCKET=name, WATCHDOG_USEC="soon")
            try:
                server = self.dev("dev-%d" % len(self.servers)).start()
            finally:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
            server.wait_ready()
            self.assertEqual(server.terminate(), 0)
        self.done()

    def scraped(self, servers):
        """A real Prometheus takes all of it, and none of the alerts that wake somebody."""
        if not shutil.which("prometheus"):
            print("    no prometheus: nothing was scraped")
            return
        port = free_ports(1)[0]
        path = os.path.join(self.root, "prometheus.yml")
        with open(path, "w") as file:
            json.dump({
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [os.path.abspath(RULES)],
                "scrape_configs": [{
                    "job_name": "martlet", "metrics_path": "/v1/metrics", "params": {"format": ["prometheus"]},
                    "static_configs": [{"targets": ["127.0.0.1:%d" % s.http_port for s in servers]}]}],
            }, file)
        with open(os.path.join(self.root, "prometheus.log"), "wb") as log:
            process = subprocess.Popen(
                ["prometheus", "--config.file=" + path, "--web.listen-address=127.0.0.1:%d" % port,
                 "--storage.tsdb.path=" + os.path.join(self.root, "tsdb")], stdout=log, stderr=log)
        try:
            def query(text):
                url = "http://127.0.0.1:%d/api/v1/query?query=%s" % (port, urllib.parse.quote(text))
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        return json.load(answer)["data"]["result"]
                except OSError:
                    return []
            wait_until("three servers that are scraped", lambda: len(query("up == 1")) == len(servers), 30)
            wait_until("a leader as Prometheus sees it",
                       lambda: [r["value"][1] for r in query("sum(martlet_raft_is_leader)")] == ["1"], 30)
            with open(DASHBOARD) as file:
                panels = [p for p in json.load(file)["panels"] if p["type"] == "stat"]
            for panel in panels:
                expression = panel["targets"][0]["expr"].replace("$job", "martlet")
                self.assertEqual(len(query(expression)), 1, panel["title"])
            self.assertEqual(query('ALERTS{severity="page",alertstate="firing"}'), [])
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
