#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of Tests/Fuzz/Corpus: messages of every kind, built from the tables in the sources
and not by the code that is fuzzed. Seeds that a later version writes differently stay: others may
still send them. What the fuzzer found worth keeping lies beside them, named by its hash.

    Tests/Fuzz/seeds.py            writes those that are missing or changed
    Tests/Fuzz/seeds.py --check    1 if that would write anything
"""
import gzip
import hashlib
import io
import os
import struct
import sys

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Corpus")
SEEDS = []


def seed(target, name, content):
    if isinstance(content, str):
        content = content.encode("utf-8")
    SEEDS.append((target, name, content))


# Martlet's encoding (Modules/Bytes/ByteWriter.swift).
def u8(n):
    return struct.pack("<B", n)


def u16(n):
    return struct.pack("<H", n)


def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def blob(content):
    return u32(len(content)) + content


def text(words):
    return blob(words.encode("utf-8"))


def short(words):
    content = words.encode("utf-8")
    return u16(len(content)) + content


def server_id(n):
    return u64(n) + u64(0x8000000000000000 + n)


def crc32c(content):
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


# MARK: HTTP


GET = "GET /v1/status/leader HTTP/1.1\r\nHost: h:4646\r\n\r\n"
seed("http-request", "get", GET)
seed("http-request", "headers", "GET /v1/agent/self?pretty HTTP/1.1\r\nHost: [::1]:4646\r\n"
     "Accept-Encoding: br, gzip;q=0.8\r\nX-Nomad-Token: 6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10\r\n\r\n")
seed("http-request", "put", "PUT http://h:1/a%2Fb?c=d HTTP/1.1\r\nHost: h:1\r\nContent-Length: 4\r\n\r\n{\"\"}" + GET)
seed("http-request", "chunked", "POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3;e=f\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\n" + GET)
seed("http-request", "old", "DELETE /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n" + GET)
seed("http-request", "expects", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1")
seed("http-request", "options", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
seed("http-request", "connect", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
seed("http-request", "pipelined", GET * 4)
seed("http-request", "smuggled-cl-te", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nG")
seed("http-request", "smuggled-te-te", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
     "Transfer-Encoding : x\r\n\r\n0\r\n\r\n")
seed("http-request", "folded", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n")
seed("http-request", "many-headers", "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(
    "X%d: y\r\n" % n for n in range(17)) + "\r\n")
seed("http-request", "body-at-bound", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n" + "x" * 1024)

# How it was cut decided whether this was refused at once.
seed("http-request", "noise-after-empty-line", "\r\n \r\n")
seed("http-response", "noise-after-empty-line", "\r\n HP\n")
seed("http-response", "fixed", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
seed("http-response", "interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nabc\r\n0\r\nT: u\r\n\r\n")
seed("http-response", "until-end", "HTTP/1.0 404 Not Found\r\n\r\ntext")
seed("http-response", "empty", "HTTP/1.1 204\r\nConnection: close\r\n\r\n")
seed("http-response", "not-modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")

seed("http-chunked", "one", "5\r\nhello\r\n0\r\n\r\n")
seed("http-chunked", "several", "3;name=\"value\"\r\nabc\r\n0A\r\n0123456789\r\n00\r\nTrailer: x\r\n\r\n")
seed("http-chunked", "none", "0\r\n\r\n")
seed("http-chunked", "overflow", "FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n")
seed("http-chunked", "at-bound", "400\r\n" + "y" * 1024 + "\r\n0\r\n\r\n")

seed("query", "usual", "stale&index=12&wait=5s&namespace=*&pretty=")
seed("query", "escaped", "a=%C3%A9+b&%61=c&d=%26%3D&a=")
seed("query", "damaged", "a=%f&b=%&c=%ff&=&&==")

# MARK: JSON, bodies, texts

JSON = {
    "scalars": "[null,true,false,0,-0,1.5e-3,18446744073709551615,\"\"]",
    "nested": "{\"a\":{\"b\":[{\"c\":[[[]]]},{}]}}",
    "strings": "[\"é\\u0000\\ud83d\\ude00\\ud800\\n\\\"\\\\/\\/<>&\\u2028\"]",
    "names": "{\"a\":1,\"b\":2,\"\":3,\"\\u212a\":4,\"ſ\":5}",
    "many-names": "{" + ",".join("\"n%d\":%d" % (n, n) for n in range(20)) + "}",
    "alike-names": "{\"Name\":1,\"NAME\":2}",
    "deep": "[" * 65 + "]" * 65,
    "blanks": " \t\r\n{ \"a\" : [ 1 , 2 ] }\n",
    "cut": "{\"a\":\"b",
}
for name, content in JSON.items():
    seed("json", name, content)
    seed("json-limits", name, content)

AUTOPILOT = ("{\"CleanupDeadServers\":true,\"LastContactThreshold\":\"200ms\",\"MaxTrailingLogs\":250,"
             "\"MinQuorum\":3,\"ServerStabilizationTime\":\"10s\",\"EnableRedundancyZones\":false,"
             "\"DisableUpgradeMigration\":false,\"EnableCustomUpgrades\":true,\"CreateIndex\":4,\"ModifyIndex\":4}")
seed("api-autopilot", "whole", AUTOPILOT)
seed("api-autopilot", "empty", "{}")
seed("api-autopilot", "null", "null")
seed("api-autopilot", "cases", "{\"minquorum\":18446744073709551615,\"LASTCONTACTTHRESHOLD\":\"1h2m3.5s\"}")
seed("api-autopilot", "wrong-types", "{\"MinQuorum\":\"3\",\"CleanupDeadServers\":1}")
SCHEDULER = ("{\"SchedulerAlgorithm\":\"spread\",\"PreemptionConfig\":{\"SystemSchedulerEnabled\":true,"
             "\"SysBatchSchedulerEnabled\":false,\"BatchSchedulerEnabled\":true,\"ServiceSchedulerEnabled\":false},"
             "\"MemoryOversubscriptionEnabled\":true,\"RejectJobRegistration\":false,\"PauseEvalBroker\":false,"
             "\"NodeLimitForFeasibilityChecks\":100}")
seed("api-scheduler", "whole", SCHEDULER)
seed("api-scheduler", "empty", "{}")
seed("api-scheduler", "flat", "{\"PreemptionConfig\":null,\"SchedulerAlgorithm\":\"\"}")
seed("api-scheduler", "wrong", "{\"SchedulerAlgorithm\":\"worst\",\"PreemptionConfig\":[]}")

for name, content in {
    "usual": "1m30s", "all": "1h2m3s4ms5us6ns", "micro": "1.5µs", "greek": "1.5μs", "negative": "-0.25h",
    "largest": "2562047h47m16.854775807s", "smallest": "-2562047h47m16.854775808s",
    "beyond": "2562047h47m16.854775808s", "long-fraction": "0." + "123456789" * 6 + "s", "zero": "0",
}.items():
    seed("go-duration", name, content)
seed("dry-run", "leaving", "leaving=s1&leaving=s2&failed=10.0.0.1:4647&MinQuorum=3")
seed("dry-run", "fields", "LastContactThreshold=1s&EnableRedundancyZones=true&MaxTrailingLogs=9")
seed("dry-run", "wrong", "MinQuorum=x&ServerStabilizationTime=-1s")
for name, content in {
    "ipv4": "127.0.0.1:4646", "ipv6": "[2001:db8::1:0:0:1]:65535", "mapped": "[::ffff:1.2.3.4]:1",
    "unix": "unix:/run/martlet.sock", "bare": "::1:80", "shortened": "[1:0:0:2::]:0",
}.items():
    seed("socket-address", name, content)


# MARK: Access control


def ident(n):
    return "00000000-0000-4000-8000-%012x" % n


AGENT = """
# An agent's file.
name = "s1"  // the node's
data_dir = "/var/lib/nomad"
bind_addr = "0.0.0.0"
ports { http = 4646, rpc = 4647 serf = 4648 }
server {
  enabled          = true
  bootstrap_expect = 3
  server_join { retry_join = ["10.0.0.1", "10.0.0.2:4648"] retry_interval = "15s" }
}
telemetry = { prometheus_metrics = true }
/* and so on */
audit { enabled = true
  sink "audit" { type = "file" format = "json" }
}
text = <<-EOF
    indented \\ "quoted"
  EOF
