#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/api/openapi.json against real servers, by schemathesis: thousands of requests, good and bad.

    openapi.py --binary PATH [--only NAME] [--examples N] [--request-seed N] [--install] [--keep]

--examples      requests that chance makes for each operation (default 8)
--request-seed  for these (default 1: the same requests each time)
--install       a missing schemathesis is an error

schemathesis comes from PyPI into .build/python; where that cannot be had, this says so and is fine.
What is not said here is as in processes.py. Python 3 standard library only.
"""
import json
import os
import subprocess
import sys

import processes
import pypi
from processes import ProcessTest, free_ports, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DESCRIPTION = os.path.join(ROOT, "docs", "api", "openapi.json")

# A documented 500 (no such region, an archive that is damaged) is no mistake of the server, and an
# undocumented one is found by the status: so `not_a_server_error` adds nothing.
CONFIGURATION = """
[checks]
not_a_server_error.enabled = false
ignored_auth.enabled = %(acl)s
negative_data_rejection.expected-statuses = [400, 403, 404, 405, 409, 413, 415, 500, 501, 503]
"""
# What the schema allows and the meaning does not: operations, and the statuses that say so.
RULES_BEYOND_SCHEMAS = [
    # Exactly one of two parameters; one that is a server of this cluster, and not its last voter.
    ("removePeer", [400]), ("transferLeadership", [400]),
    # No archive comes about by chance.
    ("restoreSnapshot", [500]),
    # Policies and roles that a token or a role names must exist, and rules must be rules.
    ("setACLPolicy", [400, 404]), ("createACLToken", [400]), ("updateACLToken", [400]),
    ("createACLRole", [400]), ("updateACLRole", [400]),
    # It works once.
    ("aclBootstrap", [400]),
    # A server does not leave by itself; a ring has so many keys, and its primary one stays.
    ("agentForceLeave", [400]), ("keyringInstall", [500]), ("keyringUse", [500]),
    ("keyringRemove", [500]),
    # Of the pools that are built in hardly anything changes.
    ("putAnyNodePool", [400]), ("putNodePool", [400]), ("deleteNodePool", [400]),
    # A job has a form of its own, and what is changed has to be there; servers parse no job files.
    ("registerJob", [400]), ("updateJob", [400]), ("validateJob", [400]), ("parseJob", [501]),
    ("dispatchJob", [501]), ("forcePeriodicJob", [501]),
    ("planJob", [400]), ("deleteEvaluations", [400]),
    ("evaluateJob", [400]), ("revertJob", [400]), ("setJobStability", [400]), ("scaleJob", [400]),
    ("pauseDeployment", [400]), ("promoteDeployment", [400]), ("setDeploymentHealth", [400]),
]


# Those that no POST does too.
ONCE = ("removePeer", "deleteEvaluations", "deleteNodePool")


class Description(ProcessTest):
    def test_a_server_without_access_control(self):
        server = self.dev()
        self.start([server])
        with open(DESCRIPTION) as file:
            paths = json.load(file)["paths"]
        self.judged(server, ["--exclude-path-regex", "^/v1/acl/", "--phases", "examples,fuzzing"], "false")
        for path, item in paths.items():
            if path.startswith("/v1/acl/"):
                for method in item:
                    if method in ("get", "put", "post", "delete"):
                        self.assertEqual(server.request(method.upper(), path.replace("{", "").replace(
                            "}", "")).body, b"ACL support disabled", path)
        self.assertIsNone(server.process.poll())
        self.done()

    def test_a_server_with_access_control_and_sealed_gossip(self):
        server = self.cluster(1, {"encrypt": "cg8StVXbQJ0gPvMd9o7yrg=="}, {"acl": {"enabled": True}})[0]
        server.start()
        token = wait_until("a bootstrap", lambda: self.bootstrap(server), 30)
        self.judged(server, ["--header", "X-Nomad-Token: " + token["SecretID"],
                             "--exclude-operation-id-regex", "ByPost$", "--phases", "examples,coverage,fuzzing"],
                    "true", token)
        self.assertIsNone(server.process.poll())
        self.done()

    @staticmethod
    def bootstrap(server):
        answer = server.try_request("PUT", "/v1/acl/bootstrap")
        return answer.json if answer is not None and answer.status == 200 else None

    def judged(self, server, arguments, acl, token=None):
        """No mismatch between what the server does and what the description says of it."""
        path = os.path.join(self.root, "schemathesis.toml")
        with open(path, "w") as file:
            file.write(CONFIGURATION % {"acl": acl})
            # As Nomad: whoever asks for the own token without one gets a 500.
            file.write('[[operations]]\ninclude-operation-id = "aclOwnToken"\n'
                       'checks.ignored_auth.enabled = false\n')
            for name, statuses in RULES_BEYOND_SCHEMAS:
                for operation in [name] if name in ONCE else [name, name + "ByPost"]:
                    file.write(
                        '[[operations]]\ninclude-operation-id = "%s"\nchecks.positive_data_acceptance.'
                        'expected-statuses = ["2XX", 401, 403, 404, 409, %s]\n' % (
                            operation, ", ".join(map(str, statuses))))
        environment = dict(os.environ, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1",
                           SCHEMATHESIS_HOOKS="openapi_hooks", MARTLET_OPENAPI=DESCRIPTION,
                           MARTLET_NOBODY="127.0.0.1:%d" % free_ports(1)[0])
        if token:
            environment["MARTLET_OWN_ACCESSOR"] = token["AccessorID"]
        result = subprocess.run(
            [processes.OPTIONS.schemathesis, "--config-file", path, "run", DESCRIPTION,
             # Answers without an end are no matter of one request.
             "--exclude-operation-id", "monitor", "--exclude-operation-id", "eventStream",
             "--url", "http://127.0.0.1:%d" % server.http_port,
             "--max-examples", str(processes.OPTIONS.examples), "--seed", str(processes.OPTIONS.request_seed), "--suppress-health-check", "all",
             "--continue-on-failure", "--request-timeout", "20"] + arguments,
            cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with open(os.path.join(self.root, "schemathesis.log"), "w") as file:
            file.write(result.stdout)
        print(result.stdout[-3000:] if result.returncode else result.stdout[-600:])
        self.assertEqual(result.returncode, 0)


def main():
    program = pypi.program("schemathesis")
    if program is None and "--install" not in sys.argv:
        return 0

    def add_arguments(parser):
        parser.add_argument("--examples", type=int, default=8)
        parser.add_argument("--request-seed", type=int, default=1)
        parser.add_argument("--install", action="store_true")
        parser.set_defaults(schemathesis=program)
    if program is None:
        return 1
    return processes.main(sys.modules[__name__], add_arguments)


if __name__ == "__main__":
    sys.exit(main())
