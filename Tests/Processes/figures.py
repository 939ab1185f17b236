# SPDX-License-Identifier: Apache-2.0
"""The table of figures of docs/internals/faults.md, measured on real processes.

Failover: through each server except the leader a new write on a connection of its own begins every
25 ms, whatever became of those before. What counts is the first of those begun after the fault that
is acknowledged; p99 is by nearest rank, so of less than 100 rounds it is the longest.
"""
import http.client
import json
import math
import os
import random
import threading
import time

import faults
from processes import SCHEDULER, wait_until
from stage import Stage


def percentile(values, percent):
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


class Probes:
    """Writes that begin at a steady pace through some servers."""

    EVERY = 0.025

    def __init__(self, servers):
        self.servers = servers
        self.lock = threading.Lock()
        # (begin, end, status) of each that has ended; no status without an answer.
        self.answers = []
        self.open = 0
        self.is_over = False
        self.pacer = threading.Thread(target=self.pace, daemon=True)
        self.pacer.start()

    def pace(self):
        due = time.monotonic()
        while not self.is_over:
            for server in self.servers:
                with self.lock:
                    self.open += 1
                threading.Thread(target=self.one, args=(server,), daemon=True).start()
            due = max(due + self.EVERY, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))

    def one(self, server):
        start = time.monotonic()
        answer = server.request(
            "PUT", SCHEDULER, json.dumps({"NodeLimitForFeasibilityChecks": int(start * 1e6)}), timeout=20)
        with self.lock:
            self.open -= 1
            self.answers.append((start, time.monotonic(), answer and answer.status))

    def acknowledged(self, since):
        """The ends of those begun after this moment that were acknowledged, in order."""
        with self.lock:
            return sorted(end for start, end, status in self.answers if status == 200 and start >= since)

    def stop(self):
        """Begins no more, waits for those under way; the longest that one took."""
        self.is_over = True
        self.pacer.join()
        wait_until("the answers that are owed", lambda: self.open == 0, 25)
        return max((end - start for start, end, _ in self.answers), default=0)


class Bench:
    """One cluster to measure on."""

    def __init__(self, options, reason, disk="folder"):
        self.stage = Stage(options.binary, options.servers, disk, reason)
        self.dice = random.Random("%s figures" % options.seed)

    def __enter__(self):
        for server in self.stage.servers:
            server.start()
        self.settle()
        return self

    def __exit__(self, *_):
        self.stage.close(keep=False)

    def write(self, server, timeout=10):
        """The index of an acknowledged write, or None."""
        value = int(time.monotonic() * 1e6)
        answer = server.request(
            "PUT", SCHEDULER, json.dumps({"NodeLimitForFeasibilityChecks": value}), timeout=timeout)
        return answer.json["Index"] if answer is not None and answer.status == 200 else None

    def settle(self):
        for server in self.stage.servers:
            wait_until("a write through %s\n%s" % (server.name, server.tail()), lambda: self.write(server), 60)
        time.sleep(self.dice.uniform(0.5, 1.2))

    def term(self):
        return max(g["raft.term"] for g in [s.gauges() for s in self.stage.servers] if g)

    def failover(self, fault, rounds, is_patient):
        """Seconds to the first acknowledged write, terms used, and the longest answer of all.

        `is_patient`: the fault lasts until every request begun is answered.
        """
        times, terms, longest = [], [], 0.0
        for _ in range(rounds):
            leader, term = self.stage.wait_leader(), self.term()
            probes = Probes([s for s in self.stage.servers if s is not leader])
            time.sleep(self.dice.uniform(0.2, 0.6))
            since = time.monotonic()
            fault(leader)
            times.append(wait_until("a write", lambda: probes.acknowledged(since), 60)[0] - since)
            if not is_patient:
                probes.is_over = True
            else:
                time.sleep(1)
            terms.append(self.term() - term)
            longest = max(longest, probes.stop())
            self.stage.heal()
            self.settle()
        return times, terms, longest


# MARK: The figures

def figure_kill(options, reason):
    with Bench(options, reason) as bench:
        return failover_rows("kill -9 of the leader", *bench.failover(lambda l: l.kill(), 40, False))


def figure_paused(options, reason):
    with Bench(options, reason) as bench:
        return failover_rows("leader paused (SIGSTOP)", *bench.failover(lambda l: l.stop(), 15, True))


def figure_isolated(options, reason):
    with Bench(options, reason) as bench:
        if "network" in bench.stage.missing:
            return [("leader isolated", "not possible here: %s" % bench.stage.missing["network"])]

        def isolate(leader):
            bench.stage.cut([
                p for o in bench.stage.servers if o is not leader for p in ((leader, o), (o, leader))])
        return failover_rows("leader isolated", *bench.failover(isolate, 15, True))


def failover_rows(name, times, terms, longest):
    one = sum(t == 1 for t in terms)
    return [
        ("%s: first acknowledged write, p50 / p99 of %d" % (name, len(times)),
         "%.3f / %.3f s" % (percentile(times, 50), percentile(times, 99))),
        ("%s: exactly one term" % name, "%d of %d" % (one, len(terms))),
        ("%s: longest answer through a survivor" % name, "%.2f s" % longest),
    ]


