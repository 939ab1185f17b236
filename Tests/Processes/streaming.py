#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes on until somebody ends it, read from real processes while a leader is killed.

    streaming.py --binary PATH [--only NAME] [--keep]

Streams are read by curl -N, where there is one, and by this program's own command line. The last line is
"processes: N passed, N failed"; exit status 1 when one failed.
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import processes
from processes import AUTOPILOT, ProcessTest, wait_until

SNAPSHOT = "/v1/operator/snapshot"


class Reader:
    """A process whose output is read line by line as it comes."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # Whoever starts the tests may have ignored it, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.lines = []
        self.errors = b""
        self.threads = [threading.Thread(target=self.read), threading.Thread(target=self.read_errors)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def read_errors(self):
        self.errors = self.process.stderr.read()

    def end(self, sign=signal.SIGINT):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        status = self.process.wait(10)
        for thread in self.threads:
            thread.join(10)
        return status


def curl(server, path):
    if not shutil.which("curl"):
        return None
    return Reader(["curl", "-sSN", "http://127.0.0.1:%d%s" % (server.http_port, path)])


def cli(server, *words):
    return Reader(
        [processes.OPTIONS.binary] + list(words) + ["-address=http://127.0.0.1:%d" % server.http_port])


def streams(server):
    gauges = server.request("GET", "/v1/metrics").json["Gauges"]
    return next(g["Value"] for g in gauges if g["Name"] == "nomad.http.streams")


class Streaming(ProcessTest):
    def test_a_survivor_tells_of_an_election_while_it_is_watched(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        others = [s for s in servers if s is not leader]
        readers = {
            "curl events": curl(others[0], "/v1/event/stream?topic=Leadership&topic=Health"),
            "curl monitor": curl(others[0], "/v1/agent/monitor?log_level=debug"),
            "curl plain": curl(others[0], "/v1/agent/monitor?plain=true&server_id=%s" % others[1].name),
            "cli events": cli(others[0], "operator", "events", "-json"),
            "cli monitor": cli(others[0], "monitor", "-log-level=info"),
            "of the dead": cli(leader, "monitor"),
        }
        readers = {name: reader for name, reader in readers.items() if reader is not None}
        if "curl events" not in readers:
            print("    no curl: only the command line reads")
        try:
            wait_until("open streams", lambda: streams(others[0]) == len(readers) - 1, 10)
            wait_until("the stream of the leader", lambda: streams(leader) >= 1, 10)
            leader.kill()
            term = self.leader(servers)
            wait_until("the election in the events", lambda: any(
                "LeaderElected" in line for line in readers["cli events"].lines), 30)
            wait_until("the election in the log", lambda: any(
                "raft status" in line for line in readers["cli monitor"].lines), 30)
            for line in readers["cli events"].lines:
                frame = json.loads(line)
                self.assertTrue(all(e["Index"] == frame["Index"] for e in frame["Events"]), line)
            if "curl events" in readers:
                wait_until("the election for curl", lambda: any(
                    "LeaderElected" in line for line in readers["curl events"].lines), 30)
                wait_until("frames of the log", lambda: any(
                    b"raft status" in base64.b64decode(json.loads(line).get("Data", ""))
                    for line in readers["curl monitor"].lines), 30)
                wait_until("another server's log", lambda: any(
                    "raft status" in line for line in readers["curl plain"].lines), 30)
            self.assertEqual(readers["of the dead"].end(), 1)
            self.assertIn(b"broke off", readers["of the dead"].errors)
            self.assertIsNotNone(term)
            for name in ("cli events", "cli monitor"):
                self.assertEqual(readers[name].end(), -signal.SIGINT)
                self.assertEqual(readers[name].errors, b"")
            for reader in readers.values():
                reader.end()
            wait_until("no stream", lambda: streams(others[0]) == 0, 10)
        finally:
            for reader in readers.values():
                reader.end(signal.SIGKILL)
        self.done()

    def test_a_pipe_that_nobody_reads_ends_the_command(self):
        server = self.dev()
        server.start().wait_ready()
        command = "%s operator events -address=http://127.0.0.1:%d | head -1" % (
            processes.OPTIONS.binary, server.http_port)
        started = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            def more():
                server.try_request("PUT", AUTOPILOT, {"MaxTrailingLogs": 7})
                return started.poll() is not None
            wait_until("the end of the pipe", more, 60)
            self.assertEqual(len(started.stdout.read().splitlines()), 1)
        finally:
            if started.poll() is None:
                started.kill()
                started.wait(10)
            started.stdout.close()
            started.stderr.close()
        self.done()

    def test_clients_that_read_nothing_fill_no_memory(self):
        server = self.dev()
        server.start().wait_ready()

        def memory():
            with open("/proc/%d/status" % server.process.pid) as status:
                return next(int(l.split()[1]) for l in status if l.startswith("VmRSS"))
        before = memory()
        sockets = []
        statuses = []
        try:
            for number in range(90):
                one = socket.create_connection(("127.0.0.1", server.http_port), 10)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.sendall(b"GET /v1/event/stream?index=1 HTTP/1.1\r\nHost: a\r\n\r\n")
                sockets.append(one)
                statuses.append(int(one.recv(64).split()[1]))
            self.assertEqual(statuses.count(200), 64)
            self.assertEqual(statuses.count(429), 26)
            for value in range(3000):
                server.request("PUT", AUTOPILOT, {"MaxTrailingLogs": value})
            grown = (memory() - before) / 1024
            print("    64 clients that read nothing, 3000 events: %.0f MB more" % grown)
            self.assertLess(grown, 80)
        finally:
            for one in sockets:
                one.close()
        wait_until("no stream", lambda: streams(server) == 0, 10)
        self.done()

    def test_an_archive_goes_through_a_follower_both_ways(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        follower = next(s for s in servers if s is not leader)
        saved = follower.request("GET", SNAPSHOT)
        self.assertEqual(saved.status, 200)
        self.assertEqual(follower.request("PUT", AUTOPILOT, {"MaxTrailingLogs": 7}).status, 200)
        self.assertEqual(follower.request("PUT", SNAPSHOT, saved.body).status, 200)
        self.assertNotEqual(follower.request("GET", AUTOPILOT).json["MaxTrailingLogs"], 7)
        refused = follower.request("PUT", SNAPSHOT, os.urandom(1 << 20))
        self.assertEqual(refused.status, 500)
        self.assertIn(b"failed to restore from snapshot", refused.body)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
