#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`martlet dev` as a person and as a script run it, and servers that are started by hand.

    dev.py --binary PATH [--only NAME] [--keep] [--seed N] [--healthy SECONDS]

--healthy   how long a cluster of three may take to be healthy, from the command on (default 4)

What is not said here is as in processes.py. Prints how long a cluster took to be healthy.
Python 3 standard library only.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

import processes
from processes import HEALTH, SCHEDULER, ProcessTest, Server, free_ports, wait_until

STRIDE = 10


def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_row(count=3):
    """The first port of a row for so many servers, below those that the system gives away."""
    for _ in range(200):
        first = processes.OPTIONS.random.randrange(10_000, 30_000, 100)
        if all(is_free(first + STRIDE * i + j) for i in range(count) for j in range(5)):
            return first
    raise AssertionError("no free row of ports")


def state(pid):
    """The kernel's letter for a process; None for one that is gone, or only waits to be counted."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            letter = file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None
    return None if letter == "Z" else letter


def children(pid):
    """The servers that a `martlet dev` runs, by number."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            with open("/proc/%s/cmdline" % name, "rb") as file:
                number = re.search(rb"/s(\d)\.json", file.read())
        except OSError:
            continue
        if parent == pid and number:
            found[int(number.group(1))] = int(name)
    return found


