#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nomad's clients for Python against real servers: python-nomad and nomadpy, from PyPI.

    clients.py --binary PATH [--only NAME] [--install] [--keep]

--install   clients that are missing are an error

Each call of theirs about the operator, the agent, the status and access control is made on a cluster of
three with access control and sealed gossip, and python-nomad's about jobs and nodes on another one; what has no meaning here has to be refused in a way that they
understand. What is not said here is as in processes.py.
"""
import os
import sys

import processes
import pypi
from processes import ProcessTest, wait_until

KEY = "fKiEsumNjOye7AzNUod/dptCb4Ut+aE09S1tOO78iao="
OTHER = "cg8StVXbQJ0gPvMd9o7yrg=="


class PretendingNode:
    """A node that says of its instances what a test wants: nothing runs."""
    SECRET = "5b0d4dd5-1b0f-4d38-9d0e-2f1c6b0a7c11"

    def __init__(self, server, number):
        self.server = server
        self.id = "6b0d4dd5-1b0f-4d38-9d0e-00000000000%d" % number
        self.path = "/v1/martlet/node/" + self.id
        self.told = {}
        answer = self.send("PUT", self.path, {
            "ID": self.id, "SecretID": self.SECRET, "Name": "n%d" % number, "Datacenter": "dc1",
            "Status": "ready", "Attributes": {"kernel.name": "linux"},
            "Drivers": {"mock_driver": {"Detected": True, "Healthy": True}},
            "NodeResources": {"Cpu": {"CpuShares": 4000}, "Memory": {"MemoryMB": 8192},
                              "Disk": {"DiskMB": 100000}}})
        assert answer.status == 200, answer.body

    def send(self, method, path, body=None):
        return self.server.request(method, path, body, headers={"X-Martlet-Node-Secret": self.SECRET})

    def turn(self):
        """What it is to run, runs and does well; what it is to stop has ended."""
        known = self.send("GET", self.path + "/allocations").json["Allocs"]
        new = [i for i in known or {} if self.told.get(i) != known[i]]
        if not new:
            return
        pulled = self.send("POST", "/v1/martlet/allocations/pull", {"AllocIDs": new}).json["Allocs"]
        self.send("PUT", self.path + "/allocations", {"Alloc": [
            {"ID": a["ID"], "ClientStatus": "running" if a["DesiredStatus"] == "run" else "complete",
             "TaskStates": {"serve": {"State": "running" if a["DesiredStatus"] == "run" else "dead"}},
             "DeploymentStatus": {"Healthy": True} if a["DesiredStatus"] == "run" else {}} for a in pulled]})
        self.told.update((i, known[i]) for i in new)


def job(count=2, cpu=100, **more):
    return {"Job": dict({
        "ID": "web", "Name": "web", "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [{"Name": "web", "Count": count, "Tasks": [{
            "Name": "serve", "Driver": "mock_driver", "Config": {"run_for": "1h"},
            "Resources": {"CPU": cpu, "MemoryMB": 64}}]}]}, **more)}


class Clients(ProcessTest):
    def cluster_of_three(self):
        servers = self.cluster(3, {"encrypt": KEY}, {"acl": {"enabled": True}})
        for server in servers:
            server.start()
        for server in servers:
            wait_until("%s" % server.name, lambda: self.ready(server), 60)
        return servers

    @staticmethod
    def ready(server):
        answer = server.try_request("GET", "/readyz")
        return answer is not None and answer.status == 200

    def all_healthy(self, health):
        return wait_until("three healthy voters", lambda: (lambda h: h if len(h.voters or []) == 3 and h.healthy else None)(
            health()), 60)

    def test_python_nomad(self):
        import nomad
        from nomad.api import exceptions
        servers = self.cluster_of_three()

        def client(server, token=None):
            return nomad.Nomad(host="127.0.0.1", port=server.http_port, token=token, timeout=10)
        token = client(servers[0]).acl.generate_bootstrap()
        self.assertEqual(token["Type"], "management")
        n = client(servers[1], token["SecretID"])
        with self.assertRaises(exceptions.BadRequestNomadException):
            n.acl.generate_bootstrap()

        # Access control.
        rules = 'operator { policy = "read" }\nagent { policy = "read" }\nnode { policy = "read" }'
        n.acl.create_policy("readers", {"Name": "readers", "Description": "May look", "Rules": rules})
        n.acl.update_policy("readers", {"Name": "readers", "Description": "May look only", "Rules": rules})
        self.assertEqual([p["Name"] for p in n.acl.get_policies()], ["readers"])
        self.assertEqual(n.acl.get_policy("readers")["Description"], "May look only")
        made = n.acl.create_token({"Name": "t", "Type": "client", "Policies": ["readers"], "Global": False})
        changed = n.acl.update_token(made["AccessorID"], {
            "AccessorID": made["AccessorID"], "Name": "u", "Type": "client", "Policies": ["readers"]})
        self.assertEqual(changed["Name"], "u")
        self.assertEqual(n.acl.get_token(made["AccessorID"])["Name"], "u")
        self.assertEqual(n.acl.get_self_token()["AccessorID"], token["AccessorID"])
        self.assertEqual(len(n.acl.get_tokens()), 2)
        reader = client(servers[2], made["SecretID"])
        self.assertEqual(reader.acl.get_self_token()["Name"], "u")
        with self.assertRaises(exceptions.URLNotAuthorizedNomadException):
            reader.operator.get_configuration()
        with self.assertRaises(exceptions.URLNotAuthorizedNomadException):
            client(servers[2]).agent.get_members()

        # Status, regions, metrics.
        leader = n.status.leader.get_leader()
        self.assertIn(leader, n.status.peers.get_peers())
        self.assertEqual((len(n.status.peers), list(n.regions)), (3, ["global"]))
        self.assertIn("global", n.regions)
        self.assertIn("Gauges", n.metrics.get_metrics())

        # Agent.
        self.assertEqual(reader.agent.get_agent()["member"]["Name"], "s3.global")
        self.assertEqual({m["Name"] for m in reader.agent.get_members()["Members"]},
                         {"s1.global", "s2.global", "s3.global"})
        joined = n.agent.join_agent("127.0.0.1:%d" % servers[0].serf_port)
        self.assertEqual(joined["num_joined"], 1)
        with self.assertRaises(exceptions.URLNotFoundNomadException):
            n.agent.get_servers()
        with self.assertRaises(exceptions.URLNotFoundNomadException):
            n.agent.update_servers(["127.0.0.1:4647"])

        # Operator.
        for stale in (False, True):
            self.assertEqual(len(n.operator.get_configuration(stale=stale)["Servers"]), 3)
        follower = next(s for s in servers if s is not servers[1] and leader != "127.0.0.1:%d" % s.rpc_port)
        follower.kill()
        self.assertTrue(n.operator.delete_peer("127.0.0.1:%d" % follower.rpc_port))
        self.assertEqual(n.agent.force_leave(follower.name), 200)
        with self.assertRaises(exceptions.URLNotFoundNomadException):
            n.operator.delete_peer("127.0.0.1:1")
        self.assertTrue(n.acl.delete_token(made["AccessorID"]))
        self.assertTrue(n.acl.delete_policy("readers"))
        self.done()

    def test_python_nomad_and_jobs(self):
        import nomad
        from nomad.api import exceptions
        servers = self.cluster(3)
        for server in servers:
            server.start()
        for server in servers:
            wait_until("%s" % server.name, lambda: self.ready(server), 60)
        nodes = [PretendingNode(servers[0], number) for number in (1, 2)]
        n = nomad.Nomad(host="127.0.0.1", port=servers[1].http_port, timeout=10)

        def settle(what, condition):
            def look():
                for node in nodes:
                    node.turn()
                return condition()
            return wait_until(what, look, 30)

        def running(version=None):
            return [a for a in n.job.get_allocations("web") if a["ClientStatus"] == "running"
                    and a["DesiredStatus"] == "run" and version in (None, a["JobVersion"])]
        thread, over, events = n.event.stream.get_stream(topic="Job:web", timeout=60)
        thread.daemon = True
        thread.start()

        # Jobs.
        self.assertEqual(n.validate.validate_job(job()).json()["Error"], "")
        plan = n.job.plan_job("web", job(), diff=True)
        self.assertEqual(plan["Annotations"]["DesiredTGUpdates"]["web"]["Place"], 2)
        self.assertEqual((plan["Diff"]["Type"], plan["JobModifyIndex"], len(n.jobs)), ("Added", 0, 0))
        made = n.jobs.register_job(job())
        settle("two run", lambda: len(running()) == 2)
        self.assertIn("web", n.jobs)
        self.assertEqual(n.jobs["web"]["Status"], "running")
        self.assertEqual([j["ID"] for j in n.jobs.get_jobs(prefix="we")], ["web"])
        self.assertEqual(n.job.get_job("web")["JobModifyIndex"], made["JobModifyIndex"])
        self.assertEqual(n.job.get_summary("web")["Summary"]["web"]["Running"], 2)
        self.assertEqual(n.search.search("we", "jobs")["Matches"]["jobs"], ["web"])
        settle("the first version is stable", lambda: n.job.get_deployment("web")["Status"] == "successful")
        plan = n.job.plan_job("web", job(cpu=200), diff=True)
        self.assertEqual(plan["Annotations"]["DesiredTGUpdates"]["web"]["DestructiveUpdate"], 1)
        self.assertEqual((plan["Diff"]["Type"], plan["JobModifyIndex"]), ("Edited", made["JobModifyIndex"]))
        n.job.register_job("web", job(cpu=200))
        settle("the second version runs", lambda: len(running(1)) == 2)
        self.assertEqual([v["Version"] for v in n.job.get_versions("web")["Versions"]], [1, 0])
        n.job.stable_job("web", 0, True)
        n.job.revert_job("web", 0, 1)
        settle("the first version runs again", lambda: len(running(2)) == 2)
        self.assertEqual(len(n.job.evaluate_job("web")["EvalID"]), 36)
        # These are kept and never launched; job files are read by the command line.
        for absent in (lambda: n.job.periodic_job("web"), lambda: n.job.dispatch_job("web"),
                       lambda: n.jobs.parse("job {}")):
            with self.assertRaises(exceptions.BaseNomadException):
                absent()
        with self.assertRaises(exceptions.URLNotFoundNomadException):
            n.job.get_job("none")
        self.assertEqual([namespace["Name"] for namespace in n.namespaces], ["default"])

        # Evaluations and allocations.
        self.assertIn(made["EvalID"], n.evaluations)
        self.assertEqual(n.evaluation.get_evaluation(made["EvalID"])["Status"], "complete")
        self.assertEqual(len(n.evaluation.get_allocations(made["EvalID"])), 2)
        self.assertEqual(n.evaluations.get_evaluations(made["EvalID"][:8])[0]["ID"], made["EvalID"])
        self.assertTrue(n.job.get_evaluations("web"))
        self.assertEqual(len(n.allocations.get_allocations(per_page=1)), 1)
        self.assertTrue(n.allocations.get_allocations(filter_='JobID == "web"'))
        self.assertEqual(n.allocations.get_allocations(filter_='JobID == "other"'), [])
        with self.assertRaises(exceptions.BadRequestNomadException):
            n.allocations.get_allocations(filter_='JobID = "web"')
        stopped = running()[0]["ID"]
        self.assertEqual(n.allocation.get_allocation(stopped)["Job"]["ID"], "web")
        self.assertEqual(n.allocations.get_allocations(prefix=stopped[:8])[0]["ID"], stopped)
        n.allocation.stop_allocation(stopped)
        settle("another one runs", lambda: len(running()) == 2 and stopped not in {a["ID"] for a in running()})

        # Deployments.
        canary = job(cpu=300, Update={"Canary": 1, "MaxParallel": 1})

        def latest():
            return n.job.get_deployment("web")
        n.jobs.register_job(canary)
        deployment = settle("a canary is healthy", lambda: (lambda d: d["ID"] if d["JobVersion"] == 3 and d[
            "TaskGroups"]["web"]["HealthyAllocs"] == 1 else None)(latest()))
        self.assertIn(deployment, n.deployments)
        self.assertEqual(len(n.deployment.get_deployment_allocations(deployment)), 1)
        n.deployment.pause_deployment(deployment, True)
        self.assertEqual(n.deployment.get_deployment(deployment)["Status"], "paused")
        n.deployment.pause_deployment(deployment, False)
        n.deployment.promote_deployment_groups(deployment, ["web"])
        settle("it is over", lambda: n.deployment.get_deployment(deployment)["Status"] == "successful")
        with self.assertRaises(exceptions.BaseNomadException):
            n.deployment.promote_deployment_all(deployment)
        n.jobs.register_job(job(cpu=400, Update={"Canary": 1, "MaxParallel": 1}))
        deployment = settle("another canary", lambda: (lambda d: d["ID"] if d["JobVersion"] == 4 and d[
            "TaskGroups"]["web"]["PlacedAllocs"] == 1 else None)(latest()))
        canary = n.deployment.get_deployment_allocations(deployment)[0]["ID"]
        n.deployment.deployment_allocation_health(deployment, healthy_allocations=[canary])
        n.deployment.fail_deployment(deployment)
        self.assertEqual(n.deployment.get_deployment(deployment)["Status"], "failed")
        self.assertEqual(len(n.job.get_deployments("web")), len(n.deployments))

        # Nodes.
        first = nodes[0].id
        self.assertIn(first, n.nodes)
        self.assertEqual((len(n.nodes), n.node.get_node(first)["Status"]), (2, "ready"))
        self.assertIsInstance(n.node.get_allocations(first), list)
        n.node.eligible_node(first, ineligible=True)
        self.assertEqual(n.node.get_node(first)["SchedulingEligibility"], "ineligible")
        n.node.eligible_node(first, eligible=True)
        n.node.drain_node_with_spec(first, {"Deadline": -1})
        settle("the node is empty", lambda: {a["NodeID"] for a in running()} == {nodes[1].id})
        n.node.drain_node_with_spec(first, None, mark_eligible=True)
        n.node.drain_node(first, enable=False)
        n.node.evaluate_node(first)

        # The end.
        self.assertEqual(len(n.job.deregister_job("web", purge=True)["EvalID"]), 36)
        settle("nothing runs", lambda: not [a for a in n.allocations if a["ClientStatus"] == "running"])
        n.node.purge_node(first)
        with self.assertRaises(exceptions.URLNotFoundNomadException):
            n.node.get_node(first)
        self.assertTrue(n.system.reconcile_summaries() and n.system.initiate_garbage_collection())
        self.assertEqual(len(n.jobs), 0)
        told = []
        wait_until("the job's end is told", lambda: told.append(events.get(timeout=10)) or any(
            e["Type"] == "JobDeregistered" for e in told[-1]["Events"]), 30)
        # The client looks whether it is to end when there is something to read.
        over.set()
        n.jobs.register_job(job())
        thread.join(30)
        self.assertEqual(told[0]["Events"][0]["Payload"]["Job"]["ID"], "web")
        self.assertEqual({e["Topic"] for frame in told for e in frame["Events"]}, {"Job"})
        self.done()

    def test_nomadpy(self):
        import nomadpy
        from nomadpy import acl
        from nomadpy.error_unexpected_response import UnexpectedResponseError
        servers = self.cluster_of_three()

        def client(server, token=""):
            return nomadpy.Client(nomadpy.Config(
                address="http://127.0.0.1:%d" % server.http_port, secret_id=token))

        def refused(status, call, *arguments, **named):
            with self.assertRaises(UnexpectedResponseError) as caught:
                call(*arguments, **named)
            self.assertEqual(caught.exception.status_code, status, caught.exception)
        secret = "6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10"
        token, meta = client(servers[0]).acl_tokens.bootstrap(bootstrap_secret=secret)
        self.assertEqual((token.secret_id, token.type, meta.last_index > 0), (secret, "management", True))
        c = client(servers[1], secret)
        refused(400, c.acl_tokens.bootstrap)

        # Access control.
        policy = acl.ACLPolicy(name="readers", description="May look", rules='operator { policy = "read" }')
        self.assertGreater(c.acl_policies.upsert(policy).last_index, 0)
        self.assertEqual([p.name for p in c.acl_policies.list()[0]], ["readers"])
        self.assertEqual(c.acl_policies.info("readers")[0].rules, policy.rules)
        role, _ = c.acl_roles.create(acl.ACLRole(name="ops", policies=[acl.ACLRolePolicyLink(name="readers")]))
        role.description = "Looks after it"
        self.assertEqual(c.acl_roles.update(role)[0].description, "Looks after it")
        self.assertEqual(c.acl_roles.get(role.id)[0].name, "ops")
        self.assertEqual(c.acl_roles.get_by_name("ops")[0].id, role.id)
        self.assertEqual(len(c.acl_roles.list()[0]), 1)
        made, _ = c.acl_tokens.create(acl.ACLToken(
            name="t", type="client", roles=[acl.ACLTokenRoleLink(id=role.id)], expiration_ttl=3600 * 10 ** 9))
        made.name = "u"
        self.assertEqual(c.acl_tokens.update(made)[0].name, "u")
        self.assertEqual(c.acl_tokens.info(made.accessor_id)[0].roles[0].name, "ops")
        self.assertEqual({t.name for t in c.acl_tokens.list()[0]}, {"Bootstrap Token", "u"})
        reader = client(servers[2], made.secret_id)
        self.assertEqual(reader.acl_tokens.self()[0].accessor_id, made.accessor_id)
        refused(403, reader.operator.raft_get_configuration)
        refused(403, client(servers[2], "0" * 8 + secret[8:]).operator.autopilot_get_configuration)
        for absent in (c.acl_tokens.upsert_one_time_token, c.acl_auth_methods.list, c.acl_binding_rules.list):
            with self.assertRaises(UnexpectedResponseError):
                absent()

        # Status and agent.
        leader = c.status.leader()
        self.assertIn(leader, c.status.peers())
        self.assertEqual(c.status.region_leader("global"), leader)
        self.assertEqual(c.regions.list(), ["global"])
        self.assertEqual((c.agent.node_name(), c.agent.datacenter(), c.agent.region()), ("s2.global", "dc1", "global"))
        self.assertEqual(c.agent.self().member.name, "s2.global")
        self.assertEqual(len(c.agent.members().members), 3)
        self.assertTrue(c.agent.health().server.ok)
        self.assertEqual(c.agent.join("127.0.0.1:%d" % servers[0].serf_port)[0], 1)
        for call in (c.agent.list_keys, lambda: c.agent.install_key(OTHER), lambda: c.agent.use_key(OTHER),
                     lambda: c.agent.remove_key(KEY)):
            answer = call()
            self.assertEqual((answer.num_nodes, answer.messages or {}), (3, {}))
        self.assertEqual(set(c.agent.list_keys().keys), {OTHER})
        refused(404, c.agent.servers)
        refused(404, c.agent.host)
        refused(404, c.agent.reload)

        # Operator.
        o = c.operator
        self.assertEqual(len(o.raft_get_configuration().servers), 3)
        stale = nomadpy.QueryOptions(allow_stale=True)
        self.assertEqual(len(o.raft_get_configuration(stale).servers), 3)
        answer, meta = o.scheduler_get_configuration()
        self.assertTrue(meta.known_leader)
        configuration = answer.scheduler_config
        configuration.scheduler_algorithm = "spread"
        self.assertTrue(o.scheduler_set_configuration(configuration)[0].updated)
        self.assertFalse(o.scheduler_cas_configuration(configuration)[0].updated)
        configuration = o.scheduler_get_configuration()[0].scheduler_config
        self.assertEqual(configuration.scheduler_algorithm, "spread")
        self.assertTrue(o.scheduler_cas_configuration(configuration)[0].updated)
        autopilot, _ = o.autopilot_get_configuration()
        autopilot.min_quorum = 3
        o.autopilot_set_configuration(autopilot)
        self.assertFalse(o.autopilot_cas_configuration(autopilot)[0])
        autopilot, _ = o.autopilot_get_configuration()
        self.assertEqual(autopilot.min_quorum, 3)
        self.assertTrue(o.autopilot_cas_configuration(autopilot)[0])
        health = self.all_healthy(lambda: o.autopilot_server_health()[0])
        self.assertEqual((health.failure_tolerance, len(health.servers)), (1, 3))
        self.assertIn(b"martlet_raft_term", o.metrics(nomadpy.QueryOptions(params={"format": "prometheus"})))
        self.assertTrue(o.metrics_summary()[0].gauges)
        refused(404, o.license_get)
        refused(404, o.utilization)

        target = next(s for s in health.servers if not s.leader)
        o.raft_transfer_leadership_by_id(target.id)
        wait_until("the target leads", lambda: c.status.leader() == target.address, 30)
        other = next(s for s in health.servers if s.leader)
        o.raft_transfer_leadership_by_address(other.address)
        wait_until("the first leads again", lambda: c.status.leader() == other.address, 30)
        gone = next(s for s in servers if "127.0.0.1:%d" % s.rpc_port not in (other.address,)
                    and s is not servers[1])
        gone.kill()
        refused(404, o.raft_remove_peer_by_id, "00000000-0000-4000-8000-000000000000")
        o.raft_remove_peer_by_address("127.0.0.1:%d" % gone.rpc_port)
        self.assertEqual(len(o.raft_get_configuration().servers), 2)
        c.agent.force_leave(gone.name, prune=True)
        for call in (lambda: c.acl_tokens.delete(made.accessor_id), lambda: c.acl_roles.delete(role.id),
                     lambda: c.acl_policies.delete("readers")):
            self.assertGreater(call().last_index, 0)
        self.done()


def main():
    python = pypi.program("python3")
    if python is None:
        return 1 if "--install" in sys.argv else 0
    if os.path.dirname(sys.executable) != os.path.dirname(python):
        os.environ.pop("NOMAD_TOKEN", None)
        os.execv(python, [python] + sys.argv)
    return processes.main(sys.modules[__name__], lambda parser: parser.add_argument(
        "--install", action="store_true"))


if __name__ == "__main__":
    sys.exit(main())
