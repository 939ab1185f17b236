#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a cluster heals itself: the timeline of real processes, on loopback, with the defaults.

    timeline.py --binary PATH [--rounds N] [--only killed|stopped|replaced] [--keep]

killed    a follower is killed: when health says so, when gossip does, when Raft forgets it, and what
          becomes of it when it starts again; live servers must not be called unhealthy meanwhile
stopped   a follower is stopped in good order and started again: it keeps its vote
replaced  three servers of a newer version take the place of three, with zones on, under writes

One line for each round, then percentiles; exit status 1 when something did not happen in time.
Python 3 standard library only.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time

import processes
from processes import AUTOPILOT, HEALTH, RAFT, Server, free_ports, wait_until

STATE = "/v1/operator/autopilot/state"
MEMBERS = "/v1/agent/members"


class Cluster:
    # Whoever was started, to be ended however the script ends.
    everybody = []

    def __init__(self, root, count):
        self.root = root
        self.join = []
        self.servers = []
        for position in range(count):
            self.add(position, expect=count)

    def add(self, position, expect=0, leaves=False, **more):
        """Another server; not started. Those that found the cluster know each other's ports."""
        if not self.servers:
            self.pool = [free_ports(3) for _ in range(8)]
            self.join = ["127.0.0.1:%d" % ports[2] for ports in self.pool[:3]]
        ports = self.pool[len(self.servers)]
        name = "s%d" % (len(self.servers) + 1)
        path = os.path.join(self.root, name + ".json")
        server = Server(self.root, name, ports, ["-config", path])
        settings = {
            "name": name, "data_dir": server.data, "bind_addr": "127.0.0.1",
            "ports": {"http": ports[0], "rpc": ports[1], "serf": ports[2]},
            "leave_on_terminate": leaves,
            "server": dict({
                "enabled": True,
                "server_join": {"retry_join": self.join, "retry_interval": "1s"}}, **more)}
        if expect:
            settings["server"]["bootstrap_expect"] = expect
        with open(path, "w") as file:
            json.dump(settings, file, indent=1)
        self.servers.append(server)
        Cluster.everybody.append(server)
        return server

    def start(self):
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait_ready(30)
        self.healthy()

    def healthy(self, seconds=60):
        wait_until("health 200", lambda: self.health(self.leader()) == 200, seconds)

    def health(self, server):
        answer = server.try_request("GET", HEALTH)
        return answer and answer.status

    def leader(self):
        def found():
            for server in self.servers:
                if server.process is None or server.process.poll() is not None:
                    continue
                answer = server.try_request("GET", "/v1/status/leader")
                if answer is None or answer.status != 200:
                    continue
                for one in self.servers:
                    if answer.json == "127.0.0.1:%d" % one.rpc_port:
                        return one
        return wait_until("a leader", found, 30)

    def entry(self, asked, server):
        """What the Raft configuration has of a server."""
        answer = asked.try_request("GET", RAFT)
        if answer is None or answer.status != 200:
            return None
        address = "127.0.0.1:%d" % server.rpc_port
        return next((e for e in answer.json["Servers"] if e["Address"] == address), None)

    def count(self, asked):
        """How many servers the Raft configuration has, as far as this one can say."""
        answer = asked.try_request("GET", RAFT)
        return len(answer.json["Servers"]) if answer is not None and answer.status == 200 else None

    def serf(self, asked, server):
        answer = asked.try_request("GET", MEMBERS)
        if answer is None or answer.status != 200:
            return None
        return next(
            (m["Status"] for m in answer.json["Members"] if m["Tags"]["port"] == str(server.rpc_port)), None)

    def end(self):
        for server in self.servers:
            server.kill()


