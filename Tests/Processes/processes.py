#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real processes of the built program, on loopback, from outside.

    processes.py --binary PATH [--only NAME] [--rounds N] [--rounds-crash N] [--seed N] [--keep]

--only          a test by its name or a part of it (may be given several times)
--rounds        how often all three servers are killed and started again (default 2)
--rounds-crash  how often a new server is killed in its first two seconds (default 3)
--seed          for the moments of the kills (default: printed, from the system)
--keep          keep the folders of tests that pass; those that fail are always kept

Nothing waits for a fixed time: every wait polls, has a limit, and says what it waited for.
The last line is "processes: N passed, N failed"; exit status 1 when one failed.
Python 3 standard library only.
"""
import argparse
import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

OPTIONS = None
RAFT = "/v1/operator/raft/configuration"
AUTOPILOT = "/v1/operator/autopilot/configuration"
HEALTH = "/v1/operator/autopilot/health"
SCHEDULER = "/v1/operator/scheduler/configuration"
SNAPSHOT = "/v1/operator/snapshot"


def free_ports(count):
    """Ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def wait_until(what, predicate, seconds):
    """Polls until the predicate gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError("after %.0f s still waiting for: %s" % (seconds, text))
        time.sleep(0.03)


def peer_garbage(dice, shape):
    """Bytes for a peer port: noise, noise in a frame, an endless frame, or noise after a greeting."""
    def checksum(data):  # CRC-32C, so that garbage passes the frame and reaches the reader
        value = 0xFFFFFFFF
        for byte in data:
            value ^= byte
            for _ in range(8):
                value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        return value ^ 0xFFFFFFFF

    def frame(kind, payload):
        content = bytes([kind]) + payload
        return struct.pack("<II", len(payload), checksum(content)) + content

    noise = dice.randbytes(dice.randint(0, 600))
    if shape == 0:
        return noise
    if shape == 1:
        return frame(dice.randint(0, 20), noise)
    if shape == 2:
        return struct.pack("<IIB", 0xFFFFFFFF, 0, 1) + noise
    hello = struct.pack("<IHHB", 0x4C54524D, 1, 1, dice.randint(0, 4))
    return frame(1, hello + noise)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:300])


class Server:
    """One process, its folder, its ports and its log."""

    def __init__(self, root, name, ports, arguments=()):
        self.name, self.root = name, root
        self.http_port, self.rpc_port, self.serf_port = ports
        self.data = os.path.join(root, name)
        self.log = os.path.join(root, name + ".log")
        self.arguments = list(arguments)
        self.process = None

    def start(self):
        assert self.process is None or self.process.poll() is not None, "started twice"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [OPTIONS.binary, "agent"] + self.arguments,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        return self

    def kill(self):
        """kill -9, and gone when this returns."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def terminate(self, seconds=10):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s still runs %d s after SIGTERM\n%s" % (self.name, seconds, self.tail()))

    def tail(self):
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-20:])
        except OSError:
            return ""

    def request(self, method, path, body=None, headers=None, timeout=10):
        """One request on its own connection."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def try_request(self, method, path, body=None, timeout=5):
        """The same, or None when there is no answer (yet)."""
        try:
            return self.request(method, path, body, timeout=timeout)
        except (OSError, http.client.HTTPException):
            return None

    def wait_ready(self, seconds=30):
        """Until a linearizable read is answered: there is a leader, and this server reaches it."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("%s ended with %s\n%s" % (self.name, self.process.returncode, self.tail()))
            answer = self.try_request("GET", SCHEDULER)
            return answer is not None and answer.status == 200
        wait_until(lambda: "an answer of %s\n%s" % (self.name, self.tail()), ready, seconds)
        return self

    def raw(self, data, seconds=10):
        """Sends bytes as they are; returns the status and all that came back (0 without answer)."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.http_port), timeout=seconds) as s:
            try:
                s.sendall(data)
            except OSError:
                pass  # The server may answer and close before it has read everything.
            deadline = time.monotonic() + seconds
            while b"\r\n\r\n" not in received and time.monotonic() < deadline:
                try:
                    part = s.recv(65536)
                except OSError:
                    break
                if not part:
                    break
                received += part
        words = received.split(b" ", 2)
        return (int(words[1]) if len(words) > 2 and words[1].isdigit() else 0), received


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.servers = []
        self.root = tempfile.mkdtemp(prefix="martlet-processes-")
        self.is_done = False
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for server in self.servers:
            server.kill()
        if self.is_done and not OPTIONS.keep:
            shutil.rmtree(self.root, ignore_errors=True)
        else:
            print("    folder kept: %s" % self.root)

    def done(self):
        """Said at the end of each test: only then is its folder not needed any more."""
        self.is_done = True

    def dev(self, name="dev", ports=None, arguments=(), data=None):
        ports = ports or free_ports(3)
        server = Server(self.root, name, ports)
        server.data = data or server.data
        server.arguments = [
            "-dev", "-node=" + name, "-data-dir=" + server.data, "-http-port=%d" % ports[0],
            "-rpc-port=%d" % ports[1], "-serf-port=%d" % ports[2]] + list(arguments)
        self.servers.append(server)
        return server

    def cluster(self, count=3, server=None, more=None):
        """Servers that start a cluster together, with these settings besides; not started."""
        ports = free_ports(3 * count)
        triples = [ports[3 * i:3 * i + 3] for i in range(count)]
        servers = []
        for i, (http_port, rpc_port, serf_port) in enumerate(triples):
            name = "s%d" % (i + 1)
            path = os.path.join(self.root, name + ".json")
            one = Server(self.root, name, triples[i], ["-config", path])
            with open(path, "w") as file:
                json.dump(dict({
                    "name": name, "data_dir": one.data, "bind_addr": "127.0.0.1",
                    "ports": {"http": http_port, "rpc": rpc_port, "serf": serf_port},
                    "server": dict({
                        "enabled": True, "bootstrap_expect": count,
                        "server_join": {
                            "retry_join": ["127.0.0.1:%d" % t[2] for t in triples],
                            "retry_interval": "1s"}}, **(server or {})),
                }, **(more or {})), file, indent=1)
            servers.append(one)
        self.servers += servers
        return servers

    def start(self, servers, seconds=60):
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready(seconds)

    def leader(self, servers, seconds=30):
        """The server that those alive agree on."""
        alive = [s for s in servers if s.process.poll() is None]

        def agreed():
            answers = [s.try_request("GET", "/v1/status/leader") for s in alive]
            if any(a is None or a.status != 200 for a in answers):
                return None
            named = {a.json for a in answers}
            if len(named) != 1:
                return None
            address = named.pop()
            return next((s for s in alive if address == "127.0.0.1:%d" % s.rpc_port), None)
        return wait_until("one leader that all agree on", agreed, seconds)

    def write(self, server, value):
        """One write; returns whether it was acknowledged."""
        answer = server.try_request("PUT", AUTOPILOT, {"MaxTrailingLogs": value})
        return answer is not None and answer.status == 200 and answer.json is True

    def write_until_acknowledged(self, servers, value, seconds=30):
        def one():
            return any(self.write(s, value) for s in servers if s.process.poll() is None)
        wait_until("an acknowledged write of %d" % value, one, seconds)

    def read(self, server, seconds=30):
        """A linearizable read of what `write` writes: (value, ModifyIndex)."""
        def one():
            answer = server.try_request("GET", AUTOPILOT)
            return answer if answer is not None and answer.status == 200 else None
        body = wait_until("a read through %s" % server.name, one, seconds).json
        return body["MaxTrailingLogs"], body["ModifyIndex"]

    def run_to_end(self, arguments, seconds=20):
        """A process that ends by itself: (exit status, its output)."""
        try:
            result = subprocess.run(
                [OPTIONS.binary, "agent"] + arguments, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            self.fail("still runs after %d s: %s\n%s" % (seconds, arguments, error.output))
        return result.returncode, result.stdout.decode(errors="replace")


class OneServer(ProcessTest):
    def test_dev_server_answers_curl(self):
        server = self.dev().start().wait_ready()
        base = "http://127.0.0.1:%d" % server.http_port
        if shutil.which("curl"):
            def curl(*arguments):
                return subprocess.run(
                    ["curl", "-sf", "--noproxy", "*", "--max-time", "10"] + list(arguments),
                    check=True, stdout=subprocess.PIPE).stdout
            servers = json.loads(curl(base + RAFT))["Servers"]
            self.assertEqual([s["Leader"] for s in servers], [True])
            self.assertEqual(servers[0]["Address"], "127.0.0.1:%d" % server.rpc_port)
            answer = json.loads(curl("-X", "PUT", "-d", '{"SchedulerAlgorithm":"spread"}', base + SCHEDULER))
            self.assertIs(answer["Updated"], True)
            self.assertIs(json.loads(curl(base + HEALTH))["Healthy"], True)
        body = server.request("GET", SCHEDULER).json
        if shutil.which("curl"):
            self.assertEqual(body["SchedulerConfig"]["SchedulerAlgorithm"], "spread")
        self.done()

    def test_sigterm_stops_cleanly_and_data_stays(self):
        server = self.dev().start().wait_ready()
        self.assertTrue(self.write(server, 1001))
        self.assertEqual(server.terminate(), 0, server.tail())
        server.start().wait_ready()
        self.assertEqual(self.read(server)[0], 1001)
        self.done()

    def test_sigterm_leaves_with_open_connections(self):
        server = self.dev().start().wait_ready()
        idle = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(20)]
        try:
            for s in idle[:10]:
                s.sendall(b"GET /v1/status/leader HTTP/1.1\r\nHo")
            self.assertEqual(server.terminate(), 0, server.tail())
        finally:
            for s in idle:
                s.close()
        self.done()

    def test_second_process_on_the_same_folder_names_the_holder(self):
        first = self.dev().start().wait_ready()
        second = self.dev("second", data=first.data)
        status, output = self.run_to_end(second.arguments)
        self.assertEqual(status, 1, output)
        self.assertIn(str(first.process.pid), output)
        self.assertIn(first.data, output)
        self.assertTrue(self.write(first, 1002))
        self.done()

    def test_taken_port_is_named(self):
        first = self.dev().start().wait_ready()
        second = self.dev("second", ports=[first.http_port] + free_ports(2))
        status, output = self.run_to_end(second.arguments)
        self.assertEqual(status, 1, output)
        self.assertIn(str(first.http_port), output)
        self.done()

    def test_broken_configuration_names_file_and_line(self):
        path = os.path.join(self.root, "broken.json")
        cases = [
            ('{\n  "bind_adr": "127.0.0.1"\n}', [path + ":2:3", "bind_adr", "bind_addr"]),
            ('{\n  "ports": {"http": 70000}\n}', [path + ":2:21", "ports.http", "65535"]),
            ('{"name": "x",', [path + ":1:"]),
            ('{"tls": {"tls_min_version": "tls11"}}', [path + ":1:29", "tls_min_version", "tls12"]),
        ]
        folder = os.path.join(self.root, "broken.d")
        os.mkdir(folder)
        with open(os.path.join(folder, "1.hcl"), "w") as file:
            file.write('ports {\n  http = "x"\n')
        status, output = self.run_to_end(["-dev", "-config", folder])
        self.assertEqual(status, 1, output)
        self.assertIn("1.hcl:1:7: this \"{\" is never closed", output)
        for text, wanted in cases:
            with self.subTest(text=text):
                with open(path, "w") as file:
                    file.write(text)
                status, output = self.run_to_end(["-dev", "-config", path])
                self.assertEqual(status, 1, output)
                for word in wanted:
                    self.assertIn(word, output)
        self.done()

    def test_wrong_command_line_exits_2(self):
        status, output = self.run_to_end(["-bnid=127.0.0.1"])
        self.assertEqual(status, 2, output)
        self.assertIn("-bind", output)
        self.done()

    def test_killed_in_its_first_two_seconds_it_always_starts_again(self):
        server = self.dev()
        for round in range(OPTIONS.rounds_crash):
            delay = OPTIONS.random.uniform(0, 2)
            server.start()
            try:
                # The moment of the kill is what is tested; a server that ends earlier is a failure.
                server.process.wait(delay)
                self.fail("round %d: ended by itself\n%s" % (round, server.tail()))
            except subprocess.TimeoutExpired:
                server.kill()
            server.start().wait_ready()
            self.assertTrue(self.write(server, 2000 + round))
            server.kill()
            # Half of the rounds begin with the folder as it was left, the others with a new one.
            if OPTIONS.random.random() < 0.5:
                shutil.rmtree(server.data)
        self.done()


class BadInput(ProcessTest):
    def test_bad_requests_are_refused_and_change_nothing(self):
        server = self.dev().start().wait_ready()
        before = self.read(server)
        port = b"%d" % server.http_port
        host = b"Host: 127.0.0.1:" + port + b"\r\n"
        put = b"PUT " + AUTOPILOT.encode() + b" HTTP/1.1\r\n" + host
        cases = [
            ("no host", b"GET /v1/status/leader HTTP/1.1\r\n\r\n", 400),
            ("two hosts", b"GET /v1/status/leader HTTP/1.1\r\n" + host + host + b"\r\n", 400),
            ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
            ("header over 64 KiB", b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 70000 + b"\r\n\r\n", 431),
            ("body over 1 MiB", put + b"Content-Length: 2097152\r\n\r\n" + b" " * 2097152, 413),
            ("bad length", put + b"Content-Length: +4\r\n\r\n{}  ", 400),
            ("length and chunks", put + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("bad chunk", put + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ]
        for name, data, status in cases:
            with self.subTest(name):
                got, answer = server.raw(data)
                self.assertEqual(got, status, answer[:300])
        bodies = [
            "", "{", "[]", "hello", '{"MaxTrailingLogs": -1}', '{"MaxTrailingLogs": "7"}',
            '{"LastContactThreshold": 7}', '{"LastContactThreshold": "banana"}', "{} {}",
            "[" * 100000,
        ]
        for body in bodies:
            with self.subTest(body=body[:40]):
                answer = server.request("PUT", AUTOPILOT, body)
                self.assertEqual(answer.status, 400, answer)
                self.assertTrue(answer.body)
        for path in [AUTOPILOT + "?cas=x", AUTOPILOT + "?cas=-1", SCHEDULER + "?cas="]:
            with self.subTest(path=path):
                self.assertEqual(server.request("PUT", path, "{}").status, 400)
        for path in [RAFT, HEALTH, AUTOPILOT, SCHEDULER]:
            with self.subTest(path=path):
                answer = server.request("PATCH", path, "{}")
                self.assertEqual(answer.status, 405, answer)
                self.assertIn("GET", answer.headers.get("Allow", ""))
        self.assertEqual(server.request("GET", "/v1/none").status, 404)
        self.assertEqual(self.read(server), before)
        self.done()

    def test_garbage_on_the_peer_ports_harms_nobody(self):
        server = self.dev().start().wait_ready()
        before = self.read(server)
        dice = random.Random(OPTIONS.seed)
        for number in range(200):
            with socket.create_connection(("127.0.0.1", (server.rpc_port, server.serf_port)[number % 2]), 5) as peer:
                peer.settimeout(0.02)
                try:
                    peer.sendall(peer_garbage(dice, number % 4))
                    peer.recv(4096)
                except OSError:
                    pass
        self.assertEqual(self.read(server), before)
        self.assertIsNone(server.process.poll())
        self.done()

    def test_half_sent_requests_delay_nobody(self):
        server = self.dev().start().wait_ready()
        halves = [
            b"", b"G", b"GET /v1/status/leader HTTP/1.1\r\nHost: x",
            b"PUT " + SCHEDULER.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
            b"PUT " + SCHEDULER.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        ]
        sockets = []
        try:
            for i in range(60):
                s = socket.create_connection(("127.0.0.1", server.http_port), timeout=10)
                sockets.append(s)
                s.sendall(halves[i % len(halves)])
            for value in range(3000, 3010):
                self.assertTrue(self.write(server, value))
            for s in sockets[::2]:
                # A reset instead of an orderly end.
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.close()
            self.assertTrue(self.write(server, 3010))
            self.assertEqual(self.read(server)[0], 3010)
        finally:
            for s in sockets:
                s.close()
        self.done()


class ThreeServers(ProcessTest):
    def test_every_server_reads_and_writes(self):
        servers = self.cluster()
        self.start(servers)
        index = 0
        for value, writer in enumerate(servers, start=4000):
            self.assertTrue(self.write(writer, value))
            for reader in servers:
                got, modified = self.read(reader)
                self.assertEqual(got, value, "written through %s, read through %s" % (writer.name, reader.name))
                self.assertGreater(modified, index)
            index = modified
        leader = self.leader(servers)
        rows = leader.request("GET", RAFT).json["Servers"]
        self.assertEqual(len(rows), 3)
        self.assertEqual(sorted(r["Address"] for r in rows), sorted("127.0.0.1:%d" % s.rpc_port for s in servers))
        self.assertEqual([r["Address"] for r in rows if r["Leader"]], ["127.0.0.1:%d" % leader.rpc_port])
        for server in servers:
            self.assertEqual(server.request("GET", RAFT).json["Servers"], rows)
        self.done()

    def test_writes_go_on_after_the_leader_is_killed(self):
        servers = self.cluster()
        self.start(servers)
        self.assertTrue(self.write(servers[0], 5000))
        before = self.read(servers[0])
        leader = self.leader(servers)
        leader.kill()
        survivors = [s for s in servers if s is not leader]
        self.write_until_acknowledged(survivors, 5001)
        for server in survivors:
            value, index = self.read(server)
            self.assertEqual(value, 5001)
            self.assertGreater(index, before[1])
        leader.start().wait_ready()
        self.assertEqual(self.read(leader)[0], 5001)
        self.write_until_acknowledged([leader], 5002)
        for server in servers:
            self.assertEqual(self.read(server)[0], 5002)
        self.done()

    def test_without_a_majority_nothing_is_acknowledged(self):
        servers = self.cluster()
        self.start(servers)
        self.assertTrue(self.write(servers[0], 6000))
        leader = self.leader(servers)
        for server in servers:
            if server is not leader:
                server.kill()

        def refused():
            answer = leader.try_request("PUT", AUTOPILOT, {"MaxTrailingLogs": 6001}, timeout=20)
            self.assertFalse(answer is not None and answer.status == 200, answer)
            return answer is not None and answer.status == 503 and answer
        answer = wait_until("503 from a server without a majority", refused, 30)
        self.assertIn("Retry-After", answer.headers)
        self.assertTrue(answer.body.startswith(b"No cluster leader"), answer)
        stale = leader.request("GET", RAFT + "?stale")
        self.assertEqual(stale.status, 200)
        self.assertEqual([s["Leader"] for s in stale.json["Servers"]], [False] * 3)
        for server in servers:
            if server is not leader:
                server.start()
        for server in servers:
            server.wait_ready()
        # 6001 was given an unknown outcome at worst: old or new, and the same everywhere.
        values = {self.read(s) for s in servers}
        self.assertEqual(len(values), 1, values)
        self.assertIn(values.pop()[0], (6000, 6001))
        self.done()

    def test_sigterm_of_the_leader_hands_over(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        self.assertEqual(leader.terminate(), 0, leader.tail())
        self.write_until_acknowledged([s for s in servers if s is not leader], 7000, seconds=10)
        self.done()

    def test_acknowledged_writes_survive_killing_all_three(self):
        servers = self.cluster()
        self.start(servers)
        value, index = 8000, 0
        for round in range(OPTIONS.rounds):
            for _ in range(OPTIONS.random.randrange(1, 20)):
                attempted = value + 1
                self.write_until_acknowledged([OPTIONS.random.choice(servers)], attempted)
                value = attempted
            order = list(servers)
            OPTIONS.random.shuffle(order)
            # One more is on its way while they die: its outcome is unknown, nothing else may be.
            connection = http.client.HTTPConnection("127.0.0.1", order[-1].http_port, timeout=10)
            connection.request("PUT", AUTOPILOT, json.dumps({"MaxTrailingLogs": value + 1}))
            for server in order:
                server.kill()
            try:
                is_acknowledged = connection.getresponse().read() == b"true"
            except (OSError, http.client.HTTPException):
                is_acknowledged = False
            connection.close()
            possible = [value + 1] if is_acknowledged else [value, value + 1]
            self.start(servers)
            found = {self.read(s) for s in servers}
            self.assertEqual(len(found), 1, "round %d: %s" % (round, found))
            got, modified = found.pop()
            self.assertIn(got, possible, "round %d: an acknowledged write is lost" % round)
            self.assertGreater(modified, index, "round %d: the index went back" % round)
            value, index = got, modified
        self.done()

    def test_a_saved_state_is_restored_by_any_server(self):
        servers = self.cluster()
        self.start(servers)
        self.write_until_acknowledged(servers, 4242)
        saved = servers[0].request("GET", SNAPSHOT)
        self.assertEqual(saved.status, 200, saved)
        self.assertEqual(saved.headers["Content-Type"], "application/x-gzip")
        digest = base64.b64encode(hashlib.sha256(saved.body).digest()).decode()
        self.assertEqual(saved.headers["Digest"], "sha-256=" + digest)
        with tarfile.open(fileobj=io.BytesIO(saved.body), mode="r:gz") as archive:
            files = {name: archive.extractfile(name).read() for name in archive.getnames()}
        self.assertEqual(list(files), ["meta.json", "state.bin", "SHA256SUMS"])
        for line in files["SHA256SUMS"].decode().splitlines():
            digest, name = line.split("  ")
            self.assertEqual(digest, hashlib.sha256(files[name]).hexdigest(), name)
        self.assertEqual(json.loads(files["meta.json"])["Size"], len(files["state.bin"]))

        # Another program's archive of the same files is as good, and comes in chunks.
        packed = gzip.compress(self.tar(files))
        for restorer, content in zip(servers, [saved.body, packed, saved.body]):
            self.write_until_acknowledged(servers, 7)
            before = self.read(servers[0])[1]
            pieces = (content[i:i + 100] for i in range(0, len(content), 100))
            answer = restorer.request("PUT", SNAPSHOT, pieces)
            self.assertEqual((answer.status, answer.body), (200, b""))
            found = {self.read(s) for s in servers}
            self.assertEqual(len(found), 1, found)
            value, index = found.pop()
            self.assertEqual(value, 4242)
            self.assertGreater(index, before)

        damaged = dict(files, **{"state.bin": files["state.bin"][:-1] + b"x"})
        for content in [b"", b"garbage", saved.body[:-1], gzip.compress(b"x" * 1024)] + [
                gzip.compress(self.tar(files)) for files in [damaged, {"meta.json": b"{}"}]]:
            answer = servers[1].request("PUT", SNAPSHOT, content)
            self.assertEqual(answer.status, 500, answer)
            self.assertTrue(answer.body.startswith(b"failed to restore from snapshot: "), answer)
        bomb = gzip.compress(b"\0" * (64 << 20))
        self.assertEqual(servers[2].request("PUT", SNAPSHOT, bomb).status, 500)
        self.assertEqual(self.read(servers[0]), (4242, index))

        for server in servers:
            server.kill()
        self.start(servers)
        self.assertEqual({self.read(s) for s in servers}, {(4242, index)})
        self.done()

    @staticmethod
    def tar(files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return packed.getvalue()


def selected(suite, names):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from selected(test, names)
        elif not names or any(name in test.id() for name in names):
            yield test


class Members(ProcessTest):
    KEY = base64.b64encode(bytes(range(32))).decode()
    OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()

    def statuses(self, server):
        answer = server.try_request("GET", "/v1/agent/members")
        if answer is None or answer.status != 200:
            return {}
        return {m["Name"].split(".")[0]: m["Status"] for m in answer.json["Members"]}

    def configured(self, server):
        answer = server.try_request("GET", RAFT)
        if answer is None or answer.status != 200:
            return None
        return {s["Node"].split(".")[0]: s["Voter"] for s in answer.json["Servers"]}

    def test_a_server_that_leaves_is_out_and_one_that_stops_is_not(self):
        servers = self.cluster(more={"leave_on_terminate": True})
        self.start(servers)
        leader = self.leader(servers)
        others = [s for s in servers if s is not leader]
        self.assertEqual(leader.terminate(), 0, leader.tail())
        wait_until("%s is gone" % leader.name, lambda: self.configured(others[0]) == {
            s.name: True for s in others}, 10)
        self.assertEqual({self.statuses(s).get(leader.name) for s in others}, {"left"})
        self.write_until_acknowledged(others, 77)
        # The other signal is no farewell.
        others[0].process.send_signal(signal.SIGINT)
        self.assertEqual(others[0].process.wait(10), 0)
        answer = others[1].request("GET", RAFT + "?stale")
        self.assertEqual(len(answer.json["Servers"]), 2)
        self.done()

    def test_what_cannot_be_done_to_members_is_said(self):
        server = self.dev().start().wait_ready()
        for method, path, body, status, text in [
                ("PUT", "/v1/agent/force-leave?node=nobody", None, 404, "nobody"),
                ("PUT", "/v1/agent/force-leave", None, 400, "node"),
                ("PUT", "/v1/agent/join", None, 400, "address"),
                ("PUT", "/v1/agent/join?address=127.0.0.1:%d" % free_ports(1)[0], None, 200, "refused"),
                ("PUT", "/v1/agent/join?address=127.0.0.1:%d" % server.serf_port, None, 200, "itself"),
                ("GET", "/v1/agent/keyring/list", None, 500, "encryption"),
                ("PUT", "/v1/agent/keyring/install", {"Key": self.KEY}, 500, "encryption"),
                ("PUT", "/v1/agent/keyring/install", {"Key": "x"}, 400, "key"),
                ("GET", "/v1/operator/autopilot/plan?failed=nobody", None, 404, "nobody"),
                ("GET", "/v1/operator/autopilot/plan?MinQuorum=-1", None, 400, "MinQuorum"),
                ("GET", "/v1/operator/raft/history?limit=x", None, 400, "limit")]:
            answer = server.request(method, path, body)
            self.assertEqual(answer.status, status, "%s: %r" % (path, answer))
            self.assertIn(text, answer.body.decode())
        self.done()

    def test_garbage_on_the_gossip_port_harms_nobody(self):
        servers = self.cluster()
        self.start(servers)
        dice = random.Random(OPTIONS.seed)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(3000):
                server = servers[dice.randrange(3)]
                data = bytes([dice.randrange(3)]) + dice.randbytes(dice.choice((0, 1, 40, 1200, 9000)))
                s.sendto(data, ("127.0.0.1", server.serf_port))
        self.write_until_acknowledged(servers, 5)
        for server in servers:
            self.assertEqual(set(self.statuses(server).values()), {"alive"})
            counters = {c["Name"]: c["Count"] for c in server.request("GET", "/v1/metrics").json["Counters"]}
            refused = {k: v for k, v in counters.items() if k.startswith("nomad.raft.messages_refused") and v}
            self.assertTrue(refused, "nothing was counted")
        self.done()

    def test_keys_are_exchanged_and_kept_and_a_wrong_one_stays_outside(self):
        servers = self.cluster(count=4, server={"encrypt": self.KEY, "bootstrap_expect": 3})
        stranger = servers[3]
        path = stranger.arguments[1]
        with open(path) as file:
            settings = json.load(file)
        settings["server"]["encrypt"] = self.OTHER_KEY
        with open(path, "w") as file:
            json.dump(settings, file)
        pool = servers[:3]
        self.start(pool)
        leader = self.leader(pool)
        stranger.start()
        wait_until("the stranger says why", lambda: "key" in stranger.tail(), 20)
        self.assertEqual(sorted(self.configured(leader)), ["s1", "s2", "s3"])
        stranger.kill()
        for verb, key in [("install", self.OTHER_KEY), ("use", self.OTHER_KEY), ("remove", self.KEY)]:
            answer = leader.request("PUT", "/v1/agent/keyring/" + verb, {"Key": key})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json["Messages"], {})
        for server in pool:
            server.kill()
        self.start(pool)
        keys = pool[0].request("GET", "/v1/agent/keyring/list").json["Keys"]
        wait_until("all have the new key alone", lambda: pool[0].request(
            "GET", "/v1/agent/keyring/list").json["Keys"] == {self.OTHER_KEY: 3}, 20)
        self.assertNotIn(self.KEY, keys)
        self.done()

    def settle(self, servers, seconds=60):
        """Until all vote and are well; returns who leads."""
        def healthy():
            answer = servers[0].try_request("GET", HEALTH)
            return answer is not None and answer.status == 200 and len(answer.json["Servers"]) == len(servers)
        wait_until("a healthy cluster", healthy, seconds)
        return self.leader(servers)

    def doctor(self, server):
        result = subprocess.run(
            [OPTIONS.binary, "operator", "doctor", "-address=http://127.0.0.1:%d" % server.http_port],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return result.stdout.decode(errors="replace")

    def test_a_copy_of_a_servers_data_stays_outside(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.settle(servers)
        original = next(s for s in servers if s is not leader)
        original.terminate()
        copy = Server(self.root, "copy", free_ports(3), ["-config", os.path.join(self.root, "copy.json")])
        shutil.copytree(original.data, copy.data)
        with open(original.arguments[1]) as file:
            settings = json.load(file)
        settings.update(name="copy", data_dir=copy.data)
        settings["ports"] = {"http": copy.http_port, "rpc": copy.rpc_port, "serf": copy.serf_port}
        with open(copy.arguments[1], "w") as file:
            json.dump(settings, file)
        original.start().wait_ready()
        self.settle(servers)
        before = leader.request("GET", RAFT).json
        self.servers.append(copy)
        copy.start()
        for one in (copy, leader):
            wait_until(lambda: "%s says why\n%s" % (one.name, one.tail()), lambda: (
                "copy of the other's data" in one.tail()), 20)
        self.write_until_acknowledged(servers, 41)
        self.assertIn("another refuses this one", copy.request("GET", "/v1/status/leader").body.decode())
        self.assertEqual(leader.request("GET", RAFT).json["Servers"], before["Servers"])
        actions = [e["Action"] for e in leader.request("GET", "/v1/operator/raft/history").json["Events"]]
        self.assertNotIn("update-address", actions)
        self.done()

    def test_a_healthy_server_that_loses_its_vote_is_healthy_all_the_while(self):
        servers = self.cluster(count=4, server={"bootstrap_expect": 4})
        self.start(servers)
        leader = self.settle(servers)
        demoted = next(s for s in servers if s is not leader)
        demoted.terminate()
        with open(demoted.arguments[1]) as file:
            settings = json.load(file)
        settings["server"].update(non_voting_server=True)
        settings["server"].pop("bootstrap_expect")
        with open(demoted.arguments[1], "w") as file:
            json.dump(settings, file)
        demoted.start().wait_ready()
        self.settle(servers)
        reasons = []

        def seen():
            state = leader.request("GET", "/v1/operator/autopilot/state").json
            one = next(s for s in state["Servers"] if s["Name"] == demoted.name + ".global")
            reasons.append((one.get("UnhealthyReason") or {}).get("Code"))
            return one["Status"]
        wait_until("its vote is gone", lambda: seen() == "non-voter", 30)
        # The next look at all servers comes after half a second.
        index = leader.request("GET", RAFT).json["Index"]
        end = time.monotonic() + 1
        wait_until("two looks", lambda: seen() == "non-voter" and time.monotonic() > end, 10)
        self.assertNotIn("never-contacted", reasons)
        self.assertEqual(leader.request("GET", RAFT).json["Index"], index)
        self.done()

    def test_an_older_copy_of_a_folder_is_filled_up(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.settle(servers)
        renewed = next(s for s in servers if s is not leader)
        renewed.terminate()
        older = os.path.join(self.root, "older")
        shutil.copytree(renewed.data, older)
        renewed.start().wait_ready()
        for value in range(1, 21):
            self.write_until_acknowledged([leader], value)
        wait_until("it has acknowledged all", lambda: (
            renewed.request("GET", AUTOPILOT + "?stale").json["MaxTrailingLogs"] == 20), 20)
        renewed.terminate()
        shutil.rmtree(renewed.data)
        shutil.copytree(older, renewed.data)
        renewed.start().wait_ready()
        self.assertEqual(renewed.request("GET", AUTOPILOT).json["MaxTrailingLogs"], 20)
        self.assertEqual(renewed.request("GET", "/readyz").status, 200)
        counters = {c["Name"]: c["Count"] for c in leader.request("GET", "/v1/metrics").json["Counters"]}
        self.assertEqual(self.leader(servers), leader)
        self.assertEqual(counters["nomad.raft.messages_refused.impossible_answer"], 1)
        self.done()

    def test_servers_of_different_expectations_say_so(self):
        servers = self.cluster()
        path = servers[2].arguments[1]
        with open(path) as file:
            settings = json.load(file)
        settings["server"]["bootstrap_expect"] = 2
        with open(path, "w") as file:
            json.dump(settings, file)
        for server in servers:
            server.start()
        for server, text in [(servers[0], "s3.global has bootstrap_expect 2"),
                             (servers[2], "s1.global has bootstrap_expect 3")]:
            wait_until(lambda: "%s says it\n%s" % (server.name, server.tail()), lambda: text in server.tail(), 20)
            answer = server.request("GET", "/v1/status/leader")
            self.assertEqual(answer.status, 503, answer)
            self.assertIn(text, answer.body.decode())
        self.done()

    def test_a_name_that_a_dead_server_had_means_the_dead(self):
        servers = self.cluster(more={"autopilot": {"cleanup_dead_servers": False}})
        self.start(servers)
        leader = self.settle(servers)
        renewed = next(s for s in servers if s is not leader)
        ids = {s["Node"]: s["ID"] for s in leader.request("GET", RAFT).json["Servers"]}
        former = ids["%s.global" % renewed.name]
        renewed.kill()
        wait_until("it is failed", lambda: self.statuses(leader).get(renewed.name) == "failed", 30)
        shutil.rmtree(renewed.data)
        renewed.start().wait_ready()

        def status():
            members = leader.request("GET", "/v1/agent/members").json["Members"]
            return sorted(m["Status"] for m in members if m["Name"].startswith(renewed.name + "."))
        wait_until("two of one name", lambda: status() == ["alive", "failed"], 30)
        told = self.doctor(leader)
        self.assertIn("martlet server force-leave %s" % former, told)
        self.assertNotIn("start it", told)
        path = "/v1/agent/force-leave?node=%s" % renewed.name
        answer = leader.request("PUT", path)
        self.assertEqual(answer.status, 200, answer)
        wait_until("the dead one has left", lambda: status() == ["alive", "left"], 30)
        wait_until("the doctor is content with names", lambda: former not in self.doctor(leader), 30)
        renewed.kill()
        wait_until("the living one has failed", lambda: status() == ["failed", "left"], 30)
        self.assertEqual(leader.request("PUT", path).status, 200)
        wait_until("both have left", lambda: status() == ["left", "left"], 30)
        answer = leader.request("PUT", path)
        self.assertEqual(answer.status, 409, answer)
        self.assertIn(former, answer.body.decode())
        self.done()

    def test_who_was_left_behind_is_told_no_lost_quorum(self):
        servers = self.cluster(server={"encrypt": self.KEY})
        self.start(servers)
        leader = self.settle(servers)
        behind = next(s for s in servers if s is not leader)
        behind.kill()
        wait_until("it is out", lambda: behind.name not in (self.configured(leader) or {behind.name: 1}), 30)
        for verb, key in [("install", self.OTHER_KEY), ("use", self.OTHER_KEY), ("remove", self.KEY)]:
            answer = leader.request("PUT", "/v1/agent/keyring/" + verb, {"Key": key})
            self.assertEqual(answer.status, 200, answer)
        behind.start()
        told = wait_until("the doctor has a word", lambda: (
            lambda t: t if "quorum" in t and "nobody leads" in t else None)(self.doctor(behind)), 30)
        self.assertIn("the cluster may be well without %s" % behind.name, told)
        self.assertNotIn("raft recover", told)
        self.done()

    def test_what_autopilot_did_is_remembered_by_all(self):
        servers = self.cluster()
        self.start(servers)
        leader = self.leader(servers)
        victim = next(s for s in servers if s is not leader)
        victim.kill()
        wait_until("%s is removed" % victim.name, lambda: victim.name not in (
            self.configured(leader) or {victim.name: 1}), 30)
        victim.start()
        wait_until("%s votes" % victim.name, lambda: (self.configured(leader) or {}).get(victim.name), 30)
        # What was done is written down once it is done, an entry later.
        texts = wait_until("one history, with the promotion", lambda: (
            lambda t: t if len(set(t)) == 1 and b"promote" in t[0] else None)(
            [s.request("GET", "/v1/operator/raft/history?stale").body for s in servers]), 10)
        actions = [e["Action"] for e in json.loads(texts[0])["Events"]]
        self.assertEqual(actions, ["force-leave", "remove", "add-non-voter", "promote"])
        self.done()

def main(module=sys.modules[__name__], add_arguments=lambda parser: None):
    """Runs the tests of a module: this one, or another that shares what is here."""
    global OPTIONS
    parser = argparse.ArgumentParser(description="real processes on loopback, from outside")
    parser.add_argument("--binary", default=".build/release/martlet")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rounds-crash", type=int, default=3)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true")
    add_arguments(parser)
    OPTIONS = parser.parse_args()
    OPTIONS.binary = os.path.abspath(OPTIONS.binary)
    if not os.access(OPTIONS.binary, os.X_OK):
        print("processes: no program at %s: build it first (swift build -c release)" % OPTIONS.binary)
        return 1
    if OPTIONS.seed is None:
        OPTIONS.seed = random.SystemRandom().randrange(1 << 32)
    OPTIONS.random = random.Random(OPTIONS.seed)
    print("seed %d" % OPTIONS.seed)

    tests = list(selected(unittest.defaultTestLoader.loadTestsFromModule(module), OPTIONS.only))
    if not tests:
        print("processes: no test is called %s" % ", ".join(OPTIONS.only))
        return 1
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(unittest.TestSuite(tests))
    broken = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    print("processes: %d passed, %d failed" % (result.testsRun - len(broken), len(broken)))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
