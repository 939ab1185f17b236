#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What thousands of slow clients cost the others: a measurement, run by hand.

Three servers on loopback. Some thousand connections from as many addresses as the bound on a client's
connections asks for send a request's header a byte at a time, or stop in its middle, and come again
when they are let go. Meanwhile other clients read from the server that leads, at a steady pace and on
connections of their own: with the slow ones and without, in turns, so that whatever else the machine
does falls on both.

    Tests/Processes/slow.py .build/release/martlet [--connections 5000] [--rounds 4] [--seconds 6]

Prints p50 and p99 of both kinds of reads, and the ratios of their medians over the rounds; then the same
beside some clients that send reads without end; then whether the leader is the same and the term has not
grown: no heartbeat was late enough for an election.
"""
import argparse
import multiprocessing
import os
import resource
import selectors
import socket
import statistics
import sys
import time

import processes
from processes import AUTOPILOT, ProcessTest, wait_until

PER_ADDRESS = 90
READS = {"stale": AUTOPILOT + "?stale", "default": AUTOPILOT}
HEADER = b"GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: " + b"x" * 4000


class Stage(ProcessTest):
    """What the process tests start their servers with."""

    def runTest(self):
        pass


def address(number):
    """One of loopback's many."""
    return "127.1.%d.%d" % (number // 250, number % 250 + 1)


class Slow:
    """A process with slow connections to one port; half of them say nothing after their first bytes."""

    def __init__(self, port, count):
        self.port, self.count = port, count
        self.open = multiprocessing.Value("i", 0)
        self.reopened = multiprocessing.Value("i", 0)
        self.is_over = multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)
        self.process.start()

    def connect(self, number):
        client = socket.socket()
        client.setblocking(False)
        client.bind((address(number // PER_ADDRESS), 0))
        client.connect_ex(("127.0.0.1", self.port))
        return client

    def run(self):
        os.nice(5)
        chosen = selectors.DefaultSelector()
        sent = {}
        numbers = list(range(self.count))
        next_byte = time.monotonic()
        while not self.is_over.is_set():
            for number in numbers[:200]:
                client = self.connect(number)
                chosen.register(client, selectors.EVENT_READ, number)
                sent[client] = 0
            del numbers[:200]
            for key, _ in chosen.select(0.02):
                # An answer (408, 429) or an end: it is let go.
                chosen.unregister(key.fileobj)
                del sent[key.fileobj]
                key.fileobj.close()
                numbers.append(key.data)
                self.reopened.value += 1
            if time.monotonic() > next_byte:
                next_byte += 3
                for number, client in enumerate(list(sent)):
                    position = sent[client]
                    if number % 2 == 0 or position == 0:
                        try:
                            sent[client] += client.send(HEADER[position:position + 1])
                        except OSError:
                            pass  # Not connected yet, or gone: the selector tells.
            self.open.value = len(sent)
        for client in sent:
            client.close()
        self.open.value = 0

    def stop(self):
        self.is_over.set()
        self.process.join()


class Greedy:
    """A process with connections that send reads without end, and fetch their answers."""

    COUNT = 20

    def __init__(self, port):
        self.port = port
        self.answers = multiprocessing.Value("L", 0)
        self.is_over = multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)
        self.process.start()

    def run(self):
        os.nice(5)
        requests = ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % READS["stale"]).encode() * 200
        chosen = selectors.DefaultSelector()
        sent = {}
        for _ in range(self.COUNT):
            client = socket.create_connection(("127.0.0.1", self.port))
            client.setblocking(False)
            chosen.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
            sent[client] = 0
        while not self.is_over.is_set():
            for key, events in chosen.select(0.1):
                client = key.fileobj
                if events & selectors.EVENT_READ:
                    self.answers.value += client.recv(1 << 18).count(b"HTTP/1.1 200")
                if events & selectors.EVENT_WRITE:
                    sent[client] = (sent[client] + client.send(requests[sent[client]:])) % len(requests)

    def stop(self):
        self.is_over.set()
        self.process.join()


def measure(port, path, seconds):
    """Latencies of reads on eight connections, one after the other, in seconds."""
    request = ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path).encode()
    clients = []
    for number in range(8):
        client = socket.socket()
        client.bind(("127.2.0.%d" % (number + 1), 0))
        client.connect(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(20)
        clients.append(client)
    latencies = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for client in clients:
            start = time.perf_counter()
            client.sendall(request)
            answer = client.recv(65536)
            latencies.append(time.perf_counter() - start)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            # A pace, so that the reads and not their queue are measured.
            time.sleep(0.0005)
    for client in clients:
        client.close()
    latencies.sort()
    return latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100], len(latencies)