def percentile(values, percent):
    ranked = sorted(values)
    return ranked[max(0, -(-percent * len(ranked) // 100) - 1)]


class Readings:
    """Counts how often a live server is called unhealthy."""

    def __init__(self, cluster, leader, victim):
        self.leader, self.address = leader, "127.0.0.1:%d" % victim.rpc_port
        self.count = self.false = 0
        self.is_over = False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.is_over:
            answer = self.leader.try_request("GET", HEALTH)
            if answer is not None and answer.status in (200, 429):
                for server in answer.json["Servers"]:
                    if server["Address"] != self.address:
                        self.count += 1
                        self.false += not server["Healthy"]
            time.sleep(0.05)

    def end(self):
        self.is_over = True
        self.thread.join()
        return self.count, self.false


def killed(root, rounds):
    cluster = Cluster(root, 3)
    cluster.start()
    time.sleep(3)
    times = {name: [] for name in ("unhealthy", "failed", "removed", "listed", "voter")}
    readings = false = 0
    for number in range(rounds):
        leader = cluster.leader()
        victim = [s for s in cluster.servers if s is not leader][number % 2]
        watch = Readings(cluster, leader, victim)
        start = time.monotonic()
        victim.kill()

        def passed(name, predicate, seconds):
            wait_until("%s of %s" % (name, victim.name), predicate, seconds)
            times[name].append(time.monotonic() - start)
        passed("unhealthy", lambda: cluster.health(leader) == 429, 30)
        passed("failed", lambda: cluster.serf(leader, victim) in ("failed", "left"), 60)
        passed("removed", lambda: cluster.entry(leader, victim) is None, 60)
        cluster.healthy()
        start = time.monotonic()
        victim.start()
        passed("listed", lambda: cluster.entry(leader, victim) is not None, 30)
        passed("voter", lambda: cluster.entry(leader, victim)["Voter"], 60)
        count, wrong = watch.end()
        readings, false = readings + count, false + wrong
        cluster.healthy()
        print("killed %d: " % (number + 1) + ", ".join(
            "%s %.2f s" % (name, values[-1]) for name, values in times.items()), flush=True)
    cluster.end()
    for name, values in times.items():
        print("killed: %-9s p50 %6.2f s  p99 %6.2f s" % (name, percentile(values, 50), percentile(values, 99)))
    print("killed: live servers unhealthy in %d of %d readings" % (false, readings))
    return false == 0


def stopped(root, rounds):
    cluster = Cluster(root, 3)
    cluster.start()
    lost = 0
    for number in range(rounds):
        leader = cluster.leader()
        victim = cluster.servers[number % 3]
        victim.terminate()
        time.sleep(1 if number % 2 else 20)
        victim.start()
        start = time.monotonic()
        asked = cluster.leader()
        if not (cluster.entry(asked, victim) or {}).get("Voter"):
            lost += 1
        cluster.healthy()
        print("stopped %d: %s, healthy after %.2f s" % (
            number + 1, "the leader" if victim is leader else "a follower", time.monotonic() - start), flush=True)
    cluster.end()
    print("stopped: the vote was lost in %d of %d" % (lost, rounds))
    return lost == 0


class Writes:
    """One write every 20 ms through a server; which were refused."""

    def __init__(self, server):
        self.server = server
        self.count, self.refused, self.is_over = 0, [], False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.is_over:
            answer = self.server.try_request(
                "PUT", processes.SCHEDULER, {"NodeLimitForFeasibilityChecks": self.count + 1})
            self.count += 1
            if answer is None or answer.status != 200:
                self.refused.append(repr(answer))
            time.sleep(0.02)

    def end(self):
        self.is_over = True
        self.thread.join()


def replaced(root, rounds):
    is_fine = True
    for number in range(rounds):
        folder = os.path.join(root, "replaced-%d" % number)
        os.mkdir(folder)
        cluster = Cluster.__new__(Cluster)
        cluster.root, cluster.join, cluster.servers = folder, [], []
        for position in range(3):
            cluster.add(
                position, expect=3, leaves=True, redundancy_zone="z%d" % (position + 1), upgrade_version="1.0.0")
        cluster.start()
        leader = cluster.leader()
        leader.request("PUT", AUTOPILOT, {"EnableRedundancyZones": True, "EnableCustomUpgrades": True})
        time.sleep(11)
        begin = leader.request("GET", HEALTH).json["FailureTolerance"]
        writes = Writes(cluster.servers[0])
        start = time.monotonic()
        for position in range(3):
            cluster.add(position, redundancy_zone="z%d" % (position + 1), upgrade_version="1.1.0").start()
        lowest, statuses, is_promoted = 99, [], False
        while time.monotonic() - start < 120:
            answer = cluster.servers[0].try_request("GET", STATE)
            if answer is None or answer.status != 200:
                continue
            state = answer.json
            if not statuses or statuses[-1][1] != state["Status"]:
                statuses.append((time.monotonic() - start, state["Status"]))
            is_promoted = is_promoted or len(state["Voters"]) > 3
            if is_promoted:
                lowest = min(lowest, state["FailureTolerance"])
            if len(state["SafeToRemove"]) == 3:
                break
            time.sleep(0.1)
        safe = time.monotonic() - start
        writes.end()
        new = Writes(cluster.servers[3])
        for server in cluster.servers[:3]:
            server.terminate(30)
        wait_until("three servers", lambda: cluster.count(cluster.servers[3]) == 3, 60)
        done = time.monotonic() - start
        new.end()
        print("replaced %d: %s" % (number + 1, ", ".join("%s %.1f s" % (s, t) for t, s in statuses)))
        print("replaced %d: safe to remove after %.1f s, done after %.1f s, tolerance %d at the start and at "
              "least %d after the first promotion, %d + %d writes, refused: %s" % (
                  number + 1, safe, done, begin, lowest, writes.count, new.count,
                  (writes.refused + new.refused) or "none"), flush=True)
        cluster.end()
        is_fine = is_fine and not writes.refused and not new.refused and lowest >= begin and done < 60
    return is_fine


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["killed", "stopped", "replaced"])
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    processes.OPTIONS = options
    is_fine = True
    for name, part in [("killed", killed), ("stopped", stopped), ("replaced", replaced)]:
        if options.only and options.only != name:
            continue
        root = tempfile.mkdtemp(prefix="martlet-timeline-")
        try:
            result = part(root, options.rounds)
        except AssertionError as error:
            print("%s: %s" % (name, error))
            result = False
        is_fine = is_fine and result
        if options.keep or not result:
            print("folder kept: %s" % root)
        else:
            shutil.rmtree(root, ignore_errors=True)
    sys.exit(0 if is_fine else 1)


if __name__ == "__main__":
    try:
        main()
    finally:
        for one in Cluster.everybody:
            one.kill()
