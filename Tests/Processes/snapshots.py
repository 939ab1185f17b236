#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Large states of real processes: saved, inspected and restored, and what that costs the server.

    snapshots.py --binary PATH [--megabytes N] [--only NAME] [--keep]

--megabytes   of synthetic policies in the state (default 60)

Policies of 60,000 bytes each fill one server, through its API. While its state is fetched, another client writes
small policies one after the other, and the server's memory is looked at every few
milliseconds. What is measured is printed; bounds are checked with much room, since a machine that
tests is busy. The last line is "processes: N passed, N failed"; exit status 1 when one failed.
"""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import processes
from processes import SNAPSHOT, ProcessTest, wait_until

RULES_BYTES = 60_000


class Memory(threading.Thread):
    """Looks at a process's memory until it is told to stop; bytes, as the kernel counts them."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.is_over = pid, {}, False
        self.start()

    @staticmethod
    def of(pid):
        found = {}
        with open("/proc/%d/status" % pid) as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                if name in ("VmRSS", "RssAnon"):
                    found[name] = int(rest.split()[0]) << 10
        return found

    def run(self):
        while not self.is_over:
            for name, value in self.of(self.pid).items():
                self.most[name] = max(value, self.most.get(name, 0))
            time.sleep(0.005)

    def stop(self):
        self.is_over = True
        self.join()
        return self.most


class Writer(threading.Thread):
    """Writes small policies one after the other, and notes how long each takes."""

    def __init__(self, test, server, secret):
        super().__init__(daemon=True)
        self.test, self.server, self.secret = test, server, secret
        self.seconds, self.failures, self.is_over = [], [], False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=30)
        number = 0
        while not self.is_over:
            began = time.monotonic()
            status = self.test.put_policy(connection, self.secret, "small-%d" % (number % 10), "# x")
            self.seconds.append(time.monotonic() - began)
            if status != 200:
                self.failures.append(status)
            number += 1
            time.sleep(0.002)

    def stop(self):
        self.is_over = True
        self.join()
        times = sorted(self.seconds)
        return "%d writes, p50 %.1f ms, p99 %.1f ms, longest %.1f ms" % (
            len(times), times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, times[-1] * 1e3)


