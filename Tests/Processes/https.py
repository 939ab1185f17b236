#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTPS beside plain HTTP: one server of each, the same load in turns, in one run.

    https.py --binary PATH [--connections 64] [--seconds 5] [--rounds 4]

Needs wrk (Debian: wrk). For each path: requests a second, and requests for a second of the server's
processor time, in which the client's own encryption does not count; medians over the rounds.
Python 3 standard library only.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import processes
import tls
from processes import free_ports

PATHS = ["/v1/status/leader", "/v1/operator/scheduler/configuration?stale",
         "/v1/operator/scheduler/configuration"]


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(server, scheme, path, options):
    """(requests a second, requests for a second of the server's processor time)."""
    before = processor_seconds(server.process.pid)
    result = subprocess.run(
        ["wrk", "-t", "1", "-c", str(options.connections), "-d", "%ds" % options.seconds,
         "%s://127.0.0.1:%d%s" % (scheme, server.http_port, path)],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    used = processor_seconds(server.process.pid) - before
    if "Non-2xx" in result or "Socket errors" in result:
        raise AssertionError(result)
    count = int(re.search(r"(\d+) requests in", result).group(1))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", result).group(1)), count / used


def start(root, name, block, credentials):
    ports = free_ports(3)
    path = os.path.join(root, name + ".json")
    server = tls.SecureServer(root, name, ports, ["-dev", "-config", path])
    server.credentials = credentials
    with open(path, "w") as file:
        json.dump({
            "name": name, "data_dir": server.data, "bind_addr": "127.0.0.1", "log_level": "WARN",
            "ports": {"http": ports[0], "rpc": ports[1], "serf": ports[2]},
            "limits": {"http_max_conns_per_client": 0}, "tls": block}, file)
    return server.start()


def main():
    parser = argparse.ArgumentParser(description="HTTPS beside plain HTTP")
    parser.add_argument("--binary", default=".build/release/martlet")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    options = processes.OPTIONS = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    root = tempfile.mkdtemp(prefix="martlet-https-")
    servers = []
    try:
        for arguments in (["ca", "create"], ["cert", "create", "-server"]):
            subprocess.run([options.binary, "tls"] + arguments, cwd=root, check=True, stdout=subprocess.DEVNULL)
        authority, own = os.path.join(root, "nomad-agent-ca.pem"), os.path.join(root, "global-server-nomad")
        servers.append(start(root, "plain", {}, None))
        servers.append(start(root, "secured", {
            "http": True, "ca_file": authority, "cert_file": own + ".pem", "key_file": own + "-key.pem"},
            tls.Credentials(None, None, authority)))
        for server in servers:
            server.wait_ready()
        for path in PATHS:
            rounds = [[load(s, scheme, path, options) for s, scheme in zip(servers, ("http", "https"))]
                      for _ in range(options.rounds)]
            plain, secured = ([statistics.median(r[i][k] for r in rounds) for k in (0, 1)] for i in (0, 1))
            print("%-45s http %7.0f/s  https %7.0f/s  ratio %.2f   per processor second %7.0f %7.0f  ratio %.2f" % (
                path, plain[0], secured[0], secured[0] / plain[0], plain[1], secured[1], secured[1] / plain[1]))
    finally:
        for server in servers:
            server.kill()
        shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
