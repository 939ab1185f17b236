#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real nodes of the built program: a hundred that only pretend, and one whose commands really run.

    nodes.py --binary PATH [--only NAME] [--keep]

The last line is "processes: N passed, N failed"; exit status 1 when one failed.
"""
import collections
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

import processes
from processes import ProcessTest, wait_until


class Agent:
    """One `martlet node run`."""

    def __init__(self, test, name, arguments):
        self.log = os.path.join(test.root, name + ".log")
        self.arguments = arguments
        self.process = None
        test.addCleanup(self.kill)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [processes.OPTIONS.binary, "node", "run"] + self.arguments,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def text(self):
        with open(self.log, errors="replace") as log:
            return log.read()


def job(name, driver, config, count=1, kind="service", group=None, task=None):
    return {"Job": {
        "ID": name, "Name": name, "Type": kind, "Datacenters": ["dc1"],
        "TaskGroups": [dict({
            "Name": "g", "Count": count, "EphemeralDisk": {"SizeMB": 30},
            "Tasks": [dict({
                "Name": "t", "Driver": driver, "Config": config,
                "Resources": {"CPU": 50, "MemoryMB": 32},
                "LogConfig": {"MaxFiles": 2, "MaxFileSizeMB": 1}}, **(task or {}))]}, **(group or {}))]}}


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Nodes(ProcessTest):
    def register(self, server, body):
        answer = server.request("PUT", "/v1/jobs", body)
        self.assertEqual(answer.status, 200, answer)

    def allocations(self, server, name):
        answer = server.try_request("GET", "/v1/job/%s/allocations" % name)
        return answer.json if answer is not None and answer.status == 200 else []

    def wait_for(self, server, name, status, count, seconds=20):
        def found():
            statuses = collections.Counter(a["ClientStatus"] for a in self.allocations(server, name))
            return statuses[status] == count
        wait_until(
            lambda: "%d %s: %s %s" % (
                count, status, self.allocations(server, name)[:2],
                server.request("GET", "/v1/job/%s/evaluations" % name).body),
            found, seconds)
        return self.allocations(server, name)

    def node_statuses(self, server):
        answer = server.try_request("GET", "/v1/nodes")
        return collections.Counter(n["Status"] for n in answer.json) if answer is not None else {}

    def test_a_hundred_nodes_outlive_a_server_and_say_goodbye(self):
        servers = self.cluster()
        self.start(servers)
        # It learns of the others from the first.
        agent = Agent(self, "mock", [
            "-driver", "mock", "-count", "100", "-servers", "127.0.0.1:%d" % servers[0].http_port]).start()
        wait_until("a hundred nodes", lambda: self.node_statuses(servers[1])["ready"] == 100, 20)
        self.register(servers[1], job("web", "mock", {}, count=300))
        self.wait_for(servers[2], "web", "running", 300)
        servers[0].kill()
        rest = servers[1:]
        self.leader(rest)
        wait_until("a registration", lambda: rest[0].try_request(
            "PUT", "/v1/jobs", job("later", "mock", {"run_for": "10ms"}, count=50, kind="batch")).status == 200, 20)
        self.wait_for(rest[0], "later", "complete", 50)
        self.assertEqual(self.node_statuses(rest[0]), {"ready": 100})
        self.assertEqual(agent.terminate(), 0, agent.text())
        self.assertEqual(self.node_statuses(rest[0]), {"down": 100})
        self.done()

    def test_wrong_command_lines_cost_one_line(self):
        for arguments, word in (
                ([], "-driver"), (["-driver", "x"], "raw_exec"), (["-driver", "raw_exec"], "-raw-exec"),
                (["-raw-exec"], "-data-dir"), (["-driver", "mock", "-count", "10001"], "10000"),
                (["-driver", "mock", "-servers", "x"], "ip:port"), (["-node-clas"], "-node-class"),
                (["-driver", "mock", "-meta", "x"], "key=value")):
            result = subprocess.run(
                [processes.OPTIONS.binary, "node", "run"] + arguments, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10)
            text = result.stdout.decode()
            self.assertEqual(result.returncode, 2, text)
            self.assertEqual(text.count("\n"), 1, text)
            self.assertIn(word, text)
        self.done()

    def start_exec(self, server):
        """A node that really runs commands, once it is ready: its folder and its agent."""
        folder = os.path.join(self.root, "node")
        agent = Agent(self, "exec", [
            "-raw-exec", "-data-dir", folder, "-servers", "127.0.0.1:%d" % server.http_port]).start()
        wait_until("the node", lambda: self.node_statuses(server)["ready"] == 1, 10)
        return folder, agent

    def test_commands_run_on_without_their_agent(self):
        server = self.dev().start().wait_ready()
        folder, agent = self.start_exec(server)
        # A second one in the same folder would start everything a second time.
        other = subprocess.run(
            [processes.OPTIONS.binary, "node", "run", "-raw-exec", "-data-dir", folder,
             "-servers", "127.0.0.1:%d" % server.http_port],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10)
        self.assertEqual(other.returncode, 1, other.stdout)
        self.assertIn("%s: in use" % folder, other.stdout.decode())
        script = ("echo $$ > $NOMAD_ALLOC_DIR/pid; echo hello $FOO; echo oh >&2; trap 'echo bye; exit 0' TERM; "
                  "while true; do sleep 0.05; done")
        self.register(server, job(
            "sh", "raw_exec", {"command": "/bin/sh", "args": ["-c", script]},
            task={"Env": {"FOO": "${node.datacenter}"}, "KillSignal": "SIGTERM"},
            group={"RestartPolicy": {"Attempts": 5, "Interval": 60_000_000_000, "Delay": 100_000_000, "Mode": "fail"}}))
        allocation = self.wait_for(server, "sh", "running", 1)[0]["ID"]
        shared = os.path.join(folder, "alloc", allocation, "alloc")

        def read(name):
            try:
                with open(os.path.join(shared, name)) as file:
                    return file.read()
            except OSError:
                return ""

        def pid():
            text = read("pid")
            return int(text) if text.endswith("\n") else 0
        first = wait_until("a process id", pid, 5)
        wait_until("its output", lambda: read("logs/t.stdout.0") == "hello dc1\n", 5)
        self.assertEqual(read("logs/t.stderr.0"), "oh\n")

        # The agent is killed: the command does not notice, and the next agent takes it up.
        agent.kill()
        self.assertTrue(is_alive(first))
        agent.start()
        wait_until("the node again", lambda: agent.text().count("registered") == 2, 10)
        self.assertEqual(self.node_statuses(server), {"ready": 1})

        def task():
            return self.allocations(server, "sh")[0]["TaskStates"]["t"]
        self.assertEqual(task()["Restarts"], 0)
        self.assertTrue(is_alive(first))

        # It dies while no agent is there: the next one knows how, and starts it again.
        agent.kill()
        os.kill(first, signal.SIGKILL)
        agent.start()
        wait_until(lambda: "a restart: %s" % task(), lambda: task()["Restarts"] == 1 and pid() not in (0, first), 10)
        ended = [e for e in task()["Events"] if e["Type"] == "Terminated"]
        self.assertEqual([(e["ExitCode"], e["Signal"]) for e in ended], [(137, 9)])
        second = pid()

        # Told to end, the agent leaves it running; the servers' word ends it.
        self.assertEqual(agent.terminate(), 0, agent.text())
        self.assertTrue(is_alive(second))
        agent.start()
        self.assertEqual(server.request("DELETE", "/v1/job/sh").status, 200)
        self.wait_for(server, "sh", "complete", 1)
        self.assertFalse(is_alive(second))
        self.assertTrue(read("logs/t.stdout.0").endswith("bye\n"))
        types = [e["Type"] for e in task()["Events"]]
        self.assertEqual(types[-3:], ["Killing", "Terminated", "Killed"])

        # A command that is not there; one that writes more than its logs may hold, and one that leaves a child.
        self.register(server, job("none", "raw_exec", {"command": "/no/such"}, kind="batch"))
        self.wait_for(server, "none", "failed", 1)
        state = self.allocations(server, "none")[0]["TaskStates"]["t"]
        self.assertIn("/no/such", state["Events"][-1]["DisplayMessage"])
        self.register(server, job("loud", "raw_exec", {
            "command": "/bin/sh", "args": ["-c", "head -c 3500000 /dev/zero; sleep 300 & exit 0"]}, kind="batch"))
        loud = self.wait_for(server, "loud", "complete", 1)[0]["ID"]
        logs = sorted(glob.glob(os.path.join(folder, "alloc", loud, "alloc", "logs", "t.stdout.*")))
        self.assertEqual([os.path.basename(p)[-1] for p in logs], ["2", "3"])
        self.assertEqual([os.path.getsize(p) for p in logs], [1 << 20, 3500000 - (3 << 20)])

        # What the servers have forgotten, the node forgets.
        for name in ("sh", "loud", "none"):
            server.request("DELETE", "/v1/job/%s?purge=true" % name)
        server.request("PUT", "/v1/system/gc")
        wait_until("no allocations", lambda: server.request("GET", "/v1/allocations").json == [], 20)
        # It would see it with its next question; the first one of its next life comes sooner.
        agent.kill()
        agent.start()
        wait_until("empty folders", lambda: os.listdir(os.path.join(folder, "state"))
                   + os.listdir(os.path.join(folder, "alloc")) == [], 20)
        self.assertEqual(agent.terminate(), 0, agent.text())
        self.done()


    def test_what_a_restore_wants_again_runs_once(self):
        server = self.dev().start().wait_ready()
        folder, agent = self.start_exec(server)
        # Many files take a while to remove; each run leaves its process id.
        script = ("for i in $(seq 200); do mkdir -p local/$i/a/b; done; echo $$ >> %s/$NOMAD_JOB_ID; "
                  "exec sleep 300" % self.root)
        names = ["z%d" % number for number in range(6)]

        def runs(name):
            with open(os.path.join(self.root, name)) as file:
                return [int(line) for line in file.read().split()]
        for name in names:
            self.register(server, job(name, "raw_exec", {"command": "/bin/sh", "args": ["-c", script]}))
        for name in names:
            self.wait_for(server, name, "running", 1)
            wait_until("its run", lambda: os.path.exists(os.path.join(self.root, name)), 10)
        saved = server.request("GET", "/v1/operator/snapshot").body
        for name in names:
            server.request("DELETE", "/v1/job/%s" % name)
        for name in names:
            self.wait_for(server, name, "complete", 1)
        self.assertEqual(server.request("PUT", "/v1/operator/snapshot", saved).status, 200)
        for name in names:
            wait_until("a second run", lambda: len(runs(name)) == 2 and is_alive(runs(name)[1]), 20)
            self.assertFalse(is_alive(runs(name)[0]))
        time.sleep(1)
        for name in names:
            self.assertEqual(len(runs(name)), 2)
            state = self.wait_for(server, name, "running", 1)[0]["TaskStates"]["t"]
            self.assertEqual((state["State"], state["Restarts"]), ("running", 0))
            self.assertEqual(server.request("DELETE", "/v1/job/%s?purge=true" % name).status, 200)
        wait_until("their end", lambda: not any(is_alive(pid) for name in names for pid in runs(name)), 20)
        self.assertEqual(agent.terminate(), 0, agent.text())

        # What was kept of an allocation is damaged: it is told, and what runs is not started twice.
        self.register(server, job("torn", "raw_exec", {"command": "/bin/sh", "args": ["-c", script]}))
        agent.start()
        torn = self.wait_for(server, "torn", "running", 1)[0]["ID"]
        wait_until("its run", lambda: os.path.exists(os.path.join(self.root, "torn")), 10)
        agent.kill()
        with open(os.path.join(folder, "state", torn, "allocation"), "r+") as file:
            file.truncate(7)
        agent.start()
        wait_until("another run", lambda: len(runs("torn")) == 2 and is_alive(runs("torn")[1]), 20)
        self.assertFalse(is_alive(runs("torn")[0]))
        self.assertIn("what was kept of allocation %s is damaged" % torn, agent.text())
        server.request("DELETE", "/v1/job/torn")
        wait_until("its end", lambda: not is_alive(runs("torn")[1]), 20)
        self.assertEqual(agent.terminate(), 0, agent.text())
        self.done()


    def test_a_new_cluster_takes_over_what_runs(self):
        """As outage.md says: agents stop before their cluster begins anew, and start after the restore."""
        server = self.dev().start().wait_ready()
        _, agent = self.start_exec(server)
        path = os.path.join(self.root, "pids")
        self.register(server, job("run", "raw_exec", {
            "command": "/bin/sh", "args": ["-c", "echo $$ >> %s; exec sleep 300" % path]}))

        def runs():
            with open(path) as file:
                return [int(line) for line in file.read().split()]
        allocation = self.wait_for(server, "run", "running", 1)[0]["ID"]
        wait_until("its run", lambda: os.path.exists(path) and len(runs()) == 1, 10)
        saved = server.request("GET", "/v1/operator/snapshot").body
        self.assertEqual(agent.terminate(), 0, agent.text())
        server.kill()
        shutil.rmtree(server.data)
        server.start().wait_ready()
        self.assertEqual(server.request("GET", "/v1/jobs").json, [])
        self.assertEqual(server.request("PUT", "/v1/operator/snapshot", saved).status, 200)
        agent.start()
        wait_until("the node", lambda: self.node_statuses(server)["ready"] == 1, 20)
        time.sleep(1)
        self.assertEqual([a["ID"] for a in self.wait_for(server, "run", "running", 1)], [allocation])
        self.assertEqual(len(runs()), 1)
        self.assertTrue(is_alive(runs()[0]))
        self.assertEqual(server.request("DELETE", "/v1/job/run").status, 200)
        wait_until("its end", lambda: not is_alive(runs()[0]), 20)
        self.assertEqual(agent.terminate(), 0, agent.text())
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
