#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of the built program against real servers, as an operator types it.

    commands.py --binary PATH [--only NAME] [--keep]

What is not said here is as in processes.py. The scripts and pages that the program writes are given
to bash, zsh, fish and mandoc where they are installed.
Python 3 standard library only.
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import processes
from processes import ProcessTest, wait_until


class Commands(ProcessTest):
    def run_command(self, line, address=None, variables=None, text=None, seconds=60, **options):
        """(exit code, output, errors) of a command; its words are parted by blanks."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NOMAD_", "MARTLET_"))}
        environment.update(variables or {})
        if address is not None:
            environment["NOMAD_ADDR"] = address
        words = line.split() if isinstance(line, str) else line
        result = subprocess.run(
            [processes.OPTIONS.binary] + words, input=text, env=environment, cwd=self.root,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds, text=True, **options)
        return result.returncode, result.stdout, result.stderr

    def fine(self, line, address=None, **options):
        code, output, errors = self.run_command(line, address, **options)
        self.assertEqual(code, 0, "%s: %s%s" % (line, output, errors))
        return output

    def refused(self, line, address=None, code=2, **options):
        """The one line that says why."""
        found, output, errors = self.run_command(line, address, **options)
        self.assertEqual(found, code, "%s: %s%s" % (line, output, errors))
        self.assertEqual(len(errors.splitlines()), 1, errors)
        return errors

    @staticmethod
    def url(server):
        return "http://127.0.0.1:%d" % server.http_port

    def healthy(self, servers):
        self.start(servers)
        self.leader(servers)
        wait_until("a healthy cluster", lambda: self.run_command(
            "operator autopilot health", self.url(servers[0]))[0] == 0, 30)

    def test_three_servers_from_the_first_look_to_the_last(self):
        servers = self.cluster(3)
        self.healthy(servers)
        first = self.url(servers[0])
        table = self.fine("server members", first).splitlines()
        self.assertEqual(
            table[0].split(),
            "Name Address Port Status Leader Protocol Build Datacenter Region".split())
        self.assertEqual([row.split()[0] for row in table[1:]], ["s1.global", "s2.global", "s3.global"])
        peers = self.fine("operator raft list-peers", first).splitlines()
        self.assertEqual(peers[0].split(), "Node ID Address State Voter RaftProtocol".split())
        self.assertEqual(sum("leader" in row for row in peers), 1)
        self.assertEqual(len(json.loads(self.fine("operator raft list-peers -json", first))["Servers"]), 3)
        names = self.fine(
            ["operator", "raft", "list-peers", "-t", '{{range .Servers}}{{.Node}}{{"\\n"}}{{end}}'], first)
        self.assertEqual(sorted(names.split()), ["s1.global", "s2.global", "s3.global"])

        self.assertIn("Configuration updated!", self.fine(
            "operator autopilot set-config -max-trailing-logs=300", self.url(servers[1])))
        self.assertIn("MaxTrailingLogs = 300", self.fine("operator autopilot get-config", self.url(servers[2])))
        self.fine("operator snapshot save a.snap", first)
        self.assertEqual(os.stat(os.path.join(self.root, "a.snap")).st_mode & 0o777, 0o600)
        self.refused("operator snapshot save a.snap", first, code=1)
        self.fine("operator scheduler set-config -scheduler-algorithm=spread", first)
        self.fine("operator snapshot restore a.snap", first)
        self.assertIn("binpack", self.fine("operator scheduler get-config", first))
        self.fine("operator debug -output debug", first)
        self.assertEqual(len(os.listdir(os.path.join(self.root, "debug"))), 1)

        # One that is frozen is passed over, alone it is given up; a change is not made twice.
        frozen, other = servers[0], servers[1]
        os.kill(frozen.process.pid, signal.SIGSTOP)
        try:
            both = "%s,%s" % (self.url(frozen), self.url(other))
            wait_until("an answer beside a frozen server", lambda: self.run_command(
                "server members", both)[0] == 0, 30)
            self.assertIn("no answer in time", self.refused("agent-info -timeout=1s", first, code=1))
            self.assertIn("was not found", self.refused(
                "operator raft remove-peer -peer-id=00000000-0000-4000-8000-000000000000", both))
            self.assertIn("may have been carried out", self.refused(
                "operator raft remove-peer -peer-id=x -timeout=1s", first, code=1))
        finally:
            os.kill(frozen.process.pid, signal.SIGCONT)

        # Autopilot may have taken the frozen one out by now: the other one is looked at.
        frozen.kill()
        servers[2].kill()
        last = self.url(other)
        wait_until("a server that leads nobody", lambda: "No cluster leader" in self.run_command(
            "operator raft list-peers", last)[2], 30)
        code, output, _ = self.run_command("operator raft list-peers", last)
        self.assertEqual(code, 2)
        self.assertIn("s2.global", output)
        self.assertEqual(self.run_command("status", last)[0], 2)

        other.terminate()
        self.assertIn("connection refused", self.refused("server members", last, code=1))
        for command in ["info", "logs", "state"]:
            self.assertTrue(self.fine("operator raft %s %s" % (command, other.data)))
        self.done()

    def test_a_running_server_keeps_its_folder(self):
        server = self.dev()
        self.start([server])
        error = self.refused("operator raft info " + server.data, code=1)
        self.assertIn("in use by process %d" % server.process.pid, error)
        self.done()

    def test_a_port_that_is_taken_is_named(self):
        server = self.dev()
        self.start([server])
        taken = {"http": server.http_port, "rpc": server.rpc_port, "serf": server.serf_port}
        free = dict(zip(taken, processes.free_ports(3)))
        config = os.path.join(self.root, "other.json")
        for port, number in taken.items():
            with open(config, "w") as file:
                json.dump({
                    "data_dir": os.path.join(self.root, "other"), "bind_addr": "127.0.0.1",
                    "ports": dict(free, **{port: number}),
                    "server": {"enabled": True, "bootstrap_expect": 1}}, file)
            code, _, errors = self.run_command("agent -config " + config)
            self.assertEqual(code, 1)
            self.assertIn("port %s (127.0.0.1:%d) cannot be opened: address already in use" % (port, number), errors)
        self.done()

    def test_a_disk_that_takes_no_more_leaves_no_file(self):
        server = self.dev()
        self.start([server])
        address = self.url(server)
        wait_until("a leader", lambda: self.run_command("server members", address)[0] == 0, 30)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.refused(
            "operator snapshot save a.snap", address, code=1, preexec_fn=limit, restore_signals=False)
        self.assertEqual([n for n in os.listdir(self.root) if "snap" in n], [])
        self.done()

    def test_tokens_from_the_first_one_on(self):
        server = self.cluster(1, more={"acl": {"enabled": True}})[0]
        server.start()
        address = self.url(server)
        secret = wait_until("a bootstrap", lambda: self.run_command(
            ["acl", "bootstrap", "-t", "{{.SecretID}}"], address)[1], 30)
        self.assertIn("give a token by -token or NOMAD_TOKEN", self.refused("server members", address))
        own = {"NOMAD_TOKEN": secret}
        self.fine("acl policy apply read -", address, variables=own, text='operator { policy = "read" }')
        made = json.loads(self.fine("acl token create -name=t -policy=read -json", address, variables=own))
        reader = {"NOMAD_TOKEN": made["SecretID"]}
        self.fine("operator autopilot get-config", address, variables=reader)
        code, _, errors = self.run_command(
            "operator autopilot set-config -min-quorum=3", address, variables=reader)
        self.assertEqual(code, 2)
        self.assertIn("the token that was given does not allow it", errors)
        self.done()

    def test_tls_believes_whom_it_is_told_to(self):
        for line in ["tls ca create", "tls cert create -server", "tls cert create -cli"]:
            self.fine(line)
        names = {"ca_file": "nomad-agent-ca.pem", "cert_file": "global-server-nomad.pem",
                 "key_file": "global-server-nomad-key.pem"}
        server = self.cluster(1, more={"tls": dict(
            {"http": True, "verify_https_client": True},
            **{key: os.path.join(self.root, name) for key, name in names.items()})})[0]
        server.start()
        address = "https://127.0.0.1:%d" % server.http_port
        known = {"NOMAD_CACERT": "nomad-agent-ca.pem", "NOMAD_CLIENT_CERT": "global-cli-nomad.pem",
                 "NOMAD_CLIENT_KEY": "global-cli-nomad-key.pem"}
        wait_until("an answer over TLS", lambda: self.run_command(
            "server members", address, variables=known)[0] == 0, 30)
        self.fine("server members -tls-server-name=server.global.nomad", address, variables=known)
        self.fine("server members", address.replace("127.0.0.1", "localhost"), variables=known)
        for line, variables in [
                ("server members -tls-server-name=other.example", known), ("server members", {}),
                ("server members", {"NOMAD_CACERT": "nomad-agent-ca.pem"})]:
            self.assertIn("certificate", self.refused(line, address, code=1, variables=variables))
        own = dict(known, NOMAD_SKIP_VERIFY="true")
        del own["NOMAD_CACERT"]
        self.fine("server members", address, variables=own)
        self.assertIn("https://", self.refused("server members", address.replace("https", "http")))
        self.done()

    def test_shells_and_manuals_take_what_is_written_for_them(self):
        for shell in ["bash", "zsh", "fish"]:
            script = os.path.join(self.root, "completion." + shell)
            with open(script, "w") as file:
                file.write(self.fine("completion " + shell))
            if shutil.which(shell):
                subprocess.run([shell, "-n", script], check=True)
        completed = subprocess.run(
            ["bash", "-c", "source completion.bash; COMP_WORDS=(martlet operator raft list-); COMP_CWORD=3; "
             "_martlet; echo \"${COMPREPLY[@]}\""], cwd=self.root, stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(completed.stdout, "list-peers\n")
        self.fine("man -output-dir man")
        pages = [os.path.join(self.root, "man", name) for name in sorted(os.listdir(
            os.path.join(self.root, "man")))]
        self.assertGreater(len(pages), 50)
        if shutil.which("mandoc"):
            lint = subprocess.run(
                ["mandoc", "-Tlint", "-W", "warning"] + pages, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True)
            self.assertEqual(lint.stdout, "")
        self.done()

    def test_a_command_costs_little(self):
        server = self.dev()
        self.start([server])
        start = time.monotonic()
        for _ in range(10):
            self.fine("operator raft list-peers -stale", self.url(server))
        self.assertLess((time.monotonic() - start) / 10, 1)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
