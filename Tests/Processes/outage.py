#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types what docs/operating/outage.md says, on real processes.

    outage.py --binary PATH [--only NAME] [--keep] ...      options as those of processes.py

A case of the page begins at `<!-- case: NAME -->` and ends at the next one or at the next heading.
Each of its blocks says in its first line on which machines it is typed, and is run there by bash as it
stands, but that

    martlet          is the program under test
    systemctl        starts, stops, restarts and reloads the server of that machine
    scp              is cp, between the machines' folders
    /var/lib/martlet, /etc/martlet.d, /etc/martlet, /tmp    are folders of that machine

A command fails the test if it does not end with 0, or with N where its comment says `exits N` (or
`exits N, or M`); where that says `again, until` it is repeated until it does. A case of the page
that no test types is a failure as well.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

import processes
from processes import ProcessTest, wait_until
from tls import Credentials, SecureServer, TLSTest

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "operating", "outage.md")
BLOCK = re.compile(r"^<!-- case: ([\w-]+) -->$|^(## [^\n]*)$|^```sh\n(.*?)^```$", re.M | re.S)
RUN = set()


def cases():
    """The blocks of each case, in order. What stands before the first case is the case `first`."""
    found, case = {}, "first"
    with open(PAGE, encoding="utf-8") as page:
        for name, heading, block in BLOCK.findall(page.read()):
            if name:
                case = name
            elif heading:
                case = heading
            elif block:
                found.setdefault(case, []).append(block)
    return found


