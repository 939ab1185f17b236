#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What others on the same machine find of a server: its files, its command line, its log.

    hardening.py --binary PATH [--only NAME] [--keep]

Options and verdict are those of processes.py.
"""
import gzip
import os
import stat
import sys

import processes
from processes import AUTOPILOT, SNAPSHOT, ProcessTest, wait_until

KEY = "kLXVUbKT3JwE1yfI9r2DaHzxvJSXvQ5wJpHp3lwXg4w="
OTHER_KEY = "cg8StVXbQJ0gPvMd9o7yrg=="
TOKEN = "0e2f0f1a-7a37-4b6c-9b8f-2d8f8f1b5e11"


class Hardening(ProcessTest):
    def dev_with_key(self, *arguments):
        return self.dev(arguments=("-log-level=TRACE",) + arguments)

    def test_no_file_can_be_read_by_others(self):
        before = os.umask(0)  # As careless as can be.
        try:
            server = self.dev_with_key("-encrypt=" + KEY).start().wait_ready()
        finally:
            os.umask(before)
        self.assertTrue(self.write(server, 1000))
        answer = server.request("PUT", "/v1/agent/keyring/install", {"Key": OTHER_KEY})
        self.assertEqual(answer.status, 200, answer)
        archive = server.request("GET", SNAPSHOT)
        self.assertEqual(server.request("PUT", SNAPSHOT, archive.body).status, 200)

        def files():
            return [os.path.join(folder, name) for folder, _, names in os.walk(server.data) for name in names]
        wait_until("the keyring's file beside others", lambda: len(files()) > 5 and any(
            "keyring" in path for path in files()), 10)
        self.assertEqual(server.terminate(), 0, server.tail())
        seen = 0
        for folder, folders, names in os.walk(server.data):
            for path in [folder] + [os.path.join(folder, name) for name in names]:
                seen += 1
                mode = stat.S_IMODE(os.lstat(path).st_mode)
                self.assertEqual(mode & 0o077, 0, "%s has mode %o" % (path, mode))
        self.assertGreater(seen, 8)
        self.done()

    def test_a_key_in_a_flag_is_not_in_the_process_list(self):
        for form in (["-encrypt=" + KEY], ["--encrypt", KEY]):
            server = self.dev(name="dev%d" % len(form), arguments=form).start().wait_ready()
            with open("/proc/%d/cmdline" % server.process.pid, "rb") as file:
                line = file.read()
            self.assertIn(b"encrypt", line)
            self.assertIn(b"-node=", line)
            self.assertNotIn(KEY.encode(), line)
            # It is in use all the same.
            keys = server.request("GET", "/v1/agent/keyring/list").json["Keys"]
            self.assertEqual(list(keys), [KEY])
            server.kill()
        self.done()

    def test_no_secret_is_in_the_log(self):
        server = self.dev_with_key("-encrypt=" + KEY).start().wait_ready()
        for headers in ({"X-Nomad-Token": TOKEN}, {"Authorization": "Bearer " + TOKEN}):
            for method, path, body in (
                    ("GET", AUTOPILOT, None), ("PUT", AUTOPILOT, "{"), ("PUT", AUTOPILOT, '{"MinQuorum":1}'),
                    ("GET", "/v1/none?token=" + TOKEN, None), ("PATCH", AUTOPILOT, "{}")):
                server.request(method, path, body, headers=headers)
        for verb, key in (("install", OTHER_KEY), ("use", OTHER_KEY), ("remove", KEY), ("use", KEY),
                          ("install", OTHER_KEY + "x")):
            server.request("PUT", "/v1/agent/keyring/" + verb, {"Key": key}, headers={"X-Nomad-Token": TOKEN})
        server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Nomad-Token: " + TOKEN.encode() + b"\nX\r\n\r\n")
        self.assertEqual(server.terminate(), 0)
        # A configuration that is wrong is quoted, but not its keys.
        wrong = KEY[:-4]
        status, output = self.run_to_end(server.arguments + ["-encrypt=" + wrong])
        with open(server.log, errors="replace") as file:
            log = file.read()
        self.assertIn("[INFO]", log)
        for secret in (KEY, OTHER_KEY, TOKEN):
            self.assertNotIn(secret, log)
        self.assertNotIn(wrong, output)
        self.done()

    def test_no_token_is_on_the_disk_or_in_the_log(self):
        server = self.dev_with_key("-acl-enabled").start()
        answer = wait_until("a bootstrap", lambda: self.answered(server, "/v1/acl/bootstrap"), 30)
        manager = answer.json["SecretID"]
        made = server.request("PUT", "/v1/acl/token", {"Type": "management", "Name": "other"},
                              headers={"X-Nomad-Token": manager})
        self.assertEqual(made.status, 200, made)
        other = made.json["SecretID"]
        for headers in ({"X-Nomad-Token": other}, {"Authorization": "Bearer " + other}):
            for method, path, body in (("GET", AUTOPILOT, None), ("PUT", AUTOPILOT, '{"MinQuorum":1}'),
                                       ("GET", "/v1/acl/token/self?explain", None), ("PUT", AUTOPILOT, "{")):
                server.request(method, path, body, headers=headers)
        archive = server.request("GET", SNAPSHOT, headers={"X-Nomad-Token": manager})
        self.assertEqual(archive.status, 200)
        self.assertEqual(server.terminate(), 0)
        kept = [gzip.decompress(archive.body), open(server.log, "rb").read()]
        for folder, _, names in os.walk(server.data):
            kept += [open(os.path.join(folder, name), "rb").read() for name in names]
        self.assertGreater(len(kept), 8)
        accessor = made.json["AccessorID"].encode()
        self.assertTrue(any(accessor in content for content in kept))
        for secret in (manager, other):
            self.assertFalse(any(secret.encode() in content for content in kept))
        self.done()

    @staticmethod
    def answered(server, path):
        answer = server.try_request("PUT", path)
        return answer if answer is not None and answer.status == 200 else None


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