def term(server):
    gauges = server.request("GET", "/v1/metrics").json["Gauges"]
    return next(gauge["Value"] for gauge in gauges if gauge["Name"] == "nomad.raft.term")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=14)
    options = parser.parse_args()
    options.keep = False
    processes.OPTIONS = options
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stage = Stage()
    stage.setUp()
    try:
        servers = stage.cluster(3)
        stage.start(servers)
        code = compare(stage, servers, options)
        stage.done()
        return code
    finally:
        stage.doCleanups()


def compare(stage, servers, options):
    led = stage.leader(servers)
    term_before = term(led)
    found = {}
    for number in range(options.rounds):
        for with_slow in (number % 2 == 1, number % 2 == 0):
            slow = None
            if with_slow:
                slow = Slow(led.http_port, options.connections)
                wait_until(
                    "the slow connections", lambda: slow.open.value >= options.connections * 0.98, 60)
            for kind, path in READS.items():
                measure(led.http_port, path, 0.3)
                p50, p99, count = measure(led.http_port, path, options.seconds / 2)
                found.setdefault((kind, with_slow), []).append((p50, p99))
                print("round %d, %5d slow, %-7s: p50 %4.0f µs, p99 %4.0f µs, %d reads" % (
                    number + 1, slow.open.value if slow else 0, kind, p50 * 1e6, p99 * 1e6, count), flush=True)
            if term(led) != term_before:
                print("         the term is %d, it was %d" % (term(led), term_before))
            if slow:
                slow.stop()
                print("         %d were let go and came again" % slow.reopened.value)
                time.sleep(1)
    greedy = Greedy(led.http_port)
    time.sleep(0.5)
    for kind, path in READS.items():
        start, before = time.monotonic(), greedy.answers.value
        p50, p99, count = measure(led.http_port, path, options.seconds / 2)
        print("beside %d greedy, %-7s: p50 %4.0f µs, p99 %4.0f µs, %d reads; the greedy had %.0f a second" % (
            Greedy.COUNT, kind, p50 * 1e6, p99 * 1e6, count,
            (greedy.answers.value - before) / (time.monotonic() - start)))
    greedy.stop()
    is_good = True
    for kind in READS:
        for place, name in ((0, "p50"), (1, "p99")):
            beside, without = (
                statistics.median(values[place] for values in found[(kind, slow)]) for slow in (True, False))
            print("%-7s %s: %4.0f µs beside, %4.0f µs without: %.2f times" % (
                kind, name, beside * 1e6, without * 1e6, beside / without))
            is_good = is_good and (name == "p50" or beside / without <= 1.5)
    steady = stage.leader(servers) is led and term(led) == term_before
    print("leader and term %s" % ("are the same" if steady else "CHANGED"))
    counters = {c["Name"]: c["Count"] for c in led.request("GET", "/v1/metrics").json["Counters"]}
    for name in ("connections_refused", "requests_deferred", "requests_timed_out", "requests_malformed"):
        print("%s: %d" % (name, counters["nomad.http." + name]))
    return 0 if is_good and steady else 1


if __name__ == "__main__":
    sys.exit(main())