class Desk:
    """Machines that a block is typed on."""

    def __init__(self, test, servers, environment=None):
        self.test, self.root = test, test.root
        self.servers = {server.name: server for server in servers}
        self.environment = environment or {}
        self.tools = os.path.join(self.root, "tools")
        os.makedirs(self.tools, exist_ok=True)
        self.folder("ca")
        self.socket = os.path.join(self.root, "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        self.tool("martlet", "exec '%s' \"$@\"" % processes.OPTIONS.binary)
        self.tool("scp", "exec cp \"$@\"")
        self.tool("systemctl", "exec '%s' -c \"%s\" '%s' \"$MACHINE\" \"$1\"" % (sys.executable, "; ".join([
            "import socket, sys", "s = socket.socket(socket.AF_UNIX)", "s.connect(sys.argv[1])",
            "s.sendall(' '.join(sys.argv[2:]).encode() + b'\\n')", "sys.exit(int(s.recv(9)))"]), self.socket))

    def tool(self, name, line):
        path = os.path.join(self.tools, name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n%s\n" % line)
        os.chmod(path, 0o755)

    def close(self):
        # Its number may belong to the next desk as soon as it is closed: nobody must wait on it then.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                name, verb = connection.recv(99).decode().split()
                try:
                    connection.sendall(b"%d" % self.control(self.servers[name], verb))
                except (AssertionError, OSError) as error:
                    print("systemctl %s on %s: %s" % (verb, name, error))
                    connection.sendall(b"1")

    @staticmethod
    def control(server, verb):
        runs = server.process is not None and server.process.poll() is None
        if verb in ("stop", "restart") and runs:
            server.terminate()
        if verb in ("start", "restart") and not (verb == "start" and runs):
            server.start()
            # As Type=notify: it returns when the ports are open.
            wait_until("%s to answer" % server.name, lambda: server.process.poll() is not None or (
                server.try_request("GET", "/livez")), 20)
            if server.process.poll() is not None:
                print("%s ended with %d" % (server.name, server.process.returncode))
                return 1
        if verb == "reload":
            server.process.send_signal(signal.SIGHUP)
        return 0

    def folder(self, machine):
        """The machine's own /tmp and /etc/martlet."""
        path = os.path.join(self.root, "machines", machine)
        os.makedirs(os.path.join(path, "tmp"), exist_ok=True)
        return path

    def local(self, text, machine):
        """Folders of the page as they are called here."""
        def place(found):
            name, path = found.group(1) or machine, found.group(2)
            if path.startswith("/var/lib/martlet"):
                return self.servers[name].data + path[len("/var/lib/martlet"):]
            if path.startswith("/etc/martlet.d"):
                return self.servers[name].arguments[1] + path[len("/etc/martlet.d"):]
            return os.path.join(self.folder(name), path.lstrip("/"))
        return re.sub(
            r"(?<![\w/.-])(?:(s\d|ca):(?=[/\w]))?((?:/var/lib/martlet|/etc/martlet|/tmp)\b[\w./*-]*"
            r"|(?<=ca:)[\w.-]+)", place, text)

    def machines(self, block):
        first = block.split("\n", 1)[0]
        if first.startswith("# where"):
            return ["ca"]
        if "the leader" in first:
            alive = list(self.servers.values())
            return [self.test.leader(alive).name]
        names = re.findall(r"\bs\d\b", first)
        assert names, "a block that does not say where it is typed: %s" % first
        return names

    def type(self, case):
        """All blocks of a case; what was printed."""
        RUN.add(case)
        return "".join(
            self.type_block(block, machine)
            for block in cases()[case] for machine in self.machines(block))

    def type_block(self, block, machine):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
        environment.update(PATH=self.tools + ":" + os.environ["PATH"], MACHINE=machine)
        if machine in self.servers:
            scheme = "https" if "NOMAD_CACERT" in self.environment else "http"
            environment["NOMAD_ADDR"] = "%s://127.0.0.1:%d" % (scheme, self.servers[machine].http_port)
        environment.update(self.environment)
        lines = []
        for line in block.split("\n"):
            command, _, comment = line.partition("  #")
            if not command.strip() or command.startswith("#"):
                continue
            command = self.local(command, machine)
            if "again, until" in comment:
                lines.append(
                    "end=$((SECONDS + 40)); until %s >last 2>&1; do "
                    "[ $SECONDS -lt $end ] || { cat last; exit 8; }; sleep 0.2; done; cat last" % command)
            elif re.search(r"exits \d", comment):
                wanted = re.search(r"exits (\d)(?:, or (\d))?", comment).groups("none")
                lines.append("status=0; %s || status=$?; case $status in %s|%s) ;; *) exit 9;; esac"
                             % ((command,) + wanted))
            else:
                lines.append(command)
        where = self.folder(machine)
        result = subprocess.run(
            ["bash", "-eu", "-c", "\n".join(lines)], cwd=where, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        output = result.stdout.decode(errors="replace")
        if processes.OPTIONS.keep:
            print("\n".join("    %s$ %s" % (machine, line) for line in lines) + "\n" + output)
        self.test.assertEqual(result.returncode, 0, "on %s:\n%s\n%s" % (machine, "\n".join(lines), output))
        return output


class Outage(ProcessTest):
    def desk(self, servers, environment=None):
        desk = Desk(self, servers, environment)
        self.addCleanup(desk.close)
        return desk

    def settle(self, servers):
        """Until all are healthy and vote: those that are there, not who had the name of one before."""
        def own_id(server):
            answer = server.try_request("GET", "/v1/agent/self")
            return answer and answer.json["member"]["Tags"]["id"]

        def healthy():
            answer = servers[0].try_request("GET", processes.HEALTH)
            return answer is not None and answer.status == 200 and sorted(
                s["ID"] for s in answer.json["Servers"] if s["Voter"]) == sorted(
                    own_id(server) or "" for server in servers)
        wait_until("%d healthy voters" % len(servers), healthy, 20)

    def test_servers_and_majorities(self):
        servers = self.cluster(3, more={"autopilot": {"server_stabilization_time": "1s"}})
        s1, s2, s3 = servers
        desk = self.desk(servers)
        self.start(servers)
        self.settle(servers)
        self.write_until_acknowledged(servers, 77)
        desk.type("saved")

        s3.kill()
        desk.type("first")
        desk.type("one-lost")
        self.settle(servers)

        s3.kill()
        shutil.rmtree(s3.data)
        desk.type("one-replaced")
        self.settle(servers)

        s2.kill()
        s3.kill()
        desk.type("majority-back")
        s3.start()
        self.settle(servers)

        desk.type("disk")
        s2.terminate()
        path = os.path.join(s2.data, "server", "raft", "log", "data.mdb")
        with open(path, "r+b") as file:
            file.write(b"\xff" * 4096 * 3)
        desk.type("damaged")
        self.settle(servers)

        s2.process.send_signal(signal.SIGSTOP)
        s3.process.send_signal(signal.SIGSTOP)
        try:
            desk.type("split")
        finally:
            s2.process.send_signal(signal.SIGCONT)
            s3.process.send_signal(signal.SIGCONT)
        desk.type("split-healed")
        self.settle(servers)
        self.write_until_acknowledged(servers, 78)
        self.assertEqual(self.read(s1)[0], 78)

        s2.kill()
        s3.kill()
        desk.type("majority-lost")
        self.settle(servers)
        self.assertEqual(self.read(s3)[0], 78, "what the one that was left had is there")

        for server in servers:
            server.kill()
            shutil.rmtree(server.data)
        self.start(servers)
        desk.type("restored")
        self.assertEqual(self.read(s2)[0], 77, "what was saved is there")
        self.done()

    def test_two_of_five_on_two_machines(self):
        servers = self.cluster(5)
        desk = self.desk(servers)
        self.start(servers)
        self.write_until_acknowledged(servers, 79)
        for server in servers[2:]:
            server.kill()
        desk.type("several-left")
        self.assertEqual(self.read(servers[0])[0], 79)
        self.write_until_acknowledged(servers[:2], 80)
        self.done()


class Secured(TLSTest):
    KEY = "fKiEsumNjOye7AzNUod/dptCb4Ut+aE09S1tOO78iao="

    def cluster_with_secrets(self):
        """Three servers with certificates, a gossip key and tokens, each with its own files."""
        own, client = self.make_all()
        servers = self.cluster(3, server={"encrypt": self.KEY}, more={"acl": {"enabled": True}})
        desk = Desk(self, servers, {
            "NOMAD_CACERT": client.authority, "NOMAD_CLIENT_CERT": client.certificate,
            "NOMAD_CLIENT_KEY": client.key})
        self.addCleanup(desk.close)
        for server in servers:
            server.__class__, server.credentials = SecureServer, client
            os.chmod(server.arguments[1], 0o600)
            self.install(desk, server, own)
        for name in ("nomad-agent-ca.pem", "nomad-agent-ca-key.pem"):
            shutil.copy(os.path.join(self.certificates, name), desk.folder("ca"))
        return desk, servers

    def install(self, desk, server, own):
        folder = os.path.join(desk.folder(server.name), "etc", "martlet")
        os.makedirs(folder, exist_ok=True)
        mine = Credentials(*(os.path.join(folder, name) for name in (
            "global-server-nomad.pem", "global-server-nomad-key.pem", "nomad-agent-ca.pem")))
        for name in ("certificate", "key", "authority"):
            shutil.copy(getattr(own, name), getattr(mine, name))
        self.configure(server, self.block(mine))

    def command(self, desk, line):
        return desk.type_block("# on s1\n" + line, "s1")

    def test_tokens_keys_and_certificates(self):
        desk, servers = self.cluster_with_secrets()
        s3 = servers[2]
        for server in servers:
            server.start()
        self.leader(servers)
        wait_until("a first token", lambda: subprocess.call(
            [os.path.join(desk.tools, "martlet"), "acl", "bootstrap"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(
                desk.environment, NOMAD_ADDR="https://127.0.0.1:%d" % s3.http_port)) == 0, 20)

        output = desk.type("token")
        desk.environment["NOMAD_TOKEN"] = re.search(r"Secret ID += ([\w-]+)", output).group(1)

        new = self.command(desk, "martlet operator gossip keyring generate").strip()
        for verb in ("install", "use"):
            self.command(desk, "martlet operator gossip keyring %s %s" % (verb, new))
        self.command(desk, "martlet operator gossip keyring remove %s" % self.KEY)
        s3.terminate()
        with open(os.path.join(s3.data, "server", "serf.keyring"), "w") as file:
            json.dump([self.KEY], file)
        s3.start()
        output = desk.type("key")
        self.assertIn("sealed on every server", output)
        self.assertIn("all 3 servers answer", output)

        s3.terminate()
        self.install(desk, s3, self.expired())
        output = desk.type("certificates")
        self.assertRegex(output, r"critical +tls +\S+global-server-nomad.pem has expired")
        self.assertIn("all 3 servers answer", output)
        self.done()


class Whole(unittest.TestCase):
    def test_every_case_of_the_page_is_typed(self):
        if not processes.OPTIONS.only:
            self.assertEqual(set(cases()), RUN)


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
