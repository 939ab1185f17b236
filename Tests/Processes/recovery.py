#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recovery of real clusters that lost their majority.

    recovery.py --binary PATH [--only NAME] [--keep] ...      options as those of processes.py
"""
import json
import os
import re
import subprocess
import sys

import processes
from processes import AUTOPILOT, RAFT, ProcessTest, wait_until


class Recovery(ProcessTest):
    def recover(self, *arguments):
        """The command; returns (exit status, output)."""
        result = subprocess.run(
            [processes.OPTIONS.binary, "operator", "raft", "recover"] + list(arguments),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        return result.returncode, result.stdout.decode(errors="replace")

    def log_of(self, server):
        with open(server.log, errors="replace") as log:
            return log.read()

    def peers_file(self, server):
        return os.path.join(server.data, "server", "raft", "peers.json")

    def cluster_with_writes(self, count, value):
        servers = self.cluster(count)
        self.start(servers)
        for step in range(20):
            self.write_until_acknowledged([servers[step % count]], value + step)
        self.wait_until_written(servers)
        return servers, value + 19

    def ids(self, server):
        """Ids by rpc address."""
        rows = server.request("GET", RAFT).json["Servers"]
        return {row["Address"]: row["ID"] for row in rows}

    def wait_until_written(self, servers):
        """On every disk: an answer needs a majority of them only, and not that of who gives it."""
        def ends(name):
            for server in servers:
                gauges = server.request("GET", "/v1/metrics").json["Gauges"]
                yield next(row["Value"] for row in gauges if row["Name"] == name)
        last = max(ends("nomad.raft.commit_index"))
        wait_until("every disk to hold the log", lambda: min(ends("nomad.raft.durable_index")) >= last, 30)

    def test_one_of_three_goes_on_alone_and_the_lost_are_strangers(self):
        servers, value = self.cluster_with_writes(3, 1000)
        index = self.read(servers[0])[1]
        survivor, lost = servers[0], servers[1:]
        for server in servers:
            server.kill()

        status, output = self.recover("-dry-run", "-data-dir", survivor.data)
        self.assertEqual(status, 0, output)
        self.assertFalse(os.path.exists(self.peers_file(survivor)))
        status, output = self.recover("-data-dir", survivor.data)
        self.assertEqual(status, 2, "without a terminal nobody can be asked: " + output)
        self.assertFalse(os.path.exists(self.peers_file(survivor)))
        status, output = self.recover("-yes", "-data-dir", survivor.data)
        self.assertEqual(status, 0, output)
        for server in lost:
            self.assertIn("127.0.0.1:%d" % server.rpc_port, output, "the lost are named")

        survivor.start().wait_ready(10)
        self.assertFalse(os.path.exists(self.peers_file(survivor)), "used once")
        got, modified = self.read(survivor)
        self.assertEqual(got, value, "an acknowledged write is lost")
        self.assertGreaterEqual(modified, index)
        self.assertTrue(self.write(survivor, 2000))
        self.assertGreater(self.read(survivor)[1], modified)

        lost[0].start()
        wait_until("the survivor to refuse the stranger", lambda: re.search(
            "refused what a peer sent.*recovery epoch", self.log_of(survivor)), 15)
        wait_until("the stranger to say why it is refused", lambda: re.search(
            "no connection to a peer.*recovery epoch", self.log_of(lost[0])), 15)
        term = survivor.request("GET", RAFT).json
        for step in range(20):
            self.assertTrue(self.write(survivor, 2001 + step))
        answer = lost[0].try_request("PUT", AUTOPILOT, {"MaxTrailingLogs": 9})
        self.assertFalse(answer is not None and answer.status == 200, answer)
        self.assertEqual(survivor.request("GET", RAFT).json, term)

        # A second start is an ordinary one, and a new server joins the recovered cluster.
        survivor.kill()
        survivor.start().wait_ready(10)
        self.assertEqual(self.read(survivor)[0], 2020)
        lost[1].data += "-new"
        with open(lost[1].arguments[1]) as file:
            configuration = json.load(file)
        configuration["data_dir"] = lost[1].data
        with open(lost[1].arguments[1], "w") as file:
            json.dump(configuration, file)
        lost[1].start().wait_ready(30)
        self.assertEqual(self.read(lost[1])[0], 2020)
        self.done()

    def test_two_of_five_that_differ_keep_what_either_has(self):
        servers, _ = self.cluster_with_writes(5, 1000)
        behind = servers[0]
        behind.kill()
        alive = servers[1:]
        for step in range(30):
            self.write_until_acknowledged([alive[step % 4]], 1100 + step)
        self.wait_until_written(alive)
        index = self.read(alive[0])[1]
        for server in servers:
            server.kill()
        ahead = servers[1]

        ids = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
        status, output = self.recover("-dry-run", "-data-dir", behind.data)
        own = ids.findall(output.split("Found in")[1])[0]
        status, output = self.recover(
            "-data-dir", behind.data, "-data-dir", ahead.data, "-voter", own)
        self.assertEqual(status, 2, output)
        self.assertIn("is ahead of every chosen voter", output)
        self.assertIn(behind.data, output, "both are named")
        self.assertIn(ahead.data, output)

        # Each machine has one folder; what the other has comes as a file. Both write the same.
        for here, there in ((behind, ahead), (ahead, behind)):
            status, survey = self.recover("-survey", "-data-dir", there.data)
            self.assertEqual(status, 0, survey)
            path = there.data + ".survey"
            with open(path, "w") as file:
                file.write(survey)
            status, output = self.recover("-yes", "-data-dir", here.data, "-with", path)
            self.assertEqual(status, 0, output)
        with open(self.peers_file(behind)) as one, open(self.peers_file(ahead)) as other:
            self.assertEqual(one.read(), other.read())

        behind.start()
        ahead.start()
        for server in (behind, ahead):
            server.wait_ready(15)
        got, modified = self.read(behind)
        self.assertEqual(got, 1129)
        self.assertGreaterEqual(modified, index)
        self.assertEqual(len(self.ids(behind)), 2)
        self.write_until_acknowledged([behind], 1200)
        self.done()

    def test_what_cannot_be_recovered_is_refused(self):
        servers, _ = self.cluster_with_writes(3, 1000)
        ids = self.ids(servers[0])
        status, output = self.recover("-data-dir", servers[0].data)
        self.assertEqual(status, 1, output)
        self.assertIn(str(servers[0].process.pid), output, "a folder in use names its holder")
        for server in servers:
            server.kill()
        status, output = self.recover("-data-dir", servers[0].data, "-data-dir", servers[0].data + "/.")
        self.assertEqual(status, 2, output)
        self.assertIn("given twice", output, "this process is not to be killed")
        empty = os.path.join(os.path.dirname(servers[0].data), "empty")
        os.mkdir(empty)
        status, output = self.recover("-data-dir", empty)
        self.assertEqual(status, 1, output)
        self.assertEqual(os.listdir(empty), [], "a folder that is no server's stays as it was")
        other = self.dev("other").start().wait_ready()
        other.kill()
        status, output = self.recover("-data-dir", servers[0].data, "-data-dir", other.data)
        self.assertEqual(status, 2, output)
        self.assertIn("different clusters", output)

        own = ids["127.0.0.1:%d" % servers[0].rpc_port]
        server = '{"id": "%s", "address": "127.0.0.1:%d"}' % (own, servers[0].rpc_port)
        another = next(id for id in ids.values() if id != own)
        cases = [
            ('["127.0.0.1:4647"]', "json: cannot unmarshal string"),
            ("[]", "need at least one voter"),
            ("[%s, %s]" % (server, server), "duplicate id"),
            ("[%s" % server, "unexpected EOF"),
            ('[{"id": "%s", "address": "127.0.0.1:1"}]' % another, "is not in the file"),
        ]
        path = self.peers_file(servers[0])
        for text, wanted in cases:
            with self.subTest(text=text):
                with open(path, "w") as file:
                    file.write(text)
                status, output = self.run_to_end(servers[0].arguments)
                self.assertEqual(status, 1, output)
                self.assertIn(path, output)
                self.assertIn(wanted, output)
        os.remove(path)
        self.start(servers)
        self.assertEqual(self.read(servers[0])[0], 1019, "refusals change nothing")
        self.done()

    def test_peers_json_by_hand(self):
        servers, value = self.cluster_with_writes(3, 1000)
        ids = self.ids(servers[0])
        for server in servers:
            server.kill()
        rows = [
            {"id": ids[address], "address": address, "non_voter": False}
            for address in ("127.0.0.1:%d" % s.rpc_port for s in servers[:2])]
        for server in servers[:2]:
            self.assertTrue(os.path.exists(self.peers_file(server).replace("json", "info")))
            with open(self.peers_file(server), "w") as file:
                json.dump(rows, file)
        self.start(servers[:2])
        for server in servers[:2]:
            self.assertEqual(self.read(server)[0], value)
        self.write_until_acknowledged([servers[1]], 2000)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