class Snapshots(ProcessTest):
    def guarded(self, name="first"):
        """A server of its own, and the secret that opens everything."""
        root, self.root = self.root, os.path.join(self.root, name)
        os.mkdir(self.root)
        server = self.cluster(1, more={"acl": {"enabled": True}})[0]
        self.root = root
        server.start()
        token = wait_until("a bootstrap", lambda: self.bootstrap(server), 30)
        return server, token["SecretID"]

    @staticmethod
    def bootstrap(server):
        answer = server.try_request("PUT", "/v1/acl/bootstrap")
        return answer.json if answer is not None and answer.status == 200 else None

    @staticmethod
    def put_policy(connection, secret, name, rules):
        body = json.dumps({"Name": name, "Description": "", "Rules": rules})
        connection.request("PUT", "/v1/acl/policy/" + name, body, {"X-Nomad-Token": secret})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def fill(self, server, secret, megabytes):
        """Comments that compress to about a half, as real policies do."""
        count = max(1, megabytes * 1_000_000 // RULES_BYTES)
        dice = random.Random(1)
        noise = dice.randbytes(RULES_BYTES * 2).hex()
        lock = threading.Lock()
        numbers = iter(range(count))
        failures = []

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                start = number * 97 % RULES_BYTES
                text = noise[start:start + RULES_BYTES]
                rules = "\n".join("# " + text[at:at + 98] for at in range(0, len(text), 100))
                status = self.put_policy(connection, secret, "large-%d" % number, rules[:RULES_BYTES])
                if status != 200:
                    failures.append(status)

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])
        return count

    def save(self, server, secret, path):
        """As a client that keeps nothing in memory."""
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=600)
        connection.request("GET", SNAPSHOT, headers={"X-Nomad-Token": secret})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertIn("sha-256=", answer.headers["Digest"])
        with open(path, "wb") as file:
            while True:
                piece = answer.read(1 << 16)
                if not piece:
                    break
                file.write(piece)
        self.assertEqual(os.path.getsize(path), int(answer.headers["Content-Length"]))

    def martlet(self, server, secret, *arguments, status=0):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
        environment.update(NOMAD_ADDR="http://127.0.0.1:%d" % server.http_port, NOMAD_TOKEN=secret)
        done = subprocess.run(
            [processes.OPTIONS.binary] + list(arguments), env=environment, timeout=600,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def test_a_large_state_is_saved_and_restored_in_little_memory(self):
        megabytes = processes.OPTIONS.megabytes
        server, secret = self.guarded()
        began = time.monotonic()
        count = self.fill(server, secret, megabytes)
        print("    filled with %d MB in %.1f s" % (megabytes, time.monotonic() - began))
        self.quiet(server)

        writer = Writer(self, server, secret)
        time.sleep(3)
        print("    before: %s" % writer.stop())
        before = Memory.of(server.process.pid)
        memory, writer = Memory(server.process.pid), Writer(self, server, secret)
        path = os.path.join(self.root, "large.snap")
        began = time.monotonic()
        self.save(server, secret, path)
        seconds = time.monotonic() - began
        print("    while saving, %.1f s for %.1f MB: %s" % (
            seconds, os.path.getsize(path) / 1e6, writer.stop()))
        most = memory.stop()
        self.assertEqual(writer.failures, [])
        grown = {name: (most[name] - before[name]) / 1e6 for name in before}
        print("    memory of %.0f MB grew by %.1f MB (anonymous: %.1f MB)" % (
            before["VmRSS"] / 1e6, grown["VmRSS"], grown["RssAnon"]))
        # Next to the state itself; of a small one, noise is most of it.
        self.assertLess(grown["RssAnon"], max(64, megabytes))
        self.assertEqual(os.listdir(os.path.join(server.data, "server", "spool")), [])

        text = self.martlet(server, secret, "operator", "snapshot", "inspect", path)
        self.assertIn("Version  1", text)
        other, other_secret = self.guarded("second")
        memory, writer = Memory(other.process.pid), Writer(self, other, other_secret)
        began = time.monotonic()
        text = self.martlet(other, other_secret, "operator", "snapshot", "restore", path)
        print("    restored in %.1f s: %s" % (time.monotonic() - began, writer.stop()))
        self.assertEqual(text, "Snapshot Restored\n")
        print("    memory at most %.0f MB" % (memory.stop()["VmRSS"] / 1e6))
        for number in (0, count // 2, count - 1):
            answers = [
                one.request("GET", "/v1/acl/policy/large-%d" % number, headers={"X-Nomad-Token": secret})
                for one in (server, other)]
            self.assertEqual([a.status for a in answers], [200, 200])
            self.assertEqual(answers[0].json["Rules"], answers[1].json["Rules"])
        # It is on the disk, and read from there in pieces.
        other.kill()
        began = time.monotonic()
        other.start()
        wait_until("the restored server is back", lambda: self.is_there(other, secret, count), 120)
        print("    started again in %.1f s" % (time.monotonic() - began))
        self.done()

    @staticmethod
    def is_there(server, secret, count):
        try:
            return server.request("GET", "/v1/acl/policy/large-%d" % (count - 1),
                                  headers={"X-Nomad-Token": secret}).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def quiet(self, server):
        """Until a compaction that the filling has caused is over: no processor time is used."""
        def used():
            with open("/proc/%d/stat" % server.process.pid) as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        def is_quiet():
            first = used()
            time.sleep(1)
            return used() - first < 10
        wait_until("the server has nothing to do", is_quiet, 120)

    def test_what_is_damaged_changes_nothing(self):
        server, secret = self.guarded()
        self.fill(server, secret, 12)
        path = os.path.join(self.root, "whole.snap")
        self.martlet(server, secret, "operator", "snapshot", "save", path)
        with open(path, "rb") as file:
            whole = file.read()
        self.assertGreater(len(whole), 1 << 20)
        flipped = bytearray(whole)
        flipped[len(flipped) // 2] ^= 1
        headers = {"X-Nomad-Token": secret}
        for name, bad in (("half", whole[:len(whole) // 2]), ("flipped", bytes(flipped)), ("none", b""),
                          ("foreign", b"x" * 3_000_000)):
            answer = server.request("PUT", SNAPSHOT, bad, headers, 60)
            self.assertEqual(answer.status, 500, (name, answer))
            self.assertIn(b"failed to restore from snapshot", answer.body)
            bad_path = os.path.join(self.root, name + ".snap")
            with open(bad_path, "wb") as file:
                file.write(bad)
            self.martlet(server, secret, "operator", "snapshot", "restore", bad_path, status=2)
        answer = server.request("GET", "/v1/acl/policy/large-0", headers=headers)
        self.assertEqual(answer.json["CreateIndex"], answer.json["ModifyIndex"])
        self.assertEqual(os.listdir(os.path.join(server.data, "server", "spool")), [])
        self.done()

    def test_the_agent_saves_until_it_is_told_to_stop(self):
        server, secret = self.guarded()
        folder = os.path.join(self.root, "saved")
        environment = dict(os.environ, NOMAD_ADDR="http://127.0.0.1:%d" % server.http_port, NOMAD_TOKEN=secret)
        agent = subprocess.Popen(
            [processes.OPTIONS.binary, "operator", "snapshot", "agent", "-interval=1s", "-retain=2",
             "-local-path=" + folder], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            seen = set()

            def enough():
                if os.path.isdir(folder):
                    seen.update(n for n in os.listdir(folder) if n.endswith(".snap"))
                return len(seen) >= 4
            wait_until("four saved states", enough, 30)
            agent.send_signal(signal.SIGTERM)
            text, _ = agent.communicate(timeout=10)
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
        self.assertEqual(agent.returncode, 0, text)
        left = sorted(os.listdir(folder))
        self.assertEqual(len(left), 2, left)
        self.assertEqual(left, sorted(seen | set(left))[-2:])
        for name in left:
            self.martlet(server, secret, "operator", "snapshot", "inspect", os.path.join(folder, name))
        self.assertIn("[INFO] snapshot agent: ended", text)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(
        sys.modules[__name__],
        lambda parser: parser.add_argument("--megabytes", type=int, default=60)))