class Run:
    """One `martlet dev`, driven by lines."""

    def __init__(self, test, *arguments, binary=None, first=None, servers=3):
        self.test = test
        self.first = first or free_row(servers)
        self.started = time.monotonic()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NOMAD_", "MARTLET_"))}
        environment["TMPDIR"] = test.root
        self.process = subprocess.Popen(
            [binary or processes.OPTIONS.binary, "dev", "--servers", str(servers),
             "-http-port=%d" % self.first] + list(arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=test.root,
            env=environment)
        test.runs.append(self)
        self.lines = []
        self.healthy_after = None
        threading.Thread(target=self.read, daemon=True).start()
        self.servers = []
        for number in range(1, servers + 1):
            ports = [self.first + STRIDE * (number - 1) + i for i in range(3)]
            self.servers.append(Server(test.root, "s%d" % number, ports))

    def read(self):
        for line in self.process.stdout:
            text = line.decode().rstrip("\n")
            if "healthy: " in text and self.healthy_after is None:
                self.healthy_after = time.monotonic() - self.started
            self.lines.append(text)

    def type(self, *lines):
        """Returns how many lines there were before."""
        before = len(self.lines)
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()
        return before

    def wait(self, pattern, since=0, seconds=20):
        def found():
            return next((m for l in self.lines[since:] for m in [re.search(pattern, l)] if m), None)
        return wait_until(lambda: "%r in %s" % (pattern, "\n".join(self.lines[since:])), found, seconds)

    def healthy(self):
        self.wait("healthy: ", seconds=30)
        return self

    def well(self):
        """Waits until all vote, and another may fail."""
        def is_well():
            answer = self.servers[0].try_request("GET", HEALTH)
            return (answer is not None and answer.status == 200 and answer.json["FailureTolerance"] == 1
                    and len(answer.json["Servers"]) == 3)
        wait_until("a cluster that is well", is_well, 30)

    @property
    def leader(self):
        """The number of the last that was said to lead."""
        return next(int(m.group(1)) for l in reversed(self.lines)
                    for m in [re.search(r"s(\d) leads, in term", l)] if m)

    def says(self, number):
        """What a server says of its role."""
        answer = self.servers[number - 1].try_request("GET", "/v1/agent/self")
        return answer and answer.json["stats"]["raft"]["state"]

    def write(self, number):
        """Whether a server acknowledges a write."""
        answer = self.servers[number - 1].try_request(
            "PUT", SCHEDULER, b'{"SchedulerAlgorithm":"spread"}')
        return answer is not None and answer.status == 200

    def end(self, signal_number=None):
        if signal_number is None:
            self.type("q")
        else:
            self.process.send_signal(signal_number)
        return self.process.wait(15)


class Dev(ProcessTest):
    def setUp(self):
        super().setUp()
        self.runs = []
        # First of all, so that nothing runs on in a folder that is removed.
        self.addCleanup(self.end_runs)

    def end_runs(self):
        for run in self.runs:
            pids = children(run.process.pid)
            if run.process.poll() is None:
                run.process.kill()
                run.process.wait()
            for pid in pids.values():
                if state(pid):
                    os.kill(pid, signal.SIGKILL)

    def gone(self, pids, seconds=15):
        wait_until(lambda: "the end of %s" % {p: state(p) for p in pids},
                   lambda: all(state(p) is None for p in pids), seconds)

    def test_a_script_kills_pauses_restarts_and_cuts_servers_off(self):
        run = Run(self).healthy()
        print("    healthy after %.2f s" % run.healthy_after)
        self.assertLess(run.healthy_after, processes.OPTIONS.healthy)
        run.wait(r"export NOMAD_ADDR=http://127\.0\.0\.1:%d$" % run.first)
        run.wait("/ui/")
        pids = children(run.process.pid)
        self.assertEqual(sorted(pids), [1, 2, 3])

        # Killed: another leads, and writes go on.
        killed = run.leader
        mark = run.type("k %d" % killed)
        run.wait("s%d is killed" % killed, mark)
        run.wait(r"s[^%d] leads" % killed, mark)
        self.gone([pids[killed]])
        others = [n for n in (1, 2, 3) if n != killed]
        wait_until("a write", lambda: run.write(others[0]), 20)
        mark = run.type("r%d" % killed)
        run.wait("s%d answers" % killed, mark)
        run.well()

        # Paused: it stands still and answers nobody; the same key lets it go on.
        paused = run.leader
        mark = run.type("p %d" % paused)
        run.wait("s%d is paused" % paused, mark)
        pid = children(run.process.pid)[paused]
        wait_until("a stopped process", lambda: state(pid) == "T", 5)
        run.wait(r"s[^%d] leads" % paused, mark)
        mark = run.type("p%d" % paused)
        run.wait("s%d goes on" % paused, mark)
        run.well()

        # Cut off: it notices, takes no write, and is heard again when it is healed.
        cut = run.leader
        mark = run.type("c %d" % cut)
        run.wait("s%d is cut off" % cut, mark)
        run.wait(r"s[^%d] leads" % cut, mark)
        wait_until("a leader that steps down", lambda: run.says(cut) not in (None, "Leader"), 10)
        self.assertFalse(run.write(cut))
        self.assertTrue(run.write(next(n for n in (1, 2, 3) if n != cut)))
        mark = run.type("s")
        run.wait(r"^s%d .*cut off" % cut, mark)
        mark = run.type("c %d" % cut)
        run.wait("s%d is connected" % cut, mark)
        run.well()
        wait_until("a write at the server that was cut off", lambda: run.write(cut), 10)

        mark = run.type("l 1", "k 4", "nonsense", "h")
        run.wait(r"^s1\| .*server started", mark)
        run.wait("'k 4' names no server", mark)
        run.wait("'nonsense' is no command", mark)
        run.wait("k N  kill server N", mark)

        pids = children(run.process.pid)
        started = time.monotonic()
        self.assertEqual(run.end(), 0, run.lines)
        self.assertLess(time.monotonic() - started, 8)
        self.gone(pids.values(), seconds=0.5)
        run.wait("removed ")
        self.assertEqual([n for n in os.listdir(self.root) if n.startswith("martlet-dev-")], [])
        self.done()

    def test_nothing_is_left_behind_whatever_ends_it(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            run = Run(self).healthy()
            pids = list(children(run.process.pid).values())
            self.assertEqual(len(pids), 3)
            mark = run.type("p 1", "c 2")
            run.wait("s2 is cut off", mark)
            self.assertEqual(run.end(number), -9 if number == signal.SIGKILL else 0)
            self.gone(pids, seconds=15 if number == signal.SIGKILL else 0.5)
        # The end of the input ends what was driven by it.
        run = Run(self, servers=1).healthy()
        pids = list(children(run.process.pid).values())
        run.type("s")
        run.process.stdin.close()
        self.assertEqual(run.process.wait(15), 0)
        self.gone(pids, seconds=0.5)
        self.done()

    def test_a_terminal_shows_it_and_takes_keys(self):
        first = free_row()
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["TMPDIR"] = self.root
            os.execv(processes.OPTIONS.binary, [processes.OPTIONS.binary, "dev", "-http-port=%d" % first])
        self.addCleanup(lambda: state(pid) and os.kill(pid, signal.SIGKILL))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        before = termios.tcgetattr(terminal)
        shown = [b""]

        def screen():
            """The last whole picture, without colours."""
            while select.select([terminal], [], [], 0)[0]:
                try:
                    shown[0] += os.read(terminal, 65536)
                except OSError:
                    break
            frames = shown[0].split(b"\x1b[?25l")
            return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", frames[-1].decode(errors="replace"))

        def wait(text, seconds=20):
            wait_until(lambda: "%r in\n%s" % (text, screen()), lambda: text in screen(), seconds)

        wait("healthy: all servers vote")
        pids = children(pid)
        self.assertEqual(len(pids), 3)
        wait("NOMAD_ADDR=http://127.0.0.1:%d" % first)
        os.write(terminal, b"k")
        wait("Which server to kill?")
        os.write(terminal, b"2")
        wait("ended (signal 9)")
        os.write(terminal, b"l1")
        wait("server started: ")
        os.write(terminal, b"l")
        wait("s2 is killed")
        self.assertNotEqual(termios.tcgetattr(terminal)[3], before[3], "keys would not come at once")
        # Not a signal here but a key.
        os.write(terminal, b"\x03")
        wait("removed ")
        self.assertEqual(termios.tcgetattr(terminal)[3], before[3], "the terminal is not as it was")
        _, status = os.waitpid(pid, 0)
        self.assertEqual(status, 0)
        self.gone(pids.values(), seconds=0.5)
        os.close(terminal)
        self.done()

    def test_a_folder_that_is_kept_is_used_again_on_other_ports(self):
        folder = os.path.join(self.root, "kept")
        run = Run(self, "-data-dir=kept").healthy()
        wait_until("a write", lambda: run.write(1), 10)
        mark = run.type("c 3")  # What is cut off at the end must not keep the others from ending.
        run.wait("s3 is cut off", mark)
        self.assertEqual(run.end(), 0)
        run.wait("the data is in " + re.escape(folder))
        again = Run(self, "-data-dir=" + folder).healthy()
        answer = again.servers[1].request("GET", SCHEDULER)
        self.assertIn(b'"SchedulerAlgorithm":"spread"', answer.body)

        # One at a time.
        other = Run(self, "-data-dir=" + folder)
        self.assertEqual(other.process.wait(10), 1)
        other.wait("kept: in use by process %d: " % again.process.pid)
        taken = Run(self, first=again.first)
        self.assertEqual(taken.process.wait(10), 1)
        taken.wait("port %d is taken: .*-http-port" % again.first)
        self.assertEqual(again.end(), 0)

        fewer = Run(self, "-data-dir=" + folder, servers=2)
        self.assertEqual(fewer.process.wait(10), 1)
        fewer.wait("it has the data of 3 servers: -servers 3 starts them")
        self.done()

    def test_a_server_that_cannot_be_started_is_named(self):
        moved = os.path.join(self.root, "program")
        shutil.copy(processes.OPTIONS.binary, moved)
        run = Run(self, binary=moved, servers=1)
        run.wait("healthy: ")
        os.rename(moved, moved + ".new")
        os.remove(moved + ".new")
        mark = run.type("k 1")
        run.wait("s1 is killed", mark)
        mark = run.type("r 1")
        run.wait("s1 cannot be started: .*start martlet dev again", mark)
        self.assertEqual(run.process.wait(10), 1)

        # Its log says why.
        folder = os.path.join(self.root, "broken")
        os.makedirs(folder)
        with open(os.path.join(folder, "s1"), "w") as file:
            file.write("no folder")
        run = Run(self, "-data-dir=" + folder, servers=1)
        run.wait("s1 ended by itself, with exit code 1: .*" + re.escape(folder))
        self.assertEqual(run.process.wait(10), 1)
        self.done()

    def test_an_agent_stops_with_whoever_holds_its_input(self):
        ports = free_ports(3)
        server = Server(self.root, "one", ports)
        self.servers.append(server)
        arguments = [
            processes.OPTIONS.binary, "agent", "-dev", "-stop-on-eof", "-data-dir=" + server.data,
            "-http-port=%d" % ports[0], "-rpc-port=%d" % ports[1], "-serf-port=%d" % ports[2]]
        with open(server.log, "ab") as log:
            server.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, stderr=log)
        server.wait_ready()
        server.process.stdin.close()
        self.assertEqual(server.process.wait(10), 0, server.tail())
        self.assertIn("the standard input has ended", server.tail())
        # Nobody holds the other end of this.
        result = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"Error starting agent: -stop-on-eof: the standard input is no pipe", result.stderr)
        self.done()

    def test_by_hand_three_flags_a_server_are_enough(self):
        row = [4646 + STRIDE * i for i in range(3)]
        if not all(is_free(port + i) for port in row for i in range(3)):
            self.skipTest("Nomad's ports are taken on this machine")
        servers = []
        for port in row:
            server = Server(self.root, "dev-%d" % port, [port, port + 1, port + 2])
            server.arguments = ["-dev", "-bootstrap-expect=3", "-http-port=%d" % port]
            servers.append(server)
            self.servers.append(server)
        os.environ["TMPDIR"] = self.root
        self.addCleanup(os.environ.pop, "TMPDIR")
        self.start(servers)
        self.leader(servers)
        self.assertEqual(servers[0].request("PUT", SCHEDULER, b'{"SchedulerAlgorithm":"spread"}').status, 200)
        for server in servers:
            self.assertEqual(server.terminate(), 0, server.tail())
        self.done()


def add_arguments(parser):
    parser.add_argument("--healthy", type=float, default=4)


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__], add_arguments))