numbers = [0, -1, 0x1F, 1.5e3, 010, true, false, "a\\n\\u00e9\\"${b}"]
"""
seed("hcl", "agent", AGENT)
seed("hcl", "json", "{\"server\":{\"enabled\":true,\"server_join\":[{\"retry_join\":[\"a\"]}]},\"x\":null,\"n\":-0.5}")
seed("hcl", "heredoc", "a = <<EOF\nb\n  EOF\nEOF\nc = <<X\nX\n")
seed("hcl", "labels", "a \"b\" \"c\" { d \"e\" {} }\n\"f\" = [{g = 1}, [[]]]\n")
seed("hcl", "deep", "a = " + "[" * 17 + "]" * 17)
seed("hcl", "cut", "a { b = \"c")
POLICIES = {
    "read": "operator { policy = \"read\" }\nagent { policy = \"read\" }\nnode { policy = \"read\" }\n",
    "write": "operator { policy = \"write\" capabilities = [\"raft-remove\", \"snapshot-save\"] }\nagent { policy = \"write\" }",
    "namespaces": "namespace \"*\" { policy = \"read\" }\nnamespace \"prod-*\" { capabilities = [\"submit-job\", \"read-logs\"]\n"
    "  variables { path \"a/*\" { capabilities = [\"read\", \"write\"] } path \"*\" { capabilities = [\"deny\"] } } }\n"
    "namespace \"prod-x\" { policy = \"deny\" }",
    "others": "host_volume \"prod-*\" { policy = \"write\" }\nnode_pool \"all\" { capabilities = [\"read\"] }\n"
    "quota { policy = \"read\" }\nplugin { policy = \"list\" }",
    "deny": "operator { policy = \"deny\" }\nnamespace \"default\" { capabilities = [\"deny\"] }",
    "json": "{\"operator\":{\"policy\":\"read\"},\"namespace\":{\"default\":{\"policy\":\"write\"}}}",
    "unknown": "operater { policy = \"read\" }",
}
for name, content in POLICIES.items():
    seed("policy", name, content)
    seed("hcl", "policy-" + name, content)
seed("policy", "several", "\0".join([POLICIES["read"], POLICIES["namespaces"], POLICIES["deny"]]))
for name, content in {
    "exact": "prod\0prod", "star": "prod-api-1\0prod-*-1", "stars": "aaabaaab\0*a*aab*", "none": "prod\0dev*",
    "overlap": "aba\0ab*ba", "every": "x\0***",
}.items():
    seed("policy-glob", name, content)
TOKEN = ("{\"AccessorID\":\"%s\",\"Name\":\"ops\",\"Type\":\"client\",\"Policies\":[\"read\",\"write\"],\"Roles\":"
         "[{\"ID\":\"%s\"},{\"Name\":\"deployers\"}],\"Global\":true,\"ExpirationTTL\":\"8h\"}" % (ident(1), ident(2)))
seed("api-token", "client", TOKEN)
seed("api-token", "management", "{\"Type\":\"management\",\"ExpirationTime\":\"2030-01-02T03:04:05.678+01:00\"}")
seed("api-token", "wrong", "{\"Type\":\"root\",\"Policies\":[\"a b\"],\"ExpirationTTL\":-1}")
seed("api-policy", "whole", "{\"Name\":\"read\",\"Description\":\"d\",\"Rules\":\"operator { policy = \\\"read\\\" }\"}")
seed("api-policy", "wrong", "{\"Name\":\"a b\",\"JobACL\":null}")
seed("api-role", "whole", "{\"Name\":\"deployers\",\"Policies\":[{\"Name\":\"read\"},{\"Name\":\"read\"}]}")
seed("api-role", "wrong", "{\"Name\":\"\",\"Policies\":[]}")
seed("api-bootstrap", "secret", "{\"BootstrapSecret\":\"%s\"}" % ident(3))
seed("api-bootstrap", "none", "{}")
seed("api-job", "service", """
{"Job":{"ID":"web","Name":"web","Type":"service","Priority":60,"Datacenters":["dc1","dc*"],"NodePool":"default",
"Constraints":[{"LTarget":"${attr.kernel.name}","RTarget":"linux","Operand":"="},{"Operand":"distinct_hosts"}],
"Affinities":[{"LTarget":"${meta.rack}","RTarget":"r1","Operand":"=","Weight":-50}],
"Spreads":[{"Attribute":"${node.datacenter}","Weight":100,"SpreadTarget":[{"Value":"dc1","Percent":70}]}],
"Update":{"MaxParallel":2,"Canary":1},"Meta":{"team":"a"},
"TaskGroups":[{"Name":"g","Count":3,"EphemeralDisk":{"SizeMB":500,"Sticky":true},
"Networks":[{"Mode":"host","ReservedPorts":[{"Label":"http","Value":80}],"DynamicPorts":[{"Label":"db","To":-1}]}],
"Volumes":{"data":{"Name":"data","Type":"host","Source":"data","ReadOnly":true}},
"RestartPolicy":{"Attempts":1},"ReschedulePolicy":{"Delay":"10s","DelayFunction":"fibonacci","MaxDelay":60000000000},
"Tasks":[{"Name":"init","Driver":"mock","Lifecycle":{"Hook":"prestart","Sidecar":true}},
{"Name":"t","Driver":"mock","Config":{"run_for":"5s","args":["a",1,null]},"Env":{"A":"b"},"KillTimeout":5000000000,
"VolumeMounts":[{"Volume":"data","Destination":"/data"}],
"Resources":{"CPU":500,"MemoryMB":256,"MemoryMaxMB":512,"Devices":[{"Name":"nvidia/gpu","Count":2}]}}]}]}}""")
seed("api-job", "system", "{\"job\":{\"id\":\"s\",\"type\":\"system\",\"taskgroups\":[{\"name\":\"g\",\"tasks\":"
     "[{\"name\":\"t\",\"driver\":\"raw_exec\",\"resources\":{\"cores\":2}}]}]},\"EnforceIndex\":true}")
seed("api-job", "wrong", "{\"Job\":{\"ID\":\"a b\",\"Priority\":-1,\"TaskGroups\":[{\"Count\":9223372036854775807,"
     "\"Constraints\":[{\"Operand\":\"regexp\",\"LTarget\":\"x\",\"RTarget\":\"(a*)*\"}],\"Tasks\":[{}]},{}]}}")
seed("api-node", "whole", """
{"ID":"%s","SecretID":"%s","Name":"n","Datacenter":"dc1","NodeClass":"c","Attributes":{"kernel.name":"linux",
"unique.hostname":"n"},"Meta":{"rack":"r1"},"Drivers":{"mock":{"Detected":true,"Healthy":true}},"HTTPAddr":"[::1]:4646",
"HostVolumes":{"data":{"Path":"/data"}},"NodeResources":{"Cpu":{"CpuShares":4000,"TotalCpuCores":2,
"ReservableCpuCores":[0,1]},"Memory":{"MemoryMB":8192},"Disk":{"DiskMB":100000},"Networks":[{"Device":"eth0",
"IP":"10.0.0.1","MBits":1000}],"NodeNetworks":[{"Mode":"host","Device":"eth0","Addresses":[{"Alias":"default",
"Address":"10.0.0.1","ReservedPorts":"22,8000-8010"}]}],"Devices":[{"Vendor":"nvidia","Type":"gpu","Name":"t4",
"Instances":[{"ID":"a","Healthy":true},{"ID":"b"}],"Attributes":{"memory":{"Int":16,"Unit":"GiB"}}}]},
"ReservedResources":{"Cpu":{"CpuShares":100},"Networks":{"ReservedHostPorts":"22"}},"Status":"ready"}""" % (ident(1), ident(2)))
seed("api-node", "wrong", "{\"ID\":\"%s\",\"SecretID\":\"x\",\"Status\":\"lost\"}" % ident(1))
FUZZED_JOB = "{\"ID\":\"j\",\"TaskGroups\":[{\"Name\":\"g\",\"Tasks\":[{\"Name\":\"t\",\"Driver\":\"raw_exec\"}]}]}"
seed("node-reading", "assignment", "\0{\"Jobs\":[%s],\"Allocs\":[{\"ID\":\"%s\",\"NodeID\":\"%s\",\"Name\":\"j.g[0]\",\"JobPosition\":0,"
     "\"TaskGroup\":\"g\",\"AllocModifyIndex\":5,\"AllocatedResources\":{\"Shared\":{\"Ports\":[{\"Label\":\"p\",\"Value\":20000}]}}}]}"
     % (FUZZED_JOB, ident(1), ident(2)))
seed("node-reading", "saved", "\1{\"Alloc\":[{\"ID\":\"%s\",\"ClientStatus\":\"running\"}],\"Runs\":{\"t\":{\"Count\":2,\"Open\":true}}}" % ident(1))
seed("node-reading", "exec", "\2{\"command\":\"/bin/sleep\",\"args\":[\"1\"],\"work_dir\":\"local\"}")
seed("requests", "delete", "\0{\"EvalIDs\":[\"%s\",\"%s\"]}" % (ident(1), ident(2)))
seed("requests", "pool", "\1{\"Name\":\"gpu\",\"Description\":\"d\",\"Meta\":{\"a\":\"b\"},\"SchedulerConfiguration\":"
     "{\"SchedulerAlgorithm\":\"spread\",\"MemoryOversubscriptionEnabled\":false}}")
seed("requests", "built-in", "\1{\"Name\":\"default\",\"Description\":\"Default node pool.\"}")
seed("list-filter", "all", "Status == \"running\" and (Priority != 5 or not Meta.a is empty) and \"dc1\" in Datacenters")
seed("list-filter", "patterns", "ID matches \"^a+b$\" or Meta[\"a.b\"] not contains `x`")
seed("list-filter", "wrong", "Statuss == (")
seed("job-file", "service", """
job "web" {
  datacenters = ["dc1"]
  constraint { attribute = "${attr.kernel.name}"  value = "linux" }
  group "front" {
    count = 2
    network { port "http" { static = 80 } }
    update { max_parallel = 1  min_healthy_time = "1s" }
    task "serve" {
      driver = "mock"
      config { run_for = "10h"  list = [1, { a = true }] }
      env { A = "b" }
      resources { cpu = 500  memory = 64 }
    }
  }
}
""")
seed("job-file", "wrong", "job \"a\" { groop \"g\" {} }")
seed("api-allocations", "two", "{\"Alloc\":[{\"ID\":\"%s\",\"ClientStatus\":\"running\",\"TaskStates\":{\"t\":{\"State\":"
     "\"running\",\"StartedAt\":\"2026-11-23T07:59:08.5Z\",\"Events\":[{\"Type\":\"Started\",\"Time\":1,\"Details\":{}}]}},"
     "\"DeploymentStatus\":{\"Healthy\":true}},{\"ID\":\"%s\",\"ClientStatus\":\"lost\"}]}" % (ident(1), ident(2)))
for name, content in {
    "zulu": "2026-11-25T23:59:59Z", "nanoseconds": "2024-02-29T00:00:00.123456789Z", "offset": "1969-12-31T19:00:00-05:00",
    "first": "1678-01-01T00:00:00Z", "last": "2261-12-31T23:59:59.999999999Z", "none": "0001-01-01T00:00:00Z",
    "leap": "2023-02-29T00:00:00Z", "offset-out-of-range": "2261-12-31T23:30:00-01:00",
}.items():
    seed("timestamp", name, content)
seed("audit-lines", "foreign", "{\"created_at\":\"2026-11-25T23:00:00Z\",\"event_type\":\"audit\",\"payload\":{\"id\":\"a\"}}\n{}\n")
seed("audit-lines", "torn", "{\"a\":1\n\n{\"a\":")

# MARK: Between servers


def member(n, cluster=True, bound=False, zone="", upgrade=""):
    content = server_id(n)
    for words in ["s%d" % n, "global", "dc1", "0.1.0", "10.0.0.%d:4647" % n, "10.0.0.%d:4648" % n,
                  "10.0.0.%d:4646" % n]:
        content += text(words)
    content += u8(3) + u8(0) + u8(cluster) + server_id(99 if cluster else 0)
    content += u8(bound) + server_id(1 if bound else 0) + u64(2) + u8(1) + u64(1_700_000_000_000) + u64(5)
    return content + text(zone) + text(upgrade) + u16(3) + u8(0)


def configuration(count, joint=False):
    content = u8(2 if joint else 1) + u8(count)
    for n in range(1, count + 1):
        address = b"10.0.0.%d:4647" % n
        role = (0 if n % 3 else 1) | (4 if joint and n % 2 else 0)
        content += server_id(n) + u8(role) + u8(len(address)) + address
    return content


def frame(kind, payload):
    rest = u8(kind) + payload
    return u32(len(payload)) + u32(crc32c(rest)) + rest


def entry(index, term, kind, payload):
    return u64(index) + u64(term) + u8(kind) + blob(payload)


MEMBERS = {
    "usual": member(1), "stranger": member(2, cluster=False, bound=True),
    "labels": member(3, zone="zone-a", upgrade="2.0.1"),
}
for name, content in MEMBERS.items():
    seed("member-info", name, content)
    seed("hello", name, u32(0x4C54524D) + u16(1) + u16(3) + u8(1) + content)
    seed("hello-reply", name, u8(0) + text("") + content + u16(3))
    seed("gossip-message", name, content + b"\x01\x05\x00")
seed("hello", "snapshot", u32(0x4C54524D) + u16(1) + u16(2) + u8(2) + member(1))
seed("hello", "request", u32(0x4C54524D) + u16(1) + u16(5) + u8(3) + member(1))
seed("hello", "other-protocol", u32(0x4C54524D) + u16(4) + u16(9) + u8(1) + member(1))
seed("hello-reply", "refused", u8(1) + text("it belongs to another cluster") + member(1) + u16(3))
seed("hello-reply", "first-protocol", u8(0) + text("") + member(1))

FORWARD = u8(3) + text("/v1/operator/scheduler/configuration") + text("cas=7&pretty") + blob(SCHEDULER.encode())
seed("forward", "put", FORWARD)
seed("forward", "get", u8(1) + text("/v1/status/peers") + text("") + blob(b""))
ANSWER = u16(200) + u8(1) + blob(b"{\"Updated\":true}") + u8(1) + u64(7) + u8(1) + u64(12) + u8(1) + u64(7)
seed("forward-reply", "answered", u8(0) + ANSWER + text("") + u16(0))
seed("forward-reply", "busy", u8(0) + u16(429) + u8(2) + blob(b"try again") + u8(0) + u8(0) + text("GET, PUT") + u16(1))
seed("forward-reply", "archive", u8(0) + u16(200) + u8(3) + blob(b"\x1f\x8b") + u8(0) + u8(0) + text("") + u16(0)
     + text("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))
seed("forward-reply", "not-leader", u8(1))
seed("peer-request", "get", u8(1) + text("/v1/operator/snapshot") + text("") + blob(b"") + u8(0) + u8(0) + u8(0))
seed("peer-request", "put", u8(3) + text("/v1/operator/snapshot") + text("") + blob(b"") + u8(1) + bytes(range(32))
     + u8(1) + u8(1) + u64(1 << 30))
seed("peer-request", "chunked", u8(3) + text("/v1/operator/snapshot") + text("") + blob(b"") + u8(0) + u8(1) + u8(0))
seed("peer-reply", "whole", u8(0) + u8(0) + u8(0) + u8(0) + ANSWER + text("") + u16(0))
seed("peer-reply", "pieces", u8(1) + u8(0) + u8(1) + u64(1 << 20) + u8(0) + u16(200) + u8(3) + blob(b"") + u8(0) + u8(0)
     + text("") + u16(0) + text("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))
seed("peer-reply", "live", u8(1) + u8(1) + u8(0) + u8(0) + ANSWER + text("") + u16(0))
seed("peer-reply", "not-leader", u8(0) + u8(0) + u8(0) + u8(1))

LOOK_TOKEN = u64(7) + u64(9)
seed("look-request", "plain", u64(3) + u64(12) + u64(400) + u64(1) + u64(2) + LOOK_TOKEN + u32(1) + u64(10**18))
seed("look-answer", "none", u64(12) + LOOK_TOKEN + u8(0))
# A plan with a stop, nothing that has failed, one instance wanted.
LOOK_PLAN = (u64(1) + u64(2) + u64(0) + u32(1) + text("not needed") + u32(0) + u32(0) + u32(0)
             + u32(1) + u64(5) + u64(6) + u32(0) + u8(0) + u8(0) + u32(0) + u32(0) + u8(0) + u32(0) + u32(0))
seed("look-answer", "stop", u64(12) + LOOK_TOKEN + u8(1) + blob(
    LOOK_PLAN + u32(0) + u64(400) + u32(0) + u32(1) + text("web") + u32(1) + u32(0) + u8(0) + u32(0) + u8(0) + u8(0)))
seed("credential", "anonymous", u8(0))
seed("credential", "token", u8(1) + bytes(range(32)))
seed("credential", "malformed", u8(2))

RAFT = {
    "vote-request": u8(1) + u64(5) + u8(3) + u64(10) + u64(4),
    "vote-response": u8(2) + u64(5) + u8(2),
    "heartbeat": u8(3) + u64(5) + u64(10) + u64(5) + u64(9) + u64(77) + u64(3) + u32(0),
    "append": u8(3) + u64(5) + u64(10) + u64(5) + u64(9) + u64(78) + u64(3) + u32(3)
    + entry(11, 5, 0, b"") + entry(12, 5, 1, b"\x01\x06\x00\x00\x00\x00") + entry(13, 5, 2, configuration(3)),
    "recovered": u8(3) + u64(5) + u64(10) + u64(5) + u64(9) + u64(79) + u64(3) + u32(1 << 31) + u64(2),
    "accepted": u8(4) + u64(5) + u8(1) + u64(13) + u64(0) + u64(0) + u64(78) + u64(3) + u64(13) + u64(5) + u32(500),
    "rejected": u8(4) + u64(5) + u8(0) + u64(10) + u64(7) + u64(4) + u64(78) + u64(3) + u64(7) + u64(4) + u32(0),
    "recovering": u8(4) + u64(5) + u8(3) + u64(13) + u64(0) + u64(0) + u64(78) + u64(3) + u64(13) + u64(5)
    + u64(2) + u32(500),
    "timeout-now": u8(5) + u64(5),
    "snapshot-response": u8(6) + u64(5) + u64(10) + u8(1) + u64(10) + u64(3),
    "read-request": u8(7) + u64(5) + u64(1),
    "read-response": u8(8) + u64(5) + u8(1) + u64(1) + u64(13),
}
for name, content in RAFT.items():
    seed("raft-message", name, content)


def told(how, content):
    return u8(how) + u16(len(content)) + content


def appended(term, previous, count, commit, previous_term=1):
    return (u8(3) + u64(term) + u64(previous) + u64(previous_term) + u64(commit) + u64(1) + u64(1) + u32(count)
            + b"".join(entry(previous + 1 + n, term, 1, b"\x01\x06") for n in range(count)))


def accepted(term, match, session=1):
    return (u8(4) + u64(term) + u8(1) + u64(match) + u64(0) + u64(0) + u64(1) + u64(session) + u64(match)
            + u64(term) + u32(0))


seed("raft-core", "appended", u8(0) + told(0x16, appended(2, 5, 3, 6)) + told(0, b"") + told(0x16, appended(2, 8, 1, 9, 2))
     + told(0, b""))
seed("raft-core", "conflict", u8(0) + told(0x16, appended(2, 4, 3, 4)) + told(0, b"") + told(0x26, appended(3, 3, 2, 5)))
seed("raft-core", "asked", u8(0) + told(1, b"") + told(0x16, u8(1) + u64(2) + u8(0) + u64(9) + u64(1)) + told(0, b"")
     + told(0x16, u8(2) + u64(2) + u8(2)) + told(0x16, u8(5) + u64(2)))
seed("raft-core", "led", u8(1) + told(2, b"\x01\x06") + told(0, b"") + told(0x16, accepted(2, 6)) + told(0x26, accepted(2, 7))
     + told(4, b"") + told(0x16, accepted(2, 7)) + told(1, b""))
seed("raft-core", "rejected", u8(1) + told(0, b"") + told(0x16, u8(4) + u64(2) + u8(0) + u64(5) + u64(2) + u64(1) + u64(1)
     + u64(1) + u64(3) + u64(1) + u32(0)) + told(0x15, b"") + told(1, b"") + told(0x26, u8(6) + u64(2) + u64(3) + u8(1)
     + u64(5) + u64(1)))
seed("raft-core", "deposed", u8(1) + told(0, b"") + told(0x16, u8(2) + u64(9) + u8(0)) + told(0x16, appended(9, 5, 2, 7))
     + told(0, b"") + told(0x23, b""))
OFFER = u64(5) + u64(3) + u64(10) + u64(4) + blob(configuration(3)) + u64(2) + u64(4096) + u32(0xDEADBEEF)
seed("snapshot-offer", "usual", OFFER)
seed("snapshot-offer", "joint", u64(5) + u64(3) + u64(10) + u64(4) + blob(configuration(5, joint=True)) + u64(2)
     + u64(1 << 30) + u32(0))
seed("snapshot-offer", "many", u64(5) + u64(3) + u64(10) + u64(4) + blob(configuration(100)) + u64(2) + u64(1) + u32(1))
FOUNDING = server_id(1) + server_id(99) + blob(configuration(3))
seed("founding", "three", FOUNDING)
seed("founding", "one", server_id(1) + server_id(99) + blob(configuration(1)))
seed("founding", "joint", server_id(1) + server_id(99) + blob(configuration(5, joint=True)))
seed("founding", "most", server_id(1) + server_id(99) + blob(configuration(127)))

seed("frames", "ping", frame(6, b"") + frame(7, b""))
seed("frames", "raft", frame(3, RAFT["heartbeat"]) + frame(3, RAFT["accepted"]) + frame(4, u64(1) + FORWARD[:100]))
seed("frames", "every-kind", b"".join(frame(kind, bytes([kind])) for kind in range(1, 22) if kind != 8))
seed("frames", "at-bound", frame(19, b"\x00" * 512))
seed("frames", "over-bound", frame(19, b"\x00" * 513))
seed("frames", "unknown", frame(8, b"x") + frame(6, b""))

# MARK: Gossip


def record(n, incarnation=10, payload=b"\x01"):
    address = "10.0.0.%d:4648" % n
    return u64(0) + u64(n + 1) + u64(incarnation) + short(address) + blob(payload)


def node(n):
    return u64(0) + u64(n + 1)


CLAIMS = u8(1) + record(3) + u8(3) + u8(2) + node(2) + u64(10) + node(4) + u8(1) + record(4, 2**64 - 1, b"") + u8(0)
EXCHANGED = u16(2) + record(2) + u8(2) + u8(0) + u32(7) + record(3) + u8(0) + u8(1) + u32(0)
GOSSIP = {
    "ping": u8(1) + u8(1) + u8(0) + record(1) + u64(1) + node(0) + CLAIMS,
    "ack": u8(1) + u8(2) + u8(1) + record(1) + u64(2**64 - 1) + CLAIMS,
    "ping-request": u8(1) + u8(3) + u8(0) + record(1) + u64(3) + node(2),
    "nack": u8(1) + u8(4) + u8(0) + node(1) + u64(10) + u64(4),
    "news": u8(1) + u8(5) + u8(7) + node(1) + u64(10) + CLAIMS,
    "news-of-own": u8(1) + u8(5) + u8(0) + node(1) + u64(10) + u8(2) + node(0) + u64(10) + node(1),
}
STREAMS = {
    "exchange": u8(1) + u8(6) + u8(0) + record(1) + EXCHANGED,
    "answer": u8(1) + u8(7) + u8(3) + record(1) + u16(0),
    "many": u8(1) + u8(6) + u8(0) + record(1) + u16(20)
    + b"".join(record(n) + u8(0) + u8(0) + u32(0) for n in range(10, 30)),
}
for name, content in GOSSIP.items():
    seed("gossip-packet", name, content)
    seed("gossip-exchange", name, content)
for name, content in STREAMS.items():
    seed("gossip-exchange", name, content)


def said(how, content):
    return u8(how) + u16(len(content)) + content


for name, content in GOSSIP.items():
    seed("gossip-pool", name, said(1, content) + said(7, b"") + said(2, content))
for name, content in STREAMS.items():
    seed("gossip-pool", name, said(4, content) + said(6, content) + said(7, b""))
seed("gossip-pool", "all", b"".join(said(n % 4, c) for n, c in enumerate(GOSSIP.values())) + said(15, b""))
seed("gossip-pool", "leaving", said(1, u8(1) + u8(5) + u8(1) + node(1) + u64(10)) + said(255, b"")
     + said(1, u8(1) + u8(5) + u8(7) + node(1) + u64(10)))

seed("sealed-packet", "short", b"\x00" + b"\x01" * 28)
seed("sealed-packet", "whole", b"\x01\x01" + b"\x07" * 12 + bytes(range(64)))
seed("sealed-packet", "plain", b"\x02" + GOSSIP["ping"])

# MARK: State


def autopilot():
    return u8(1) + u64(200_000_000) + u64(250) + u64(3) + u64(10_000_000_000) + u8(0) + u8(0) + u8(1)


def scheduler():
    return u8(1) + u8(1) + u8(0) + u8(0) + u8(0) + u8(1) + u8(0) + u8(0) + u64(9)


def uuid(n):
    return "00000000-0000-4000-8000-%012d" % n


def identity(n):
    return b"".join(short(words) for words in [
        uuid(n), "s%d" % n, "global", "dc1", "10.0.0.%d:4647" % n, "10.0.0.%d:4646" % n, "10.0.0.%d:4648" % n,
        "0.1.0"]) + u8(0)


def labels(zone, upgrade):
    flags = (1 if zone else 0) | (2 if upgrade else 0)
    return u8(flags) + (short(zone) if zone else b"") + (short(upgrade) if upgrade else b"")


def author():
    return u64(1_700_000_000_000_000_000) + short("6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10")


def event(action, actor):
    return (u64(1_700_000_000_000_000_000) + actor + short(action) + short(uuid(2)) + short("s2") + short("stable")
            + short("healthy for 10s") + u64(0xABCD) + u64(4) + u64(6) + short("applied"))


def leader(term):
    return u64(term) + short(uuid(1)) + short("s1") + u64(1_700_000_000_000_000_000)


OLD_STATE = u8(1) + u64(9) + u8(1) + u64(1) + u64(2) + autopilot() + u8(0) + u64(0) + u32(0)
COMMANDS = {
    "set-autopilot": u8(1) + u8(1) + u8(0) + autopilot(),
    "set-autopilot-cas": u8(1) + u8(1) + u8(1) + u64(1) + autopilot(),
    "initialize-autopilot": u8(1) + u8(2) + autopilot(),
    "set-scheduler": u8(1) + u8(3) + u8(1) + u64(0) + scheduler(),
    "initialize-scheduler": u8(1) + u8(4) + scheduler(),
    "put-server": u8(1) + u8(5) + identity(1),
    "remove-server": u8(1) + u8(6) + text(uuid(1)),
    "restore-begin": u8(2) + u8(7) + u64(len(OLD_STATE)) + u32(crc32c(OLD_STATE)),
    "restore-chunk": u8(2) + u8(8) + u64(1) + u32(0) + blob(OLD_STATE),
    "restore-end": u8(2) + u8(9) + u64(1),
    "set-autopilot-by": u8(3) + u8(1) + u8(0) + author() + autopilot(),
    "set-scheduler-by": u8(3) + u8(3) + u8(0) + author() + scheduler(),
    "put-server-with-labels": u8(3) + u8(5) + identity(2) + labels("zone-a", "2.0.1"),
    "record-event": u8(3) + u8(10) + event("promote", u8(0)),
    "record-event-by": u8(3) + u8(10) + event("remove", u8(1) + short("anonymous")),
    "record-leader": u8(3) + u8(11) + leader(5),
    "upgrade-baseline": u8(3) + u8(12) + u8(1) + u64(0) + u8(1) + u64(3),
    "newer": u8(200) + u8(1),
}


def texts(*words):
    return u32(len(words)) + b"".join(text(word) for word in words)


def token(n, management=False, expires=None):
    return (text(ident(n)) + hashlib.sha256(b"%d" % n).digest() + u8(management) + u8(1) + text("token %d" % n)
            + (texts() + texts() if management else texts("read", "write") + texts(ident(50)))
            + u64(1_700_000_000_000_000_000) + (u8(0) if expires is None else u8(1) + u64(expires)) + blob(b""))


def policy(name):
    return text(name) + text("about " + name) + text(POLICIES[name]) + blob(hashlib.sha256(name.encode()).digest())


def role(n):
    return text(ident(50)) + text("deployers") + text("") + texts("read", "deny") + blob(b"")


COMMANDS.update({
    "upsert-policies": u8(4) + u8(13) + u32(2) + policy("read") + policy("deny"),
    "delete-policies": u8(4) + u8(14) + texts("deny"),
    "create-token": u8(4) + u8(15) + token(1),
    "create-expiring-token": u8(4) + u8(15) + token(2, expires=1_700_000_100_000_000_000),
    "update-token": u8(4) + u8(16) + text(ident(1)) + u8(0) + u8(1) + text("other") + texts("read") + texts() + blob(b""),
    "delete-tokens": u8(4) + u8(17) + texts(ident(1)),
    "delete-expired-tokens": u8(4) + u8(18) + u64(1_800_000_000_000_000_000) + u32(10),
    "create-role": u8(4) + u8(19) + role(50),
    "update-role": u8(4) + u8(20) + role(50),
    "delete-roles": u8(4) + u8(21) + texts(ident(50)),
    "bootstrap": u8(4) + u8(22) + u8(0) + token(3, management=True) + u8(0),
    "bootstrap-again": u8(4) + u8(22) + u8(1) + u64(1) + token(4, management=True) + u8(1),
})


# MARK: Nodes, jobs and what is made of them (SchedulingCodec.swift and the codecs beside it)


def uid(n):
    return u64(7) + u64(n)


def i64(n):
    return struct.pack("<q", n)


def optional(content=None):
    return u8(0) if content is None else u8(1) + content


def many(*elements):
    return u32(len(elements)) + b"".join(elements)


def mapping(**elements):
    return many(*(text(key) + elements[key] for key in sorted(elements)))


def job_key(name):
    return text("default") + text(name)


SECOND = 1_000_000_000
UPDATE = (i64(30 * SECOND) + u32(1) + text("checks") + i64(10 * SECOND) + i64(300 * SECOND) + i64(600 * SECOND)
          + u8(0) + u8(0) + u32(0))
PORTS = many(text("http") + u32(80) + i64(0) + text("default"))
NETWORK = text("host") + u32(0) + optional(texts() + texts("a") + texts()) + PORTS + many()


def task(name):
    return (text(name) + text("mock") + text("") + optional(text("{\"run_for\":\"5s\"}")) + mapping(A=text("b"))
            + many() + many(text("${meta.r}") + text("=") + text("1") + i64(-50))
            + u32(100) + u32(0) + u32(300) + u32(0) + many() + many(text("gpu") + u32(1) + many() + many())
            + optional(u8(0) + u8(1)) + optional(u32(2) + i64(1800 * SECOND) + i64(15 * SECOND) + text("fail"))
            + mapping() + i64(5 * SECOND) + text("") + i64(0) + u8(0) + text("") + u32(10) + u32(10) + optional()
            + many(text("data") + text("/data") + u8(0) + text("private")))


GROUP = (text("g") + u32(2) + many(task("t"))
         + many(text("${attr.kernel.name}") + text("=") + text("linux")) + many()
         + many(text("${node.datacenter}") + u32(100) + many(text("dc1") + u32(70)))
         + many(NETWORK) + u32(300) + u8(0) + u8(0) + optional()
         + optional(u32(0) + i64(0) + i64(30 * SECOND) + optional(u8(1)) + i64(3600 * SECOND) + u8(1))
         + optional(u32(1) + text("checks") + i64(10 * SECOND) + i64(300 * SECOND)) + optional(UPDATE)
         + mapping(data=text("data") + text("host") + text("data") + u8(0)) + mapping() + optional()
         + optional(i64(60 * SECOND)))


def job(name, kind=0, stopped=0):
    return (job_key(name) + text(name) + text("global") + u8(kind) + u32(50) + texts("*") + text("default") + u8(0)
            + many() + many() + many() + many(GROUP) + optional(UPDATE) + mapping(team=text("a")) + text("")
            + optional() + optional() + u8(stopped) + u64(5))


def node(n, status=1):
    return (uid(n) + uid(1000 + n) + text("n%d" % n) + text("dc1") + text("default") + text("c")
            + many(text("kernel.name") + text("linux"), text("unique.hostname") + text("n")) + mapping() + mapping()
            + mapping(mock=u8(1) + u8(1) + text("") + mapping() + u64(0)) + mapping(data=text("/data") + u8(0))
            + u32(4000) + u32(2) + many(u16(0), u16(1)) + u32(8192) + u32(100_000)
            + many(text("host") + text("eth0") + text("") + text("10.0.0.1") + u32(1000))
            + many(text("host") + text("eth0") + text("") + u32(0)
                   + many(text("default") + text("10.0.0.1") + text("ipv4") + text("22,80-90")))
            + many(text("v") + text("gpu") + text("m") + many(text("a") + u8(1) + text(""))
                   + mapping(memory=u8(0) + u64(16) + text("GiB"), ok=u8(3) + u8(1) + text("")))
            + u32(20_000) + u32(32_000)
            + u32(100) + many() + u32(0) + u32(0) + text("22") + text("10.0.0.1:4646") + u8(0) + u8(status) + text("")
            + u8(0) + optional() + optional() + u64(1_700_000_000) + many())


def evaluation(n, name, status=0, trigger=0):
    return (uid(n) + job_key(name) + u32(50) + u8(0) + u8(trigger) + u64(0) + optional() + u64(0) + optional() + u8(status)
            + text("") + u64(0) + u64(0) + optional() + optional() + optional() + mapping(g=METRIC) + mapping()
            + u8(0) + mapping(g=u32(1)) + u64(0) + u8(0) + text("") + u64(5) + u64(6))


METRIC = (u32(9) + u32(2) + mapping(dc1=u32(3)) + mapping() + mapping(x=u32(1)) + u32(4) + mapping() + mapping(cpu=u32(4))
          + mapping(t=i64(5) + i64(0) + i64(6) + i64(0) + i64(7))
          + many(uid(1) + mapping(binpack=struct.pack("<d", 0.25)) + struct.pack("<d", -0.5)) + u64(77) + u32(0))
RESOURCES = (many(text("t") + u32(100) + many() + u32(300) + u32(0) + many()
                  + many(text("v") + text("gpu") + text("m") + texts("a")) + optional())
             + u32(300) + many() + many(text("http") + u32(80) + i64(0) + text("10.0.0.1")))


def placement(n, texts_at, previous=None, preempted=()):
    name, group, description = texts_at
    return (uid(n) + uid(1) + u32(name) + u32(0) + u32(group) + u32(0) + u32(0) + optional(u32(0)) + u32(description)
            + optional() + optional(optional() + u8(1) + u64(0) + u64(0)) + optional(previous) + optional() + many()
            + many(*(uid(other) for other in preempted)))


def plan(name, index, placements, texts_of=("n1", "g", ""), stops=b"\0\0\0\0", evictions=b"\0\0\0\0", evaluations=()):
    return (uid(500) + u64(9) + texts(*texts_of) + many(job_key(name) + u64(index)) + many(RESOURCES) + many(METRIC)
            + stops + evictions + many(*placements) + optional() + many() + many(*evaluations))


SCHEDULING = {
    "register-job": u8(23) + job("j") + optional() + many(evaluation(1, "j")),
    "register-job-expected": u8(23) + job("k", kind=2) + optional(u64(0)) + many(),
    "deregister-job": u8(24) + job_key("j") + u8(0) + u64(9) + many(),
    "purge-job": u8(24) + job_key("j") + u8(1) + u64(9) + many(),
    "revert-job": u8(25) + job_key("j") + u64(0) + optional() + many(),
    "job-stability": u8(26) + job_key("j") + u64(0) + u8(1),
    "register-nodes": u8(27) + many(node(1), node(2, status=0)) + many(),
    "node-status": u8(28) + many(uid(1) + u8(2) + text("down") + u64(5) + optional(
        text("missed") + text("Cluster") + mapping() + u64(5) + u64(0))) + many(),
    "node-eligibility": u8(29) + uid(2) + u8(1) + optional() + many(),
    "node-drain": u8(30) + many(uid(1) + optional(u64(60 * SECOND) + u8(0) + u64(9) + u64(8)) + u8(0) + u8(0) + text("me")
                                + mapping() + u64(8) + optional()) + many(),
    "node-events": u8(31) + uid(1) + many(text("m") + text("Driver") + mapping(a=text("b")) + u64(5) + u64(0)),
    "deregister-nodes": u8(32) + many(uid(2)) + many(),
    "upsert-evaluations": u8(33) + many(evaluation(2, "j", status=1), evaluation(3, "j", status=2, trigger=14)),
    "plan": u8(34) + plan("j", 3, [placement(10, (0, 1, 2)), placement(11, (0, 1, 2))]),
    "plan-preempting": u8(34) + plan(
        "j", 3, [placement(12, (1, 2, 3), previous=uid(11), preempted=[10])], texts_of=("stop", "n1", "g", ""),
        stops=many(uid(11) + u32(0) + optional(u8(4)) + optional()), evictions=many(uid(10) + uid(12)),
        evaluations=[evaluation(4, "j", trigger=14)]),
    "update-allocations": u8(35) + many(
        uid(10) + u8(1) + text("ok") + optional(mapping(t=u8(1) + u8(0) + i64(0) + u64(0) + u64(5) + u64(0) + many(
            text("Started") + u64(5) + text("") + mapping() + u8(0) + i64(0) + i64(0)))) + optional(u8(1)) + u64(9))
    + u64(10) + many(),
    "transitions": u8(36) + many(uid(10) + optional(u8(1)) + optional() + optional(u8(0))) + many(),
    "deployment-status": u8(37) + uid(900) + u8(2) + text("failed") + optional(u64(0)) + many(),
    "promote": u8(38) + uid(900) + optional(texts("g")) + many(),
    "deployment-health": u8(39) + uid(900) + many(uid(10)) + many() + u64(5) + optional() + optional() + many(),
    "collect": u8(40) + many(uid(2), uid(3)) + many(uid(10), uid(11)) + many(uid(900)) + many(job_key("j") + u64(2)),
}
COMMANDS.update({"scheduling-" + name: u8(5) + content for name, content in SCHEDULING.items()})
for name, content in COMMANDS.items():
    seed("command", name, content)


def log(*names):
    # An index of its own for each, one or two beyond the one before.
    return b"".join(u16(len(COMMANDS[name])) + COMMANDS[name] for name in names)


seed("commands", "all", log(*list(COMMANDS)[:18]))
seed("commands", "access", log("bootstrap", "upsert-policies", "create-role", "create-token", "create-expiring-token",
                               "update-token", "update-role", "bootstrap-again", "delete-expired-tokens"))
seed("commands", "no-access", log("create-role", "create-token", "delete-tokens", "delete-roles", "delete-policies"))
seed("commands", "configurations", log("initialize-autopilot", "set-autopilot-cas", "set-autopilot-by",
                                       "initialize-scheduler", "set-scheduler", "set-scheduler-by"))
seed("commands", "servers", log("put-server", "put-server-with-labels", "put-server", "remove-server"))
seed("commands", "history", log("record-leader", "record-event", "record-event-by", "record-leader",
                                "upgrade-baseline"))
scheduled = ["register-nodes", "register-job", "plan", "update-allocations", "upsert-evaluations", "plan-preempting"]
seed("commands", "scheduling", log(*("scheduling-" + name for name in scheduled)))
seed("commands", "scheduling-more", log(*("scheduling-" + name for name in scheduled[:3] + [
    "node-drain", "transitions", "deregister-job", "collect", "purge-job", "deregister-nodes"])))
begin = COMMANDS["restore-begin"]
for position in (1, 2):
    chunk = u8(2) + u8(8) + u64(position) + u32(0) + blob(OLD_STATE)
    end = u8(2) + u8(9) + u64(position)
    seed("commands", "restore-%d" % position, b"".join(u16(len(c)) + c for c in (begin, chunk, end)))

servers = u64(6) + u32(2) + identity(1) + identity(2)
labelled = u64(6) + u32(2) + identity(1) + labels("", "") + identity(2) + labels("zone-a", "")
pending = u64(2) + u8(1) + u64(5) + u64(len(OLD_STATE)) + u32(crc32c(OLD_STATE)) + u32(1) + blob(OLD_STATE)
SNAPSHOTS = {
    "empty": u8(1) + u64(0) + u8(0) + u8(0) + u64(0) + u32(0),
    "first": u8(1) + u64(9) + u8(1) + u64(1) + u64(2) + autopilot() + u8(1) + u64(3) + u64(3) + scheduler() + servers,
    "restored": u8(2) + u64(9) + u8(0) + u8(0) + servers + u64(7) + u8(0),
    "restoring": u8(2) + u64(9) + u8(1) + u64(2) + u64(2) + autopilot() + u8(0) + servers + pending,
    "history": u8(3) + u64(20) + u8(0) + u8(0) + labelled + u64(0) + u8(0)
    + u64(14) + u32(2) + u64(10) + leader(5) + u64(12) + leader(6)
    + u32(2) + u64(13) + event("promote", u8(0)) + u64(14) + event("remove", u8(1) + short("a"))
    + u64(15) + u8(1) + u64(3),
}
SNAPSHOTS["access"] = (
    u8(4) + u64(20) + u8(0) + u8(0) + labelled + u64(0) + u8(0) + u64(0) + u32(0) + u32(0) + u64(0) + u8(0)
    + u64(3) + u64(7) + u32(2) + b"".join(u64(7) + u64(7) + policy(name) for name in ("deny", "read"))
    + u64(8) + u32(2) + u64(8) + u64(8) + token(1) + u64(3) + u64(3) + token(3, management=True)
    + u64(9) + u32(1) + u64(9) + u64(9) + role(50))
SNAPSHOTS["scheduling"] = (
    u8(6) + u64(20) + u8(0) + u8(0) + labelled + u64(0) + u8(0) + u64(0) + u32(0) + u32(0) + u64(0) + u8(0)
    + u64(0) + (u64(0) + u32(0)) * 3
    + u64(7) + many(u64(7) + u64(7) + node(1))
    + u64(12) + many(u64(8) + u64(8) + u64(0) + job("j"))
    + u64(12) + many(job_key("j") + u64(9) + u8(0) + text("") + many(u64(8) + u8(0)) + u64(8) + u64(9)
                     + mapping(g=u32(1) + u32(0) * 5) + u8(1))
    + u64(9) + many(u64(9) + u64(9) + evaluation(1, "j"))
    + u64(0) + many() + u64(0) + many())
for name, content in SNAPSHOTS.items():
    seed("state-snapshot", name, content)
    seed("snapshot-archive", name, content)


# MARK: Archives and files


def packed(content):
    output = io.BytesIO()
    with gzip.GzipFile(fileobj=output, mode="wb", mtime=0, filename="") as file:
        file.write(content)
    return output.getvalue()


def tar(files):
    content = b""
    for name, body in files:
        head = bytearray(512)

        def put(place, words):
            head[place:place + len(words)] = words

        put(0, name.encode())
        put(100, b"0000600\0")
        put(108, b"0000000\0")
        put(116, b"0000000\0")
        put(124, b"%011o\0" % len(body))
        put(136, b"%011o\0" % 0)
        put(148, b"        ")
        put(156, b"0")
        put(257, b"ustar\x0000")
        put(148, b"%06o\0 " % sum(head))
        content += bytes(head) + body + b"\0" * (-len(body) % 512)
    return content + b"\0" * 1024


meta = b"{\"Version\":1}"
sums = "".join("%s  %s\n" % (hashlib.sha256(body).hexdigest(), name)
               for name, body in (("meta.json", meta), ("state.bin", OLD_STATE))).encode()
TAR = tar([("meta.json", meta), ("state.bin", OLD_STATE), ("SHA256SUMS", sums)])
seed("tar", "archive", TAR)
seed("tar", "one", tar([("a", b"")]))
seed("tar", "none", tar([]))
seed("snapshot-archive", "archive", packed(TAR))
seed("gzip", "text", packed(b"hello, hello, hello"))
seed("gzip", "empty", packed(b""))
seed("gzip", "two-members", packed(b"one") + packed(b"two"))
seed("gzip", "bomb", packed(b"\0" * (1 << 20)))
seed("gzip", "cut", packed(TAR)[:-9])

seed("peers-file", "three", "[\n  {\"id\":\"%s\",\"address\":\"10.0.0.1:4647\"},\n  {\"id\":\"%s\","
     "\"address\":\"[::1]:4647\",\"non_voter\":true}\n]\n" % (uuid(1), uuid(2)))
seed("peers-file", "old", "[\"10.0.0.1:4647\"]")
seed("peers-file", "twice", "[{\"id\":\"%s\",\"address\":\"10.0.0.1:4647\"},{\"ID\":\"%s\",\"address\":\"10.0.0.1:4647\"}]"
     % (uuid(1), uuid(2)))
seed("keyring", "two", "[\n    \"BwcHBwcHBwcHBwcHBwcHBw==\",\n    \"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\"\n]\n")
seed("keyring", "short", "[\"BwcHBwcH\"]")
seed("keyring", "not-base64", "[\"====\",1]")


def sealed(content):
    return content + u32(crc32c(content))


head = b"identity" + u32(1) + server_id(1)
seed("identity-file", "new", sealed(head + u8(0) + u64(0) + u8(0) + u8(0) + u8(0)))
seed("identity-file", "member", sealed(head + u8(1) + server_id(99) + u64(2) + u8(1) + u8(1) + u32(2) + u8(0)))
seed("identity-file", "founding", sealed(head + u8(0) + u64(0) + u8(0) + u8(0) + u8(1) + FOUNDING))
seed("members-file", "none", sealed(u8(1) + u8(1) + u16(0)))
seed("members-file", "two", sealed(u8(1) + u8(0) + u16(2) + member(1) + member(2, cluster=False)))


def main():
    wrong = 0
    for target, name, content in SEEDS:
        path = os.path.join(HERE, target, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == content:
                    continue
        wrong += 1
        print("%s/%s" % (target, name))
        if "--check" not in sys.argv:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
    return 1 if wrong and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
