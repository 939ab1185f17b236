#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real processes of the built program under faults, and whether they kept their promises.

    faults.py --binary PATH [--seconds N] [--seed S] [--servers 3|5] [--only NAME] [--figures]
    faults.py --self-test

--seconds    how long faults are made (default 60)
--seed       for the schedule of faults and what clients do (default: printed, from the system);
             the servers' own timing is not replayed by it
--only       a fault (or, with --figures, a figure) by its name or a part of it, several times
--list       the names
--clients    how many ask at the same time (default 6)
--hang       seconds after which a request without an answer is a fault of the server (default 6:
             the server's bound is 5)
--hold       the longest that a fault lasts (default 3)
--times      ends after so many faults
--patience   seconds within which everything must work again after a fault (default 30)
--figures    measures instead: the table of docs/internals/faults.md
--self-test  tests the checker, and runs no server
--keep       keep the folders, not only when something is wrong
--verbose    print each fault when it begins

Clients read and write two registers through all servers, all they see is recorded, and register.py
says whether one copy could have answered so. Beyond that: no process ends by itself, no request is
left without an answer, and after each fault every server takes writes again.
The last line is "faults: PASSED …" or "faults: FAILED …", and the exit status says the same.
Python 3 standard library only.
"""
import argparse
import http.client
import itertools
import json
import os
import random
import signal
import socket
import sys
import threading
import time

import register
from processes import AUTOPILOT, SCHEDULER, peer_garbage, wait_until
from register import Operation
from stage import Stage, enter_namespaces

REGISTERS = {"autopilot": AUTOPILOT, "scheduler": SCHEDULER}


class History:
    """Everything that clients did since the last check, and what has to be remembered of before."""

    def __init__(self, hang):
        self.hang = hang
        self.lock = threading.Lock()
        self.values = itertools.count(1000)
        self.operations = {name: [] for name in REGISTERS}
        self.initial = {}
        # Values of earlier segments that may or did take effect, for stale reads of them.
        self.earlier = {name: set() for name in REGISTERS}
        self.problems = []
        self.acknowledged = []
        self.count = 0
        self.slowest = 0.0
        self.outcomes = {}

    def record(self, name, operation, waited):
        """`waited` is how long it took, without the time for which nobody could answer."""
        with self.lock:
            self.operations[name].append(operation)
            self.count += 1
            key = (operation.kind, operation.outcome)
            self.outcomes[key] = self.outcomes.get(key, 0) + 1
            self.slowest = max(self.slowest, waited)
            if operation.kind in ("write", "cas") and operation.outcome == "ok":
                self.acknowledged.append((operation.start, operation.end))
            if waited > self.hang:
                self.problems.append("no answer for %.1f s: %s" % (waited, operation))

    def check(self):
        """Checks what was done since the last time; to be called while no client is at work."""
        for name, operations in self.operations.items():
            if name not in self.initial:
                continue
            first = self.initial[name]
            old = [o for o in operations if o.kind == "stale" and o.outcome == "ok" and o.index < first[1]]
            for o in old:
                if o.value not in self.earlier[name]:
                    self.problems.append("%s: nobody wrote this: %s" % (name, o))
            now = [o for o in operations if not (o.kind == "stale" and o.outcome == "ok" and o.index < first[1])]
            self.problems += ["%s: %s" % (name, text) for text in register.check(now, first)]
            self.earlier[name].update(
                o.value for o in now if o.kind in ("write", "cas") and o.outcome in ("ok", "unknown"))
            self.earlier[name].add(first[0])

    def go_on(self, initial):
        """Begins a new segment: unknown writes that nobody saw may still come."""
        for name, operations in self.operations.items():
            seen = {o.value for o in operations if o.index is not None}
            self.operations[name] = [
                o for o in operations
                if o.kind in ("write", "cas") and o.outcome == "unknown" and o.value not in seen]
        self.initial = initial
        self.acknowledged = []

    def first_acknowledged(self, since):
        """When the first write that was sent after this moment was acknowledged; None without one."""
        with self.lock:
            ends = [end for start, end in self.acknowledged if start >= since]
        return min(ends, default=None)


class Caller:
    """Asks servers, one request at a time, and records what came of it."""

    def __init__(self, history, stage, number):
        self.history, self.stage, self.number = history, stage, number
        self.connections = {}
        # The newest version of each register that this one was told of.
        self.told = {}

    def ask(self, server, name, kind, expected=None):
        """One operation; the Operation, or None if it was never sent."""
        connection = self.connections.get(server)
        try:
            if connection is None:
                connection = server.connection(self.history.hang + 2)
                connection.connect()
                self.connections[server] = connection
        except OSError:
            return None
        path, body, value = REGISTERS[name], None, None
        if kind in ("write", "cas"):
            value = next(self.history.values)
            field = "MaxTrailingLogs" if name == "autopilot" else "NodeLimitForFeasibilityChecks"
            body = json.dumps({field: value})
            if kind == "cas":
                path += "?cas=%d" % expected
        elif kind == "stale":
            path += "?stale"
        life, start = server.life, time.monotonic()
        status, answer, note = None, b"", ""
        try:
            connection.request("PUT" if body else "GET", path, body=body)
            response = connection.getresponse()
            answer, status = response.read(), response.status
        except (OSError, http.client.HTTPException) as error:
            note = type(error).__name__
            connection.close()
            self.connections.pop(server, None)
        end = time.monotonic()
        operation = Operation(
            kind, start, end, "failed", value=value, expected=expected, client=self.number,
            server=server.name, life=life if life == server.life else None, note=note or str(status))
        self.understand(operation, name, status, answer)
        self.history.record(name, operation, end - start - server.paused_within(start, end))
        if operation.outcome == "ok" and operation.index is not None and kind != "stale":
            self.told[name] = operation.index
        return operation

    def understand(self, operation, name, status, answer):
        if operation.kind in ("read", "stale"):
            if status == 200:
                content = json.loads(answer)
                content = content["SchedulerConfig"] if name == "scheduler" else content
                operation.outcome, operation.index = "ok", content["ModifyIndex"]
                operation.value = content[
                    "MaxTrailingLogs" if name == "autopilot" else "NodeLimitForFeasibilityChecks"]
            return
        if status == 200:
            content = json.loads(answer)
            is_done = content if name == "autopilot" else content["Updated"]
            operation.outcome = "ok" if is_done else "differs"
            if is_done and name == "scheduler":
                operation.index = content["Index"]
            if not is_done and operation.kind == "write":
                self.history.problems.append("a plain write was not done: %s" % operation)
        elif status is None or status == 500:
            operation.outcome = "unknown"
        elif status not in (429, 503):
            self.history.problems.append("an answer that nothing explains: %s %s" % (operation, answer[:200]))

    def close(self):
        for connection in self.connections.values():
            connection.close()


class Client(threading.Thread, Caller):
    """One that never rests, until it is told to."""

    def __init__(self, history, stage, number, seed, gate):
        threading.Thread.__init__(self, daemon=True)
        Caller.__init__(self, history, stage, number)
        self.dice = random.Random("%s client %d" % (seed, number))
        self.gate = gate
        self.is_idle = threading.Event()
        self.is_over = False

    def run(self):
        try:
            while not self.is_over:
                if not self.gate.is_set():
                    self.is_idle.set()
                    self.gate.wait(1)
                    continue
                self.is_idle.clear()
                self.one()
                time.sleep(self.dice.choice((0, 0, 0.002, 0.01)))
        except Exception as error:  # A client that is gone would look like a quiet history.
            self.history.problems.append("client %d ended: %r" % (self.number, error))
        self.is_idle.set()

    def one(self):
        server = self.dice.choice(self.stage.servers)
        name = self.dice.choice(list(REGISTERS))
        kind = self.dice.choice(("read",) * 7 + ("cas",) * 7 + ("write",) * 4 + ("stale",) * 2)
        expected = self.told.get(name)
        if kind == "cas" and expected is None:
            kind = "read"
        operation = self.ask(server, name, kind, expected if kind == "cas" else None)
        if operation is None:
            time.sleep(0.02)
        elif operation.outcome == "differs":
            # It would differ again.
            self.told.pop(name, None)


# MARK: The faults

class Faults:
    """What can be done to a cluster. Each takes nothing back: that is Stage.heal."""

    def __init__(self, stage, dice):
        self.stage, self.dice = stage, dice

    def leader(self):
        return self.stage.leader() or self.dice.choice(self.running())

    def running(self):
        return [s for s in self.stage.servers if s.is_alive and not s.is_stopped] or self.stage.servers

    def followers(self):
        leader = self.leader()
        return [s for s in self.running() if s is not leader] or [leader]

    def some(self, servers):
        """At least one of them."""
        return self.dice.sample(servers, self.dice.randint(1, len(servers)))

    def kill(self, servers):
        for server in servers:
            if not server.is_frozen:
                server.kill()

    def kill_leader(self):
        self.kill([self.leader()])

    def kill_follower(self):
        self.kill([self.dice.choice(self.followers())])

    def kill_some(self):
        self.kill(self.some(self.stage.servers))

    def kill_all(self):
        self.kill(self.dice.sample(self.stage.servers, len(self.stage.servers)))

    def kill_again_and_again(self):
        victim = self.dice.choice(self.stage.servers)
        for _ in range(3):
            self.kill([victim])
            if not victim.is_alive:
                victim.start()
            time.sleep(self.dice.uniform(0.01, 0.5))

    def stop(self, servers):
        for server in servers:
            if server.is_alive and not server.is_stopped:
                server.stop()

    def stop_leader(self):
        self.stop([self.leader()])

    def stop_follower(self):
        self.stop([self.dice.choice(self.followers())])

    def stop_some(self):
        self.stop(self.some(self.stage.servers))

    def stop_in_turns(self):
        for _ in range(3):
            leader = self.leader()
            self.stop([leader])
            time.sleep(self.dice.uniform(0.2, 1.5))
            if leader.is_alive and leader.is_stopped:
                leader.resume()

    def terminate(self, server):
        if server.is_alive and not server.is_stopped and not server.is_frozen:
            status = server.terminate()
            assert status == 0, "%s answered SIGTERM with status %s" % (server.name, status)

    def terminate_leader(self):
        self.terminate(self.leader())

    def terminate_follower(self):
        self.terminate(self.dice.choice(self.followers()))

    def transfer(self):
        target = self.dice.choice(self.followers())
        path = "/v1/operator/raft/transfer-leadership?address=%s" % target.peer_address
        self.dice.choice(self.running()).request("PUT", path, timeout=5)

    # Networks. A pair is a direction.

    def others(self, server):
        return [s for s in self.stage.servers if s is not server]

    def network_leader(self):
        leader = self.leader()
        self.stage.cut([p for o in self.others(leader) for p in ((leader, o), (o, leader))])

    def network_leader_is_not_heard(self):
        leader = self.leader()
        self.stage.cut([(leader, o) for o in self.others(leader)])

    def network_leader_hears_nobody(self):
        leader = self.leader()
        self.stage.cut([(o, leader) for o in self.others(leader)])

    def network_leader_keeps_one(self):
        leader = self.leader()
        friend = self.dice.choice(self.others(leader))
        self.stage.cut([
            p for o in self.others(leader) if o is not friend for p in ((leader, o), (o, leader))])

    def network_halves(self):
        left = self.some(self.stage.servers)
        self.stage.cut([
            p for a in left for b in self.stage.servers if b not in left for p in ((a, b), (b, a))])

    def network_ring(self):
        """Each server reaches a majority, and no two the same one (of three: two reach one)."""
        ring = self.dice.sample(self.stage.servers, len(self.stage.servers))
        size = len(ring)
        near = {(ring[i], ring[(i + d) % size]) for i in range(size) for d in (-1, 1)}
        if size == 3:
            near -= {(ring[0], ring[2]), (ring[2], ring[0])}
        self.stage.cut([(a, b) for a in ring for b in ring if a is not b and (a, b) not in near])

    def network_random_directions(self):
        pairs = [(a, b) for a in self.stage.servers for b in self.others(a)]
        self.stage.cut(self.dice.sample(pairs, self.dice.randint(1, len(pairs) - 1)))

    def network_flaps(self):
        for _ in range(6):
            self.network_random_directions()
            time.sleep(self.dice.uniform(0.02, 0.4))
            self.stage.cut([])
            time.sleep(self.dice.uniform(0.02, 0.2))

    # Disks.

    def freeze(self, server):
        if not server.is_frozen:
            server.freeze()

    def freeze_leader(self):
        self.freeze(self.leader())

    def freeze_follower(self):
        self.freeze(self.dice.choice(self.followers()))

    def freeze_some(self):
        for server in self.some(self.stage.servers):
            self.freeze(server)

    def full(self, servers):
        for server in servers:
            if not server.is_full and not server.is_frozen:
                server.fill()

    def full_leader(self):
        self.full([self.leader()])

    def full_follower(self):
        self.full([self.dice.choice(self.followers())])

    def full_all(self):
        self.full(self.stage.servers)

    def full_and_killed(self):
        """They start again although there is no space."""
        victims = self.some(self.stage.servers)
        self.full(victims)
        time.sleep(self.dice.uniform(0, 0.5))
        self.kill(victims)
        for server in victims:
            if not server.is_alive:
                server.start()

    def noise(self):
        """Garbage, half a request, and a crowd of connections on every port."""
        crowd = []
        try:
            for number in range(60):
                server = self.dice.choice(self.stage.servers)
                try:
                    peer = socket.create_connection((server.host, server.ports[number % 3]), 2)
                    crowd.append(peer)
                    if number % 3 == 0:
                        peer.sendall(b"PUT /v1/operator/autopilot/configuration HTTP/1.1\r\nHo")
                    elif number % 2:
                        peer.sendall(peer_garbage(self.dice, number % 4))
                except OSError:
                    pass
            time.sleep(self.dice.uniform(0.1, 0.5))
        finally:
            for peer in crowd:
                peer.close()


ALL = [
    "kill_leader", "stop_leader", "network_leader", "full_leader", "freeze_leader", "kill_all",
    "terminate_leader", "network_leader_is_not_heard", "noise", "stop_follower", "kill_follower",
    "network_leader_hears_nobody", "full_follower", "network_ring", "stop_in_turns", "transfer",
    "freeze_follower", "network_leader_keeps_one", "freeze_some", "kill_some", "network_flaps", "full_all",
    "terminate_follower", "network_halves", "stop_some", "kill_again_and_again",
    "full_and_killed", "network_random_directions",
]


def possible(stage, only):
    """The faults that can be made here; prints those that cannot, and why."""
    names = [n for n in ALL if not only or any(o in n for o in only)]
    for need, reason in sorted(stage.missing.items()):
        left_out = [n for n in names if n.startswith(need)]
        names = [n for n in names if n not in left_out]
        if left_out:
            print("skipped: %s: %s" % (", ".join(left_out), reason))
    return names


# MARK: A run

class Storm:
    """Clients at work, one fault after another, and checks in between."""

    # A segment that is longer is checked, and its memory given back.
    SEGMENT_OPERATIONS = 200_000

    def __init__(self, options, stage):
        self.options, self.stage = options, stage
        self.dice = random.Random("%s faults" % options.seed)
        self.history = History(options.hang)
        self.faults = Faults(stage, self.dice)
        self.gate = threading.Event()
        self.probe = Caller(self.history, stage, 0)
        self.clients = [
            Client(self.history, stage, n + 1, options.seed, self.gate) for n in range(options.clients)]
        # name -> seconds from the fault to the next acknowledged write, None if it came after healing
        self.recoveries = {}
        self.segments = 0

    def run(self, names):
        self.begin()
        deadline = time.monotonic() + self.options.seconds
        order = []
        made = 0
        while time.monotonic() < deadline and made < self.options.times and not self.history.problems:
            made += 1
            if not order:
                # All of them, in a new order each time; the first time the telling ones first.
                order = names[::-1] if not self.recoveries else self.dice.sample(names, len(names))
            name = order.pop()
            pair = [name]
            if self.recoveries and len(names) > 1 and self.dice.random() < 0.2:
                pair.append(self.dice.choice(names))
            self.one(pair, deadline)
            if self.history.count > self.SEGMENT_OPERATIONS * (self.segments + 1):
                self.check()
        self.check()
        self.end()

    def begin(self):
        for server in self.stage.servers:
            server.start()
        self.settle("the start")
        self.history.go_on({name: self.last(name) for name in REGISTERS})
        self.gate.set()
        for client in self.clients:
            client.start()

    def one(self, names, deadline):
        if self.options.verbose:
            print("%8.2f %s" % (time.monotonic(), ", ".join(names)), flush=True)
        for name in names:
            getattr(self.faults, name)()
        began = time.monotonic()
        rest = min(self.dice.uniform(0.3, self.options.hold), max(0.3, deadline - time.monotonic()))
        time.sleep(rest)
        self.look(", ".join(names))
        self.stage.heal()
        healed = time.monotonic()
        self.settle(", ".join(names))
        first = self.history.first_acknowledged(began)
        self.recoveries.setdefault(names[0] if len(names) == 1 else "two at once", []).append(
            None if first is None or first > healed else first - began)
        time.sleep(self.dice.uniform(0.05, 0.5))

    def look(self, name):
        for server in self.stage.servers:
            if server.has_ended_itself:
                self.history.problems.append("%s ended by itself with %s during: %s\n%s" % (
                    server.name, server.process.returncode, name, server.tail()))

    def settle(self, name):
        """Every server takes a write and answers a read."""
        for server in self.stage.servers:
            def works():
                self.look(name)
                if self.history.problems:
                    return True
                wrote = self.probe.ask(server, "scheduler", "write")
                if wrote is None or wrote.outcome != "ok":
                    return False
                read = self.probe.ask(server, "autopilot", "read")
                return read is not None and read.outcome == "ok"
            try:
                wait_until("service through %s after: %s" % (server.name, name), works, self.options.patience)
            except AssertionError as error:
                self.history.problems.append("%s\n%s" % (error, server.tail()))
                return

    def last(self, name):
        """What is read through each server in turn while no client is at work: (value, index).

        They may differ: a write of unknown outcome can still arrive. The history tells."""
        for server in self.stage.servers:
            def works():
                read = self.probe.ask(server, name, "read")
                return read if read is not None and read.outcome == "ok" else None
            read = wait_until("a read through %s" % server.name, works, self.options.patience)
        return read.value, read.index

    def check(self):
        self.gate.clear()
        for client in self.clients:
            client.is_idle.clear()
        for client in self.clients:
            client.is_idle.wait(self.options.hang + self.options.patience)
        initial = {name: self.last(name) for name in REGISTERS}
        self.history.check()
        self.history.go_on(initial)
        self.segments += 1
        self.gate.set()

    def end(self):
        self.gate.clear()
        for client in self.clients:
            client.is_over = True
        for client in self.clients:
            client.join(self.options.hang + 5)
            client.close()
        self.probe.close()

    def report(self):
        made = sum(len(r) for r in self.recoveries.values())
        print("%-30s %5s  %s" % ("fault", "times", "s to the next acknowledged write: median, longest"))
        for name in ALL + ["two at once"]:
            times = self.recoveries.get(name)
            if not times:
                continue
            during = sorted(t for t in times if t is not None)
            text = "only when healed" if not during else "%.2f %.2f" % (during[len(during) // 2], during[-1])
            if during and len(during) < len(times):
                text += ", %d only when healed" % (len(times) - len(during))
            print("%-30s %5d  %s" % (name, len(times), text))
        counts = ", ".join("%s %s %d" % (k[0], k[1], n) for k, n in sorted(self.history.outcomes.items()))
        print("operations: %s" % counts)
        print("slowest answer: %.2f s (beside the time for which its server was stopped)" % self.history.slowest)
        print("the server said that its disk is full: %d times" % sum(
            s.log_count("the disk is full") for s in self.stage.servers))
        return made


def storm(options, reason):
    stage = Stage(options.binary, options.servers, disk="small", loopback_reason=reason)
    problems, made, count = [], 0, 0
    try:
        names = possible(stage, options.only)
        if not names:
            print("faults: FAILED nothing of what was asked for can be done here")
            return 1
        work = Storm(options, stage)
        problems = work.history.problems
        try:
            work.run(names)
        except Exception as error:
            problems.append("%s: %s" % (type(error).__name__, error))
        made, count = work.report(), work.history.count
    finally:
        stage.close(keep=bool(problems) or options.keep)
    for problem in problems[:20]:
        print("problem: %s" % problem)
    print("faults: %s seed %d, %d servers, %d faults, %d operations, %d problems" % (
        "FAILED" if problems else "PASSED", options.seed, options.servers, made, count, len(problems)))
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description="real processes under faults, from outside")
    parser.add_argument("--binary", default=".build/release/martlet")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--servers", type=int, choices=(3, 5), default=3)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--hang", type=float, default=6)
    parser.add_argument("--hold", type=float, default=3)
    parser.add_argument("--times", type=float, default=float("inf"))
    parser.add_argument("--patience", type=float, default=30)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        failures = register.self_test()
        for failure in failures:
            print("problem: %s" % failure)
        print("faults: %s the checker's own test" % ("FAILED" if failures else "PASSED"))
        return 1 if failures else 0
    if options.list:
        print("\n".join(ALL))
        return 0
    options.binary = os.path.abspath(options.binary)
    if not os.access(options.binary, os.X_OK):
        print("faults: no program at %s: build it first (swift build -c release)" % options.binary)
        return 1
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
        sys.argv += ["--seed", str(options.seed)]
    reason = enter_namespaces()
    print("seed %d" % options.seed, flush=True)

    def ended(number, frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    try:
        if options.figures:
            import figures
            return figures.measure(options, reason)
        return storm(options, reason)
    except KeyboardInterrupt:
        print("faults: FAILED interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
