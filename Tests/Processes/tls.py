#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS on real processes, on loopback, from outside: curl, openssl s_client, raw bytes.

    tls.py --binary PATH [--only NAME] [--keep]

What is not said here is as in processes.py. Needs curl and openssl.
Python 3 standard library only.
"""
import http.client
import json
import os
import random
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

import processes
from processes import AUTOPILOT, Answer, ProcessTest, Server, free_ports, wait_until

REFUSAL = "Client sent an HTTP request to an HTTPS server."
LEADER = "/v1/status/leader"


class SecureServer(Server):
    """A server whose HTTP port speaks TLS; `credentials` are those of its clients here."""
    credentials = None

    def request(self, method, path, body=None, headers=None, timeout=10):
        if self.credentials is None:
            return super().request(method, path, body, headers, timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.http_port, timeout=timeout, context=self.credentials.context())
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def counters(self):
        return {c["Name"]: c["Count"] for c in self.request("GET", "/v1/metrics").json["Counters"]}

    def refused(self, port, reason):
        return self.counters()["nomad.agent.tls.%s.refused.%s" % (port, reason)]


class Credentials:
    """A certificate, its key, and the authority that is believed."""

    def __init__(self, certificate, key, authority):
        self.certificate, self.key, self.authority = certificate, key, authority

    def context(self):
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def curl(self):
        found = ["--cacert", self.authority]
        return found + (["--cert", self.certificate, "--key", self.key] if self.certificate else [])

    def s_client(self):
        found = ["-CAfile", self.authority]
        return found + (["-cert", self.certificate, "-key", self.key] if self.certificate else [])


class TLSTest(ProcessTest):
    def setUp(self):
        super().setUp()
        self.certificates = os.path.join(self.root, "certificates")
        os.mkdir(self.certificates)

    def tls(self, *arguments, folder=None, status=0):
        """Runs `martlet tls`; its output."""
        result = subprocess.run(
            [processes.OPTIONS.binary, "tls"] + list(arguments), cwd=folder or self.certificates,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        output = result.stdout.decode()
        self.assertEqual(result.returncode, status, output)
        return output

    def openssl(self, *arguments, text="", folder=None):
        """The exit status and the output of openssl."""
        result = subprocess.run(
            ["openssl"] + list(arguments), input=text.encode(), cwd=folder or self.certificates,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return result.returncode, result.stdout.decode(errors="replace")

    def made(self, name, folder=None, authority=None):
        """What `martlet tls` made under this name."""
        folder = folder or self.certificates
        return Credentials(
            os.path.join(folder, name + ".pem"), os.path.join(folder, name + "-key.pem"),
            authority or os.path.join(folder, "nomad-agent-ca.pem"))

    def make_all(self, folder=None):
        """An authority, and a server's and a command line's certificate by it."""
        self.tls("ca", "create", folder=folder)
        self.tls("cert", "create", "-server", folder=folder)
        self.tls("cert", "create", "-cli", folder=folder)
        return self.made("global-server-nomad", folder), self.made("global-cli-nomad", folder)

    def expired(self):
        """A client's certificate of the right authority, of long ago."""
        folder = os.path.join(self.root, "expired")
        os.mkdir(folder)
        authority = os.path.join(self.certificates, "nomad-agent-ca")
        with open(os.path.join(folder, "ca.conf"), "w") as file:
            file.write("\n".join([
                "[ca]", "default_ca = it", "[it]", "database = %s/index" % folder,
                "new_certs_dir = %s" % folder, "serial = %s/serial" % folder,
                "default_md = sha256", "policy = any", "x509_extensions = leaf",
                "[any]", "commonName = supplied",
                "[leaf]", "extendedKeyUsage = clientAuth,serverAuth",
                "subjectAltName = DNS:server.global.nomad", ""]))
        for name, content in [("index", ""), ("serial", "1000\n")]:
            with open(os.path.join(folder, name), "w") as file:
                file.write(content)
        for command in [
                ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", "/CN=old", "-keyout", "old-key.pem", "-out", "old.csr"],
                ["ca", "-batch", "-notext", "-config", "ca.conf", "-in", "old.csr", "-out", "old.pem",
                 "-cert", authority + ".pem", "-keyfile", authority + "-key.pem",
                 "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]]:
            status, output = self.openssl(*command, folder=folder)
            self.assertEqual(status, 0, output)
        return self.made("old", folder, authority + ".pem")

    def secured(self, count=3, tls=None, credentials=None):
        """Servers with this `tls` block; not started."""
        servers = self.cluster(count, more={"tls": tls or {}})
        for server in servers:
            server.__class__ = SecureServer
            server.credentials = credentials
        return servers

    @staticmethod
    def block(own, **more):
        return dict({
            "http": True, "rpc": True, "verify_server_hostname": True, "verify_https_client": True,
            "ca_file": own.authority, "cert_file": own.certificate, "key_file": own.key}, **more)

    @staticmethod
    def configure(server, tls):
        path = server.arguments[1]
        with open(path) as file:
            settings = json.load(file)
        settings["tls"] = tls
        with open(path, "w") as file:
            json.dump(settings, file)

    @staticmethod
    def hang_up(server):
        server.process.send_signal(signal.SIGHUP)

    def curl(self, server, *arguments, scheme="https"):
        """(exit status, output with headers and messages)."""
        result = subprocess.run(
            ["curl", "-si", "-S", "--noproxy", "*", "--max-time", "10"] + list(arguments)
            + ["%s://127.0.0.1:%d%s" % (scheme, server.http_port, LEADER)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.returncode, result.stdout.decode(errors="replace")

    def said(self, server, words, seconds=15):
        def one():
            with open(server.log, errors="replace") as log:
                return words in log.read()
        wait_until(lambda: "%r in the log of %s\n%s" % (words, server.name, server.tail()), one, seconds)


class Commands(TLSTest):
    def test_files_have_nomads_names_are_private_and_never_written_over(self):
        output = self.tls("ca", "create")
        self.assertIn("==> CA certificate saved to: nomad-agent-ca.pem", output)
        self.assertIn("==> CA certificate key saved to: nomad-agent-ca-key.pem", output)
        output = self.tls("cert", "create", "-server", "-region", "eu", "-additional-dnsname", "s.example",
                          "-additional-ipaddress", "10.1.2.3")
        self.assertIn("==> Server Certificate saved to eu-server-nomad.pem", output)
        self.assertIn("==> Server Certificate key saved to eu-server-nomad-key.pem", output)
        self.tls("cert", "create", "-client")
        self.tls("cert", "create", "-cli")
        names = ["nomad-agent-ca", "eu-server-nomad", "global-client-nomad", "global-cli-nomad"]
        files = sorted(n + e for n in names for e in (".pem", "-key.pem"))
        self.assertEqual(sorted(os.listdir(self.certificates)), files)
        for name in files:
            mode = stat.S_IMODE(os.stat(os.path.join(self.certificates, name)).st_mode)
            self.assertEqual(mode, 0o600, name)
        before = {n: open(os.path.join(self.certificates, n)).read() for n in files}
        for arguments in (["ca", "create"], ["cert", "create", "-cli"]):
            self.assertIn("already exists", self.tls(*arguments, status=1))
        self.assertEqual(before, {n: open(os.path.join(self.certificates, n)).read() for n in files})
        for name in names[1:]:
            status, output = self.openssl("verify", "-CAfile", "nomad-agent-ca.pem", name + ".pem")
            self.assertEqual(status, 0, output)
        _, text = self.openssl("x509", "-noout", "-text", "-in", "eu-server-nomad.pem")
        for words in ["DNS:server.eu.nomad", "DNS:localhost", "DNS:s.example", "IP Address:127.0.0.1",
                      "IP Address:10.1.2.3", "TLS Web Server Authentication",
                      "TLS Web Client Authentication", "prime256v1", "CA:FALSE"]:
            self.assertIn(words, text)
        output = self.tls("cert", "info", "eu-server-nomad.pem")
        self.assertIn("server.eu.nomad", output)
        self.assertRegex(output, r"\(in 36[45] days\)")
        self.assertIn("Certificate Sign", self.tls("ca", "info"))
        self.done()

    def test_an_authority_that_is_constrained_certifies_nobody_else(self):
        self.tls("ca", "create", "-name-constraint", "-additional-domain", "example")
        self.tls("cert", "create", "-server", "-additional-dnsname", "a.example")
        status, output = self.openssl(
            "verify", "-CAfile", "nomad-agent-ca.pem", "global-server-nomad.pem")
        self.assertEqual(status, 0, output)
        self.tls("cert", "create", "-cli", "-additional-dnsname", "bank.test")
        status, output = self.openssl("verify", "-CAfile", "nomad-agent-ca.pem", "global-cli-nomad.pem")
        self.assertNotEqual(status, 0)
        self.assertIn("permitted subtree violation", output)
        self.done()

    def test_what_cannot_be_done_is_said(self):
        for arguments, status, words in [
                (["cert", "create"], 2, "-server"), (["cert", "create", "-server"], 1, "nomad-agent-ca.pem"),
                (["cert", "create", "-sever"], 2, "did you mean -server"),
                (["ca", "create", "-days", "0"], 2, "-days"), (["ca", "create", "-domain", "../x"], 2, "no name"),
                (["cert", "info", "nothing.pem"], 1, "no such file"), (["what"], 2, "unknown command")]:
            self.assertIn(words, self.tls(*arguments, status=status))
        self.done()


class Servers(TLSTest):
    def test_right_wrong_expired_and_absent_certificates(self):
        own, client = self.make_all()
        other_folder = os.path.join(self.root, "other")
        os.mkdir(other_folder)
        other_server, other_client = self.make_all(other_folder)
        servers = self.secured(tls=self.block(own), credentials=client)
        self.start(servers)
        leader = self.leader(servers)
        follower = next(s for s in servers if s is not leader)
        self.assertTrue(self.write(follower, 4001))
        self.assertEqual(self.read(leader)[0], 4001)

        status, output = self.curl(follower, *client.curl())
        self.assertEqual(status, 0, output)
        self.assertIn(" 200 ", output)
        wrong = Credentials(other_client.certificate, other_client.key, client.authority)
        absent = Credentials(None, None, client.authority)
        for stranger, reason in [(absent, "no_certificate"), (wrong, "unknown_authority"),
                                 (self.expired(), "expired")]:
            before = follower.refused("http", reason)
            status, output = self.curl(follower, *stranger.curl())
            self.assertNotEqual(status, 0, output)
            self.assertNotIn(" 200 ", output)
            self.assertIn("alert", output)
            self.assertEqual(follower.refused("http", reason), before + 1, reason)
        self.said(follower, "reason=expired")
        # A client that does not believe the server goes away, and the server knows why.
        status, output = self.curl(follower, *Credentials(
            client.certificate, client.key, other_client.authority).curl())
        self.assertEqual(status, 60, output)
        wait_until("it was counted", lambda: follower.refused("http", "refused_by_peer") >= 1, 5)

        self.plaintext(follower, client)
        self.versions(follower, client)
        self.peers(follower, own, client, absent)
        # Nothing of it mattered to the cluster.
        self.write_until_acknowledged(servers, 4002)
        self.intruder(servers, other_server)
        self.done()

    def plaintext(self, server, client):
        status, output = self.curl(server, scheme="http")
        self.assertEqual(status, 0, output)
        self.assertIn("HTTP/1.0 400 Bad Request", output)
        self.assertIn(REFUSAL, output)
        dice = random.Random(processes.OPTIONS.seed)
        for port in (server.http_port, server.rpc_port, server.serf_port):
            for _ in range(60):
                head = dice.choice([b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\xff\xff"])
                with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
                    try:
                        s.sendall(head + dice.randbytes(dice.choice((1, 50, 3000))))
                        s.shutdown(socket.SHUT_WR)
                        while s.recv(65536):
                            pass
                    except OSError:
                        pass  # It may be reset.
        self.assertEqual(self.curl(server, *client.curl())[0], 0)

    def versions(self, server, client):
        at = "127.0.0.1:%d" % server.http_port
        for version, works in [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)]:
            status, output = self.openssl(
                "s_client", "-connect", at, version, "-alpn", "h2,http/1.1", "-ign_eof",
                "-cipher", "ALL:@SECLEVEL=0", *client.s_client(),
                text="GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % LEADER)
            self.assertEqual("HTTP/1.1 200" in output, works, output)
            if works:
                self.assertIn("ALPN protocol: http/1.1", output)
                self.assertIn("Compression: NONE", output)
                self.assertNotIn("TLS session ticket:", output)
                self.assertIn("Verify return code: 0 (ok)", output)
        # A new handshake inside an old connection.
        _, output = self.openssl("s_client", "-connect", at, "-tls1_2", *client.s_client(), text="R\n")
        self.assertIn("no renegotiation", output)

    def peers(self, server, own, client, absent):
        """The ports of servers: only servers come in."""
        for port in (server.rpc_port, server.serf_port):
            for stranger, reason in [(absent, "no_certificate"), (client, "wrong_name")]:
                before = server.refused("rpc", reason)
                status, output = self.openssl(
                    "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_2", *stranger.s_client())
                self.assertIn("alert", output)
                self.assertEqual(server.refused("rpc", reason), before + 1, output)
            status, output = self.openssl("s_client", "-connect", "127.0.0.1:%d" % port, *own.s_client())
            self.assertEqual(status, 0, output)

    def intruder(self, servers, other):
        """A server of another authority does not come in, and says why."""
        ports = free_ports(3)
        path = os.path.join(self.root, "intruder.json")
        one = SecureServer(self.root, "intruder", ports, ["-config", path])
        with open(path, "w") as file:
            json.dump({
                "name": "intruder", "data_dir": one.data, "bind_addr": "127.0.0.1",
                "ports": {"http": ports[0], "rpc": ports[1], "serf": ports[2]},
                "server": {"enabled": True, "server_join": {
                    "retry_join": ["127.0.0.1:%d" % s.serf_port for s in servers], "retry_interval": "1s"}},
                "tls": self.block(other, http=False)}, file)
        self.servers.append(one)
        one.start()
        self.said(one, "reason=unknown_authority")
        names = {m["Name"] for m in servers[0].request("GET", "/v1/agent/members").json["Members"]}
        self.assertEqual(names, {"s1.global", "s2.global", "s3.global"})

    def test_a_start_with_wrong_files_says_what_is_wrong(self):
        own, client = self.make_all()
        old = self.expired()
        missing = Credentials("/nowhere/c.pem", own.key, own.authority)
        swapped = Credentials(own.certificate, client.key, own.authority)
        for given, words in [(missing, "tls.cert_file cannot be read"), (swapped, "not the key of the certificate"),
                             (old, "expired at 2021-01-01"), (client, "not good for a server")]:
            server = self.secured(1, self.block(given), client)[0]
            status, output = self.run_to_end(server.arguments)
            self.assertEqual(status, 1, output)
            self.assertIn("Error starting agent: ", output)
            self.assertIn(words, output)
        self.done()

    def test_new_certificates_are_taken_up_while_running(self):
        own, client = self.make_all()
        other_folder = os.path.join(self.root, "other")
        os.mkdir(other_folder)
        new, new_client = self.make_all(other_folder)
        server = self.secured(1, self.block(own), client)[0]
        self.start([server])
        first = http.client.HTTPSConnection(
            "127.0.0.1", server.http_port, timeout=10, context=client.context())

        def ask():
            first.request("GET", LEADER)
            return first.getresponse().read()
        before = ask()

        # What is wrong changes nothing.
        self.configure(server, self.block(Credentials(new.certificate, own.key, new.authority)))
        self.hang_up(server)
        self.said(server, "TLS was not reloaded")
        self.assertEqual(self.curl(server, *client.curl())[0], 0)
        self.assertEqual(ask(), before)

        self.configure(server, self.block(new))
        self.hang_up(server)
        self.said(server, "TLS was reloaded")
        self.assertEqual(ask(), before, "the connection of before lives on")
        self.assertNotEqual(self.curl(server, *client.curl())[0], 0)
        self.assertEqual(self.curl(server, *new_client.curl())[0], 0)
        server.credentials = new_client
        gauges = {g["Name"]: g["Value"] for g in server.request("GET", "/v1/metrics").json["Gauges"]}
        self.assertAlmostEqual(gauges["nomad.agent.tls.cert_expiry_seconds"], 365 * 86400, delta=600)
        self.assertAlmostEqual(gauges["nomad.agent.tls.ca_expiry_seconds"], 1825 * 86400, delta=600)
        first.close()
        self.done()

    def test_a_certificate_that_ends_soon_is_warned_of(self):
        self.tls("ca", "create")
        self.tls("cert", "create", "-server", "-days", "20")
        own = self.made("global-server-nomad")
        server = self.secured(1, self.block(own), own)[0]
        os.chmod(own.key, 0o644)
        self.start([server])
        self.said(server, "the TLS certificate expires in ")
        self.said(server, "can be read by every user")
        self.done()


class SwitchOver(TLSTest):
    """A cluster without TLS gets it, server by server, under writes."""

    def test_a_running_cluster_is_switched_over_without_losing_a_write(self):
        own, _ = self.make_all()
        servers = self.secured(3)
        self.start(servers)
        writer = Writer(servers)
        writer.start()
        try:
            writer.wait_for(20)
            # First: each takes both, and tries TLS.
            for server in servers:
                self.assertEqual(server.terminate(), 0, server.tail())
                self.configure(server, self.block(own, http=False, rpc_upgrade_mode=True))
                server.start().wait_ready()
                writer.wait_for(10)
            mixed = servers[0].counters()
            self.assertGreater(mixed["nomad.agent.tls.rpc.plaintext"], 0)
            # Second: nothing but TLS, while they run.
            for server in servers:
                self.configure(server, self.block(own, http=False))
                self.hang_up(server)
                self.said(server, "TLS was reloaded")
                writer.wait_for(10)
            before = [s.counters()["nomad.agent.tls.rpc.plaintext"] for s in servers]
            # Whoever starts again meets the others by TLS only.
            self.assertEqual(servers[1].terminate(), 0, servers[1].tail())
            servers[1].start().wait_ready()
            writer.wait_for(10)
            after = [s.counters()["nomad.agent.tls.rpc.plaintext"] for s in servers]
            self.assertEqual([after[0], 0, after[2]], [before[0], after[1], before[2]])
            self.assertGreater(servers[1].counters()["nomad.agent.tls.rpc.connected"], 1)
        finally:
            writer.stop()
        self.assertEqual(writer.wrong, [], "a read that does not know an acknowledged write")
        value, _ = self.read(servers[2])
        self.assertIn(value, writer.possible())
        self.plaintext_is_out(servers)
        self.done()

    def plaintext_is_out(self, servers):
        server = servers[0]
        before = server.refused("rpc", "plaintext")
        with socket.create_connection(("127.0.0.1", server.rpc_port), timeout=10) as s:
            try:
                s.sendall(processes.peer_garbage(random.Random(1), 3))
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError:
                pass
        self.assertEqual(server.refused("rpc", "plaintext"), before + 1)


class Writer(threading.Thread):
    """Writes one number after the other, through any server, and reads each that was acknowledged."""

    def __init__(self, servers):
        super().__init__(daemon=True)
        self.servers = servers
        self.acknowledged = 0
        self.last = None
        # Not acknowledged since the last that was: they may or may not have been applied.
        self.doubtful = []
        self.wrong = []
        self.is_over = threading.Event()

    def run(self):
        number = 1000
        while not self.is_over.is_set():
            number += 1
            server = self.servers[number % len(self.servers)]
            answer = server.try_request("PUT", AUTOPILOT, {"MaxTrailingLogs": number}, timeout=5)
            if answer is None or answer.status != 200:
                self.doubtful.append(number)
                time.sleep(0.02)
                continue
            self.last = number
            read = self.servers[(number + 1) % len(self.servers)].try_request("GET", AUTOPILOT)
            if read is not None and read.status == 200 and read.json["MaxTrailingLogs"] not in self.possible():
                self.wrong.append((number, read.json["MaxTrailingLogs"]))
            self.acknowledged += 1

    def possible(self):
        return [self.last] + self.doubtful

    def wait_for(self, count):
        """Until so many more writes were acknowledged."""
        goal = self.acknowledged + count
        wait_until("%d writes" % count, lambda: self.acknowledged >= goal, 30)

    def stop(self):
        self.is_over.set()
        self.join(20)


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
