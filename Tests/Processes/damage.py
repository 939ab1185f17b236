#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damage to the files of one server of a real cluster, one bit at a time.

    damage.py --binary PATH [--flips N] [--seed N] ...         options as those of processes.py

Each flip is in another server's folder, while that server is stopped and the others go on writing.
Then it starts. It may notice and be refilled, or not need the bit, or refuse; it may never tell
anything that was not written. --flips 12 is what CI runs; by hand, hundreds.
"""
import os
import sys
import time

import processes
from processes import AUTOPILOT, ProcessTest, wait_until

FILES = ["IDENTITY", "raft/FORMAT", "raft/log/data.mdb", "raft/snapshots/data.mdb"]


class Damage(ProcessTest):
    def flip(self, server):
        """One bit somewhere; returns where."""
        dice = processes.OPTIONS.random
        paths = [os.path.join(server.data, "server", name) for name in FILES]
        # By the size of the files, but the small ones have their turn as well.
        weights = [max(os.path.getsize(p), 20000) for p in paths]
        path = dice.choices(paths, weights)[0]
        place, bit = dice.randrange(os.path.getsize(path)), dice.randrange(8)
        self.flip_at(path, place, bit)
        return path, place, bit

    def flip_at(self, path, place, bit):
        with open(path, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << bit]))

    def stale(self, server):
        answer = server.try_request("GET", AUTOPILOT + "?stale")
        return answer.json["MaxTrailingLogs"] if answer is not None and answer.status == 200 else None

    def aside(self, server):
        return [n for n in os.listdir(os.path.join(server.data, "server")) if "damaged" in n]

    def start_damaged(self, server, written):
        """Whether it serves again; everything it says on the way must have been written once."""
        server.start()
        deadline = time.monotonic() + 30
        while True:
            if server.process.poll() is not None:
                return False
            value = self.stale(server)
            if value is not None:
                self.assertIn(value, written, "an answer that was never true\n" + server.tail())
                if value == written[-1]:
                    return True
            self.assertLess(time.monotonic(), deadline, "not refilled\n" + server.tail())
            time.sleep(0.02)

    def test_one_bit_at_a_time(self):
        servers = self.cluster(3)
        self.start(servers)
        written = [250, 1000]  # What an autopilot configuration says at first.
        self.write_until_acknowledged(servers, 1000)
        unharmed, repaired, refused, repairs, refills = 0, 0, [], [], {}
        for number in range(processes.OPTIONS.flips):
            victim = processes.OPTIONS.random.choice(servers)
            victim.kill()
            before = len(self.aside(victim))
            where = self.flip(victim)
            for _ in range(3):
                written.append(written[-1] + 1)
                self.write_until_acknowledged(servers, written[-1])
            start = time.monotonic()
            is_serving = self.start_damaged(victim, written)
            if not is_serving:
                self.assertEqual(victim.process.returncode, 1, victim.tail())
                self.assertIn("Error starting agent", victim.tail())
                refused.append((where, victim.tail()))
                self.flip_at(*where)
                victim.start()
            elif len(self.aside(victim)) > before:
                repaired += 1
                self.wait_refilled(victim, repaired_before=refills.get(victim.name, 0))
                refills[victim.name] = refills.get(victim.name, 0) + 1
                repairs.append(time.monotonic() - start)
            else:
                unharmed += 1
            victim.wait_ready()
            self.wait_whole(servers)
        print("flips: %d unharmed, %d set aside and refilled, %d refused; refilled in %.1f s at most"
              % (unharmed, repaired, len(refused), max(repairs, default=0)))
        for where, tail in refused:
            print("    refused: %s\n%s" % (where, tail))
        total = processes.OPTIONS.flips
        self.assertGreaterEqual(total - len(refused), 0.95 * total)
        # Not all in one server: who lost everything must have been filled by the others.
        values = {self.read(s)[0] for s in servers}
        self.assertEqual(values, {written[-1]})
        self.done()

    def wait_refilled(self, server, repaired_before):
        """Until the leader has said that it is whole again."""
        def told():
            with open(server.log, errors="replace") as log:
                return log.read().count("this server is whole again") > repaired_before
        wait_until(lambda: "the end of a recovery\n" + server.tail(), told, 30)

    def wait_whole(self, servers):
        """Until all of them vote: only then may another one be damaged."""
        def whole():
            answer = servers[0].try_request("GET", processes.RAFT)
            rows = answer.json["Servers"] if answer is not None and answer.status == 200 else []
            return len(rows) == len(servers) and all(r["Voter"] for r in rows)
        wait_until(lambda: "three voters\n" + servers[0].tail(), whole, 60)

    def test_a_folder_that_lost_its_stores_is_refilled(self):
        servers = self.cluster(3)
        self.start(servers)
        self.write_until_acknowledged(servers, 1000)
        victim = servers[1]
        victim.kill()
        os.rename(os.path.join(victim.data, "server", "raft"), os.path.join(victim.root, "gone"))
        victim.start().wait_ready()
        self.assertIn("refilled by its peers", open(victim.log).read())
        self.wait_whole(servers)
        self.assertEqual(self.read(victim)[0], 1000)
        self.done()

    def test_the_only_server_refuses_and_says_how_to_go_on(self):
        server = self.dev().start().wait_ready()
        self.assertTrue(self.write(server, 1000))
        server.kill()
        path = os.path.join(server.data, "server/raft/FORMAT")
        self.flip_at(path, 9, 0)
        status, output = self.run_to_end(server.arguments)
        self.assertEqual(status, 1, output)
        self.assertIn("only voter", output)
        self.assertEqual(self.aside(server), [])
        self.flip_at(path, 9, 0)
        server.start().wait_ready()
        self.assertEqual(self.read(server)[0], 1000)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(
        sys.modules[__name__],
        lambda parser: parser.add_argument("--flips", type=int, default=12)))