def figure_frozen(options, reason):
    """Ten seconds with the leader's disk frozen: the longest time in which nothing was acknowledged.

    Followers may commit without the leader's disk, so the first write says little."""
    with Bench(options, reason, "small") as bench:
        if "freeze" in bench.stage.missing:
            return [("leader's disk frozen", "not possible here: %s" % bench.stage.missing["freeze"])]
        gaps, longest = [], 0.0
        for _ in range(5):
            leader = bench.stage.wait_leader()
            probes = Probes(bench.stage.servers)
            time.sleep(bench.dice.uniform(0.2, 0.6))
            leader.freeze()
            since = time.monotonic()
            time.sleep(10)
            ends = [since] + [e for e in probes.acknowledged(since) if e < since + 10] + [since + 10]
            gaps.append(max(b - a for a, b in zip(ends, ends[1:])))
            # The answers owed are waited for with the disk still frozen.
            longest = max(longest, probes.stop())
            bench.stage.heal()
            bench.settle()
        return [
            ("leader's disk frozen: longest time without an acknowledged write, each of %d" % len(gaps),
             ", ".join("%.2f" % g for g in gaps) + " s"),
            ("leader's disk frozen: longest answer, through any server", "%.2f s" % longest)]


def figure_full(options, reason):
    """Disks are full for longer than a request may wait, under writes; then they have space again."""
    with Bench(options, reason, "small") as bench:
        if "full" in bench.stage.missing:
            return [("disk full", "not possible here: %s" % bench.stage.missing["full"])]
        rows = []
        for name, choose in (
                ("leader's", lambda: [bench.stage.wait_leader()]), ("all", lambda: bench.stage.servers)):
            during, after, noticed, longest = [], [], 0, 0.0
            for _ in range(5):
                victims = choose()
                before = sum(s.log_count("the disk is full") for s in bench.stage.servers)
                probes = Probes(bench.stage.servers)
                for server in victims:
                    server.fill()
                full = time.monotonic()
                time.sleep(8)
                for server in victims:
                    server.free()
                free = time.monotonic()
                after.append(wait_until("a write", lambda: probes.acknowledged(free), 60)[0] - free)
                ends = [full] + [e for e in probes.acknowledged(full) if e < free] + [free]
                during.append(max(b - a for a, b in zip(ends, ends[1:])))
                longest = max(longest, probes.stop())
                noticed += sum(s.log_count("the disk is full") for s in bench.stage.servers) > before
                bench.settle()
            ended = sum(s.has_ended_itself for s in bench.stage.servers)
            rows += [
                ("%s disk full (noticed in %d of %d): longest time without an acknowledged write" % (
                    name, noticed, len(after)), "%.2f s" % max(during)),
                ("%s disk full: first acknowledged write after space returned, longest" % name,
                 "%.2f s" % max(after)),
                ("%s disk full: longest answer; processes that ended" % name, "%.2f s; %d" % (longest, ended))]
        return rows


def figure_stale(options, reason):
    """Default reads at a leader that was paused while another took over.

    A round is one read on a connection of its own that is sent after a newer write was acknowledged
    elsewhere: half of them while the old leader is still stopped, so that they are the first it
    finds, half at the moment it goes on."""
    pauses, each = 100, 20
    answered = refused = stale = 0
    with Bench(options, reason) as bench:
        for _ in range(pauses):
            old = bench.stage.wait_leader()
            bench.write(old)
            crowd = [old.connection(10) for _ in range(each)]
            for connection in crowd:
                connection.connect()
            old.stop()
            others = [s for s in bench.stage.servers if s is not old]

            def newer():
                return next((i for i in (bench.write(s, 2) for s in others) if i), None)
            wait_until("another leader", newer, 60)
            index = wait_until("a newer write", newer, 60)
            for connection in crowd[::2]:
                connection.request("GET", SCHEDULER)
            old.resume()
            for connection in crowd[1::2]:
                connection.request("GET", SCHEDULER)
            for connection in crowd:
                try:
                    response = connection.getresponse()
                    body = response.read()
                except (OSError, http.client.HTTPException):
                    response = None
                if response is None or response.status != 200:
                    refused += 1
                else:
                    answered += 1
                    stale += json.loads(body)["SchedulerConfig"]["ModifyIndex"] < index
                connection.close()
            bench.settle()
    return [("stale default reads at a deposed leader, of %d directed rounds (%d pauses)" % (
        pauses * each, pauses), "%d (%d answered, %d refused)" % (stale, answered, refused))]


def figure_lost(options, reason):
    """Acknowledged writes that are gone after kill -9 of all servers at once, under load."""
    options.seconds, options.times, options.hold = float("inf"), 200, 0.35
    stage = Stage(options.binary, options.servers, "folder", reason)
    try:
        storm = faults.Storm(options, stage)
        storm.SEGMENT_OPERATIONS = 5000
        storm.run(["kill_all"])
        problems = storm.history.problems
        for problem in problems[:10]:
            print("problem: %s" % problem)
        made = len(storm.recoveries.get("kill_all", []))
        writes = sum(n for (kind, outcome), n in storm.history.outcomes.items()
                     if kind in ("write", "cas") and outcome == "ok")
        return [("acknowledged writes lost (or any other problem) over %d whole-cluster kill -9" % made,
                 "%d (%d acknowledged)" % (len(problems), writes))]
    finally:
        stage.close(keep=False)


FIGURES = {
    "kill": figure_kill, "paused": figure_paused, "isolated": figure_isolated, "frozen": figure_frozen,
    "full": figure_full, "stale": figure_stale, "lost": figure_lost,
}


def measure(options, reason):
    rows, failed = [], []
    for name, figure in FIGURES.items():
        if options.only and not any(o in name for o in options.only):
            continue
        print("measuring: %s (load %.1f)" % (name, os.getloadavg()[0]), flush=True)
        try:
            made = figure(options, reason)
        except Exception as error:
            failed.append(name)
            made = [(name, "failed: %s: %s" % (type(error).__name__, error))]
        for row in made:
            print("| %s | %s |" % row, flush=True)
        rows += made
    print("\n| What, %d servers | Measured |\n|---|---|" % options.servers)
    for row in rows:
        print("| %s | %s |" % row)
    print("faults: %s figures" % ("FAILED" if failed else "PASSED"))
    return 1 if failed else 0
