#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Access control of real processes, asked as Nomad's clients ask.

    access.py --binary PATH [--only NAME] [--keep]

The requests are those that `nomad acl …` sends, body for body. With python-nomad installed, that
client is tried too; without it, its test says so and checks nothing.
The last line is "processes: N passed, N failed"; exit status 1 when one failed.
"""
import glob
import http.client
import json
import os
import sys

import processes
from processes import AUTOPILOT, HEALTH, RAFT, SCHEDULER, ProcessTest, wait_until

UNKNOWN = "11111111-2222-4333-8444-555555555555"
GO_ZERO = "0001-01-01T00:00:00Z"
TOKEN_KEYS = {"AccessorID", "CreateIndex", "CreateTime", "Global", "Hash", "ModifyIndex", "Name", "Policies",
              "Roles", "SecretID", "Type"}


class Access(ProcessTest):
    def guarded(self, count=3, more=None):
        """A cluster that asks who is calling; its servers, and the secret that opens everything."""
        servers = self.cluster(count, more=dict({"acl": {"enabled": True}}, **(more or {})))
        for server in servers:
            server.start()
        self.leader(servers)
        answer = wait_until("a bootstrap", lambda: self.answered(servers[0], "PUT", "/v1/acl/bootstrap"), 30)
        token = answer.json
        self.assertEqual(set(token), TOKEN_KEYS)
        self.assertEqual((token["Type"], token["Global"], token["Policies"], token["Name"]),
                         ("management", True, None, "Bootstrap Token"))
        self.assertEqual(answer.headers["X-Nomad-Index"], str(token["ModifyIndex"]))
        return servers, token["SecretID"]

    @staticmethod
    def answered(server, method, path, body=None):
        answer = server.try_request(method, path, body)
        return answer if answer is not None and answer.status == 200 else None

    @staticmethod
    def ask(server, secret, method, path, body=None, header="X-Nomad-Token"):
        # As Go's client writes bodies: with a newline behind.
        text = None if body is None else json.dumps(body) + "\n"
        headers = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "identity"}
        if secret is not None:
            headers[header] = secret
        return server.request(method, path, text, headers)

    def policy(self, server, secret, name, rules, description=""):
        return self.ask(server, secret, "PUT", "/v1/acl/policy/" + name, {
            "Name": name, "Description": description, "Rules": rules, "CreateIndex": 0, "ModifyIndex": 0})

    def token(self, server, secret, name, policies, kind="client", is_global=False):
        return self.ask(server, secret, "PUT", "/v1/acl/token", {
            "AccessorID": "", "SecretID": "", "Name": name, "Type": kind, "Policies": policies,
            "Global": is_global, "CreateTime": GO_ZERO, "CreateIndex": 0, "ModifyIndex": 0})

    def test_what_the_command_line_sends_is_answered_as_it_reads_it(self):
        servers, root = self.guarded()
        one, two, three = servers
        again = self.ask(two, None, "PUT", "/v1/acl/bootstrap")
        self.assertEqual(again.status, 400)
        self.assertRegex(again.body.decode(), r"^ACL bootstrap already done \(reset index: \d+\)$")
        made = self.policy(two, root, "cli-pol", 'operator {\n  policy = "read"\n}\n', "cli test")
        self.assertEqual((made.status, made.body), (200, b""))
        index = int(made.headers["X-Nomad-Index"])
        bad = self.policy(one, root, "bad", 'operator { policy = "zz" }')
        self.assertEqual(bad.status, 404)
        self.assertTrue(bad.body.startswith(b"policy 0 invalid: 1 error occurred:\n\t* "), bad)
        listed = self.ask(three, root, "GET", "/v1/acl/policies")
        self.assertEqual([set(p) for p in listed.json],
                         [{"CreateIndex", "Description", "Hash", "ModifyIndex", "Name"}])
        self.assertEqual(listed.headers["X-Nomad-Index"], str(index))
        shown = self.ask(three, root, "GET", "/v1/acl/policy/cli-pol").json
        self.assertEqual((shown["Description"], shown["Rules"]), ("cli test", 'operator {\n  policy = "read"\n}\n'))
        self.assertEqual(self.ask(one, root, "GET", "/v1/acl/policy/nope").status, 404)
        made = self.token(three, root, "clitok", ["cli-pol"])
        token = made.json
        self.assertEqual(set(token), TOKEN_KEYS)
        self.assertEqual((token["Policies"], token["Type"]), (["cli-pol"], "client"))
        self.assertEqual(self.token(one, root, "", None, "management", True).status, 200)
        none = self.token(one, root, "", None)
        self.assertEqual(none.status, 400)
        self.assertTrue(none.body.startswith(b"token 0 invalid: 1 error occurred:\n\t* "), none)
        for server in servers:
            self.assertEqual(len(self.ask(server, root, "GET", "/v1/acl/tokens").json), 3)
            mine = self.ask(server, token["SecretID"], "GET", "/v1/acl/token/self").json
            self.assertEqual(mine["AccessorID"], token["AccessorID"])
            self.assertEqual(mine["SecretID"], token["SecretID"])
            self.assertEqual(self.ask(server, token["SecretID"], "GET", AUTOPILOT).status, 200)
            self.assertEqual(self.ask(server, token["SecretID"], "GET", RAFT).status, 403)
            self.assertEqual(self.ask(server, "Bearer " + token["SecretID"], "GET", AUTOPILOT,
                                      header="Authorization").status, 200)
        path = "/v1/acl/token/" + token["AccessorID"]
        changed = dict(self.ask(two, root, "GET", path).json, Name="clitok2", SecretID=token["SecretID"])
        self.assertEqual(self.ask(two, root, "PUT", path, changed).json["Name"], "clitok2")
        gone = self.ask(one, root, "DELETE", path)
        self.assertEqual((gone.status, gone.body), (200, b""))
        for server in servers:
            self.assertEqual(self.ask(server, token["SecretID"], "GET", AUTOPILOT).status, 403)
        for _ in range(2):  # One that is not there is gone too.
            self.assertEqual(self.ask(two, root, "DELETE", "/v1/acl/policy/cli-pol").status, 200)
        self.assertEqual(self.ask(one, None, "GET", "/v1/acl/token/self").status, 500)
        self.done()

    def test_tokens_outlive_kills_and_no_secret_is_on_a_disk(self):
        servers, root = self.guarded()
        self.policy(servers[0], root, "op", 'operator { policy = "write" }')
        secret = self.token(servers[0], root, "op", ["op"]).json["SecretID"]
        for server in servers:
            server.kill()
        for server in servers:
            server.start()
        self.leader(servers)
        for server in servers:
            answer = self.ask(server, secret, "PUT", SCHEDULER, {"SchedulerAlgorithm": "spread"})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.ask(server, UNKNOWN, "GET", SCHEDULER).status, 403)
            self.assertEqual(self.ask(server, "garbage", "GET", SCHEDULER).body, b"Permission denied")
        for server in servers:
            found = 0
            for path in glob.glob(server.data + "/**", recursive=True) + [server.log]:
                if os.path.isfile(path):
                    found += 1
                    with open(path, "rb") as file:
                        content = file.read()
                    for text in (secret, root):
                        self.assertNotIn(text.encode(), content, path)
            self.assertGreater(found, 2)
        self.done()

    def test_a_lost_bootstrap_is_reset_by_a_file_on_the_leader(self):
        servers, root = self.guarded(more={"acl": {"enabled": True, "bootstrap_reset_revokes": True}})
        refused = self.ask(servers[0], None, "PUT", "/v1/acl/bootstrap").body.decode()
        index = refused.split("reset index: ")[1].rstrip(")")
        leader = self.leader(servers)
        with open(os.path.join(leader.data, "server", "acl-bootstrap-reset"), "w") as file:
            file.write(index + "\n")
        answer = self.ask(leader, None, "PUT", "/v1/acl/bootstrap")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.ask(servers[1], answer.json["SecretID"], "GET", RAFT).status, 200)
        self.assertEqual(self.ask(servers[1], root, "GET", RAFT).status, 403)
        self.done()

    def test_a_body_of_somebody_unknown_is_not_read(self):
        servers, _ = self.guarded(1)
        head = "PUT %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n"
        for line in ("", "X-Nomad-Token: %s\r\n" % UNKNOWN, "X-Nomad-Token: garbage\r\n"):
            status, received = servers[0].raw((head % (AUTOPILOT, line)).encode())
            self.assertEqual(status, 403, received)
            self.assertNotIn(b"100 Continue", received)
        self.done()

    def test_python_nomad(self):
        try:
            import nomad
        except ImportError:
            print("    python-nomad is not installed: nothing was asked with it")
            return self.done()
        servers, root = self.guarded()

        def client(server, secret):
            return nomad.Nomad(host="127.0.0.1", port=server.http_port, token=secret, timeout=10)

        for server in servers:
            api = client(server, root)
            name = "py-" + server.name
            api.acl.create_policy(name, policy={"Name": name, "Rules": 'operator { policy = "read" }'})
            self.assertEqual(api.acl.get_policy(name)["Name"], name)
            api.acl.update_policy(name, policy={"Name": name, "Rules": 'operator { policy = "write" }'})
            self.assertIn(name, [p["Name"] for p in api.acl.get_policies()])
            token = api.acl.create_token({"Name": "py", "Type": "client", "Policies": [name]})
            self.assertEqual(api.acl.get_token(token["AccessorID"])["Name"], "py")
            own = client(server, token["SecretID"])
            self.assertEqual(own.acl.get_self_token()["AccessorID"], token["AccessorID"])
            with self.assertRaises(nomad.api.exceptions.URLNotAuthorizedNomadException):
                own.operator.get_configuration()
            self.assertTrue(api.operator.get_configuration()["Servers"])
            self.assertTrue(api.operator.get_configuration(stale=True)["Servers"])
            api.acl.update_token(token["AccessorID"], token=dict(token, Name="py2"))
            self.assertIn("py2", [t["Name"] for t in api.acl.get_tokens()])
            api.acl.delete_token(token["AccessorID"])
            api.acl.delete_policy(name)
            with self.assertRaises(nomad.api.exceptions.URLNotFoundNomadException):
                own.acl.get_self_token()
        self.done()

    def test_a_state_with_many_tokens_is_saved_and_restored(self):
        servers, root = self.guarded(1)
        server = servers[0]
        body = json.dumps({"Name": "many", "Type": "client", "Policies": ["p"]})
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
        for _ in range(11_000):
            connection.request("PUT", "/v1/acl/token", body, {"X-Nomad-Token": root})
            answer = connection.getresponse()
            last = json.loads(answer.read())
            self.assertEqual(answer.status, 200, last)
        saved = self.ask(server, root, "GET", "/v1/operator/snapshot")
        self.assertEqual(saved.status, 200, saved.body[:200])
        self.assertGreater(len(saved.body), 1 << 20)
        path = "/v1/acl/token/" + last["AccessorID"]
        self.assertEqual(self.ask(server, root, "DELETE", path).status, 200)
        restored = server.request("PUT", "/v1/operator/snapshot", saved.body, {"X-Nomad-Token": root}, 60)
        self.assertEqual(restored.status, 200, restored.body[:200])
        self.assertEqual(self.ask(server, last["SecretID"], "GET", "/v1/acl/token/self").status, 200)
        self.assertEqual(len(self.ask(server, root, "GET", "/v1/acl/tokens").json), 11_001)
        self.done()

    def test_who_may_look_at_health(self):
        servers, root = self.guarded(1)
        self.assertEqual(self.ask(servers[0], None, "GET", HEALTH).status, 403)
        self.assertEqual(self.ask(servers[0], root, "GET", HEALTH).status, 200)
        self.assertEqual(self.ask(servers[0], None, "GET", "/v1/agent/health").status, 200)
        self.done()


if __name__ == "__main__":
    sys.exit(processes.main(sys.modules[__name__]))
