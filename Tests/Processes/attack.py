#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The classic attacks on three real servers, and what comes of them.

    attack.py --binary PATH [--short] [--only NAME] [--connections N] [--seed N] [--keep]

--short         half a minute: what CI runs
--only          an attack by its name or a part of it (may be given several times)
--connections   of the attack by numbers (default 10,000; with --short 1,500)
--seed, --keep  as for processes.py

While each attack goes on, another client asks all three servers ten times a second. Afterwards it
must have been answered every time and soon, no server may have ended or taken memory without measure,
and the same one must lead. What is refused has its status. The table that is printed:

    attack | sent | refused as it should be | answered as others are | slowest answer to others | memory

The last line is "attack: N attacks, N failed"; exit status 1 when one failed.
"""
import argparse
import gzip
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import processes
from processes import AUTOPILOT, SCHEDULER, SNAPSHOT, peer_garbage

# Generous: a busy machine fails nothing, a server that waits for an attacker does.
ANSWER_SECONDS_MAX = 3.0
MEMORY_MEBIBYTES_MAX = 512


class Failed(Exception):
    """What an attack should not have been able to do."""


def own(address):
    """A client's address: limits are for each, so attackers and others have their own."""
    return ("127.%d.%d.%d" % (1 + address // 62500, address // 250 % 250, 1 + address % 250), 0)


OTHERS = ("127.0.0.9", 0)


def connect(port, address=OTHERS, seconds=10):
    return socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=address)


def read_all(s, seconds=10, most=1 << 22):
    """All that comes until the other end closes, or time is up."""
    received = b""
    deadline = time.monotonic() + seconds
    while len(received) < most:
        s.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            part = s.recv(1 << 16)
        except OSError:
            break
        if not part:
            break
        received += part
    return received


def statuses(received):
    """Of each answer, in order. Bodies of refusals have no status line in them."""
    parts = received.split(b"HTTP/1.1 ")[1:]
    return [int(part[:3]) if part[:3].isdigit() else 0 for part in parts]


class Others(threading.Thread):
    """A client that asks on and on, as clients do, and watches the processes."""

    def __init__(self, servers):
        super().__init__(daemon=True)
        self.servers, self.is_over = servers, False
        self.slowest, self.answered, self.unanswered, self.memory = 0.0, 0, [], 0

    def run(self):
        while not self.is_over:
            for server in self.servers:
                self.ask(server)
                self.memory = max(self.memory, resident(server))
            time.sleep(0.05)

    def ask(self, server):
        start = time.monotonic()
        try:
            with connect(server.http_port) as s:
                s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % SCHEDULER.encode())
                status = statuses(read_all(s))
        except OSError as error:
            status = [str(error)]
        self.slowest = max(self.slowest, time.monotonic() - start)
        if status == [200]:
            self.answered += 1
        else:
            self.unanswered.append("%s: %s" % (server.name, status))


def resident(server):
    """In MiB."""
    try:
        with open("/proc/%d/status" % server.process.pid) as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 0


class Count:
    def __init__(self):
        self.sent = self.refused = self.served = 0

    def expect(self, name, received, wanted):
        """One thing was sent; `wanted` are the statuses of all answers, each one or a set."""
        self.sent += 1
        got = statuses(received)
        if len(got) != len(wanted) or any(
                g not in (w if isinstance(w, (set, frozenset)) else {w}) for g, w in zip(got, wanted)):
            raise Failed("%s: %s instead of %s: %r" % (name, got, wanted, received[:200]))
        if got and got[-1] >= 400:
            self.refused += 1
        else:
            self.served += 1


# MARK: Requests that two readers could understand differently


HOST = b"Host: x\r\n"
GET = b"GET /v1/status/leader HTTP/1.1\r\n" + HOST + b"\r\n"
PUT = b"PUT " + AUTOPILOT.encode() + b" HTTP/1.1\r\n" + HOST
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = frozenset({400})

SMUGGLED = [
    ("CL.TE", CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\n" + INNER, REFUSED),
    ("TE.CL", PUT + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\n" + INNER + b"0\r\n\r\n", REFUSED),
    ("TE.TE", CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE twice", CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE of another name", PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE chunked, identity", PUT + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE with a vertical tab", PUT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE in quotes", PUT + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + INNER, frozenset({400, 501})),
    ("TE in HTTP/1.0", CHUNKED.replace(b"/1.1", b"/1.0") + b"\r\n0\r\n\r\n" + INNER, REFUSED),
    ("space before the colon", PUT + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER, REFUSED),
    ("space before a name", PUT + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER, REFUSED),
    ("two lengths", PUT + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + INNER, REFUSED),
    ("the same length twice", PUT + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + INNER, REFUSED),
    ("lengths in a list", PUT + b"Content-Length: 2, 2\r\n\r\n{}" + INNER, REFUSED),
    ("length +2", PUT + b"Content-Length: +2\r\n\r\n{}" + INNER, REFUSED),
    ("length -1", PUT + b"Content-Length: -1\r\n\r\n{}" + INNER, REFUSED),
    ("length 0x2", PUT + b"Content-Length: 0x2\r\n\r\n{}" + INNER, REFUSED),
    ("length 2^64 + 2", PUT + b"Content-Length: 18446744073709551618\r\n\r\n{}" + INNER, frozenset({400, 413})),
    ("empty length", PUT + b"Content-Length:\r\n\r\n{}" + INNER, REFUSED),
    ("folded header", PUT + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}" + INNER, REFUSED),
    ("bare LF", PUT.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}" + INNER, REFUSED),
    ("bare LF in a header", PUT + b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER, REFUSED),
    ("bare CR in a header", PUT + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER, REFUSED),
    ("NUL in a header", PUT + b"X: a\0b\r\n\r\n" + INNER, REFUSED),
    ("header without a name", PUT + b": a\r\n\r\n" + INNER, REFUSED),
    ("header without a colon", PUT + b"Transfer-Encoding chunked\r\n\r\n" + INNER, REFUSED),
    ("chunk size over 2^64", CHUNKED + b"\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + INNER, frozenset({400, 413})),
    ("chunk size -1", CHUNKED + b"\r\n-1\r\n{}\r\n0\r\n\r\n" + INNER, REFUSED),
    ("chunk size 0x2", CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n" + INNER, REFUSED),
    ("chunk size with a space", CHUNKED + b"\r\n 2\r\n{}\r\n0\r\n\r\n" + INNER, REFUSED),
    ("chunk with bare LF", CHUNKED + b"\r\n2\n{}\n0\n\n" + INNER, REFUSED),
    ("chunk longer than said", CHUNKED + b"\r\n2\r\n{}  \r\n0\r\n\r\n" + INNER, REFUSED),
    ("chunk extension of 64 KiB", CHUNKED + b"\r\n2;" + b"e" * 65536 + b"\r\n{}\r\n0\r\n\r\n" + INNER, REFUSED),
    ("chunk extensions without end", CHUNKED + b"\r\n" + b"1;eeeeeeeeeeeeeeeeeeeeeeeeeeeee\r\n \r\n" * 4096, REFUSED),
    ("HTTP/0.9", b"GET /v1/status/leader\r\n" + INNER, REFUSED),
    ("HTTP/1.2", GET.replace(b"/1.1", b"/1.2"), frozenset({400, 505})),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frozenset({400, 505})),
    ("two spaces", GET.replace(b" HTTP", b"  HTTP"), REFUSED),
    ("tab for a space", GET.replace(b" HTTP", b"\tHTTP"), REFUSED),
    ("fragment", GET.replace(b"leader", b"leader#a"), REFUSED),
    ("NUL in the target", GET.replace(b"leader", b"lea\0der"), REFUSED),
    ("escaped NUL in the path", GET.replace(b"leader", b"lea%00der"), REFUSED),
    ("no host", GET.replace(HOST, b""), REFUSED),
    ("two hosts", GET.replace(HOST, HOST + b"Host: y\r\n"), REFUSED),
    ("host with a path", GET.replace(HOST, b"Host: x/y\r\n"), REFUSED),
    ("six empty lines", b"\r\n" * 6 + GET, REFUSED),
]


def smuggling(stand, count):
    for name, data, status in SMUGGLED:
        for cut in (None, len(data) // 2):
            with connect(stand.target.http_port, own(1)) as s:
                try:
                    s.sendall(data[:cut])
                    if cut:
                        time.sleep(0.002)
                        s.sendall(data[cut:])
                except OSError:
                    pass  # It closes once it has refused.
                # Whatever comes behind what was refused is not read, and not answered.
                count.expect(name, read_all(s, 5), [status])
    # Trailers and expectations frame nothing.
    with connect(stand.target.http_port, own(1)) as s:
        s.sendall(CHUNKED + b"\r\n2\r\n{}\r\n0\r\nContent-Length: 40\r\n\r\n" + GET.replace(
            HOST, HOST + b"Connection: close\r\n"))
        received = read_all(s, 5)
        count.sent += 1
        if len(statuses(received)) not in (1, 2) or statuses(received)[0] not in (200, 400):
            raise Failed("a length as a trailer: %r" % received[:200])
        count.refused += 1


# MARK: Much, deep and compressed


def bombs(stand, count):
    port = stand.target.http_port

    def send(name, data, wanted):
        with connect(port, own(2)) as s:
            try:
                s.sendall(data)
            except OSError:
                pass
            count.expect(name, read_all(s, 15), [wanted])

    def put(body, path=AUTOPILOT, more=b""):
        return (b"PUT " + path.encode() + b" HTTP/1.1\r\n" + HOST + more
                + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    start = b"GET / HTTP/1.1\r\n" + HOST
    send("a header of 1 MiB", start + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n", 431)
    send("10,000 headers", start + b"a: b\r\n" * 10_000 + b"\r\n", 431)
    send("a name of 70 KiB", start + b"X" * 70_000 + b": b\r\n\r\n", 431)
    send("a target of 1 MiB", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)
    send("a line without end", b"A" * (1 << 20), 414)
    send("a length of 1 TiB", PUT + b"Content-Length: %d\r\n\r\n" % (1 << 40), 413)
    send("chunks of 64 MiB", CHUNKED + b"\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 1024, 413)
    bodies = [
        ("100,000 arrays in arrays", b"[" * 100_000), ("objects in objects", b"{\"a\":" * 100_000),
        ("500,000 values", b"[" + b"0," * 500_000 + b"0]"),
        ("a number of 1 MB", b"{\"MaxTrailingLogs\":" + b"9" * 1_000_000 + b"}"),
        ("a string of 1 MB", b"{\"LastContactThreshold\":\"" + b"x" * 1_000_000 + b"\"}"),
        ("100,000 names", b"{" + b",".join(b"\"%d\":0" % n for n in range(90_000)) + b",\"MinQuorum\":\"\"}"),
        ("a duration of 1 MB", b"{\"LastContactThreshold\":\"" + b"9h" * 400_000 + b"\"}"),
        ("escapes", b"{\"LastContactThreshold\":\"" + b"\\u0000" * 150_000 + b"\"}"),
    ]
    for name, body in bodies:
        send(name, put(body), 400)
    zeros = gzip.compress(b"\0" * (256 << 20), 9)
    send("a compressed body", put(gzip.compress(b"{}"), more=b"Content-Encoding: gzip\r\n"), frozenset({400, 415}))
    send("a compressed body of 256 MiB", put(zeros, more=b"Content-Encoding: gzip\r\n"), frozenset({400, 415}))
    send("an archive of 256 MiB", put(zeros, SNAPSHOT), frozenset({400, 500}))
    many = gzip.compress(b"\0" * (1 << 20), 9) * 900
    send("an archive of 900 members", put(many[:1 << 20], SNAPSHOT), frozenset({400, 500}))
    send("an archive that is none", put(stand.dice.randbytes(1 << 20), SNAPSHOT), frozenset({400, 500}))


# MARK: Slow and many


def slow(stand, count):
    """Connections that never finish what they say: headers, then bodies."""
    shapes = [
        (b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nX: ", b"a", 408),
        (PUT + b"Content-Length: 1000\r\n\r\n", b" ", 408),
        (CHUNKED + b"\r\n", b"1\r\n \r\n", 408), (b"", b"\r", 408),
    ]
    number = 80 if stand.is_short else 2_000
    seconds = 4 if stand.is_short else 35
    sockets = []
    try:
        for n in range(number):
            s = connect(stand.target.http_port, own(100 + n % 40))
            s.sendall(shapes[n % len(shapes)][0])
            sockets.append((s, shapes[n % len(shapes)]))
            count.sent += 1
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for s, (_, drop, _) in sockets:
                try:
                    s.sendall(drop)
                except OSError:
                    pass  # Closed already.
            time.sleep(1)
        for s, _ in sockets:
            s.settimeout(0.001)
            try:
                received = s.recv(4096)
            except OSError as error:
                if isinstance(error, TimeoutError):
                    continue
                received = b""
            if received and statuses(received)[0] not in (400, 408):
                raise Failed("a slow one got %r" % received[:100])
            count.refused += 1
        if not stand.is_short and count.refused < number * 9 // 10:
            raise Failed("%d of %d slow ones are still there" % (number - count.refused, number))
    finally:
        for s, _ in sockets:
            s.close()


def numbers(stand, count):
    """Connections by the thousand, that say nothing."""
    sockets = []
    try:
        for n in range(stand.connections):
            try:
                sockets.append(connect(stand.target.http_port, own(1_000 + n // 50), 5))
            except OSError:
                count.refused += 1
            count.sent += 1
        stand.watch(2)
        # One of them is as good as any other client.
        s = sockets[len(sockets) // 2]
        s.sendall(GET.replace(HOST, HOST + b"Connection: close\r\n"))
        if statuses(read_all(s, 5)) != [200]:
            raise Failed("one of %d connections is not answered" % len(sockets))
        count.served += len(sockets)
    finally:
        for s in sockets:
            s.close()
    # More than one address may have.
    sockets = []
    try:
        for n in range(300):
            sockets.append(connect(stand.target.http_port, own(3)))
            count.sent += 1
        refused = 0
        for s in sockets:
            s.settimeout(0.002)
            try:
                received = s.recv(4096)
                if received and statuses(received)[0] not in (429, 503):
                    raise Failed("beyond the limit: %r" % received[:100])
                refused += 1
            except TimeoutError:
                pass
            except OSError:
                refused += 1
        if refused < 150:
            raise Failed("one address has %d of 300 connections" % (300 - refused))
        count.refused += refused
        count.served += 300 - refused
    finally:
        for s in sockets:
            s.close()


def pipelining(stand, count):
    """Requests without a look at the answers."""
    number = 5_000 if stand.is_short else 100_000
    for request in (GET, PUT + b"Content-Length: 24\r\n\r\n{\"MaxTrailingLogs\": 250}"):
        amount = number if request is GET else number // 20
        with connect(stand.target.http_port, own(4), 60) as s:
            s.settimeout(2)
            data, sent = request * amount, 0
            try:
                while sent < len(data):
                    sent += s.send(data[sent:sent + (1 << 16)])
            except TimeoutError:
                pass  # It does not read on while its answers are not fetched.
            except OSError:
                pass
            count.sent += sent // len(request)
            stand.watch(0.5)
            got = statuses(read_all(s, 2 if stand.is_short else 10, most=1 << 26))
            wrong = [status for status in got if status not in (200, 400, 429)]
            if not got or wrong:
                raise Failed("pipelined requests got %s" % (wrong or "nothing"))
            count.served += got.count(200)
            count.refused += len(got) - got.count(200)


def resets(stand, count):
    """Connections that are torn down at any moment, also half open ones."""
    number = 500 if stand.is_short else 20_000
    ports = [stand.target.http_port, stand.target.rpc_port, stand.target.serf_port]
    pieces = [b"", GET[:20], GET, PUT + b"Content-Length: 2\r\n\r\n{", b"\x16\x03\x01"]
    for n in range(number):
        try:
            with connect(ports[n % 3], own(200 + n % 60)) as s:
                s.sendall(pieces[n % len(pieces)])
                if n % 2:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif n % 4 == 0:
                    s.shutdown(socket.SHUT_WR)
        except OSError:
            count.refused += 1
        count.sent += 1


# MARK: Not what the port is for


CLIENT_HELLO = bytes.fromhex(
    "16030100c8010000c40303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0006130113021303010000") + b"\0" * 120


def garbage(stand, count):
    """Noise, TLS, frames and peers' words on the HTTP, peer and gossip ports."""
    number = 120 if stand.is_short else 6_000
    dice = stand.dice
    for n in range(number):
        port = [stand.target.http_port, stand.target.rpc_port, stand.target.serf_port][n % 3]
        shape = n // 3 % 6
        data = (CLIENT_HELLO if shape == 4 else GET if shape == 5 and n % 3 else
                peer_garbage(dice, shape % 4))
        with connect(port, own(300 + n % 200)) as s:
            s.settimeout(0.01)
            count.sent += 1
            try:
                s.sendall(data)
                if s.recv(4096) == b"":
                    count.refused += 1
            except TimeoutError:
                pass
            except OSError:
                count.refused += 1


def datagrams(stand, count):
    """Gossip that nobody said."""
    number = 2_000 if stand.is_short else 200_000
    dice = stand.dice
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(own(5))
        for n in range(number):
            size = (0, 1, 13, 100, 1_200, 1_400, 8_000, 60_000)[n % 8]
            mark = bytes([0, 1 + n % 3, n % 9]) if n % 2 else b""
            try:
                s.sendto(mark + dice.randbytes(size), ("127.0.0.1", stand.target.serf_port))
            except OSError:
                pass
            count.sent += 1
            if n % 200 == 0:
                time.sleep(0.002)


def oversized(stand, count):
    """Frames that announce gigabytes, and peers that never say who they are."""
    held = []
    try:
        for n in range(90):
            port = (stand.target.rpc_port, stand.target.serf_port)[n % 2]
            s = connect(port, own(6 + n % 2))
            held.append(s)
            s.sendall([struct.pack("<IIB", 0xFFFFFFFF, 0, 1), struct.pack("<IIB", 96 << 10, 0, 1) + b"\0" * 90_000,
                       b""][n % 3])
            count.sent += 1
        # A stranger has five seconds; one whose frame is too long, none.
        stand.watch(1 if stand.is_short else 7)
        for n, s in enumerate(held):
            s.settimeout(0.01)
            try:
                while s.recv(4096):
                    pass
                count.refused += 1
            except TimeoutError:
                if n % 3 == 0 or not stand.is_short:
                    raise Failed("connection %d (%s) is still held" % (n, ("peer", "gossip")[n % 2]))
            except OSError:
                count.refused += 1
    finally:
        for s in held:
            s.close()


def secured(stand, count):
    """A server that speaks TLS alone: noise, plain requests, and handshakes that are never finished."""
    number = 60 if stand.is_short else 1_500
    server = stand.secured_server()
    context = ssl.create_default_context(cafile=os.path.join(server.root, "nomad-agent-ca.pem"))
    context.check_hostname = False

    def ask():
        start = time.monotonic()
        with connect(server.http_port) as plain, context.wrap_socket(plain) as s:
            s.sendall(GET.replace(HOST, HOST + b"Connection: close\r\n"))
            if statuses(read_all(s, 5)) != [200]:
                raise Failed("a client with TLS is not answered")
        if time.monotonic() - start > ANSWER_SECONDS_MAX:
            raise Failed("a client with TLS waited %.1f s" % (time.monotonic() - start))
        count.served += 1

    held = []
    try:
        for n in range(number):
            port = (server.http_port, server.rpc_port, server.serf_port)[n % 3]
            data = [CLIENT_HELLO, CLIENT_HELLO[:n % 200], b"\x16\x03\x01\xff\xff" + b"\0" * 300, GET,
                    b"\x16\x03\x01\x00\x02\x01\x00", CLIENT_HELLO[:5] + stand.dice.randbytes(200),
                    b"\x15\x03\x03\x00\x02\x02\x00", b"\x17\x03\x03\x40\x00" + b"\0" * 16384][n // 3 % 8]
            s = connect(port, own(400 + n % 100))
            held.append(s)
            s.settimeout(0.02)
            count.sent += 1
            try:
                s.sendall(data)
                if s.recv(4096):
                    count.refused += 1
            except OSError:
                pass
            if n % 20 == 0:
                ask()
        # A handshake has five seconds.
        if not stand.is_short:
            stand.watch(8)
            for n, s in enumerate(held):
                s.settimeout(0.01)
                try:
                    while s.recv(4096):
                        pass
                except TimeoutError:
                    raise Failed("connection %d is still held after a handshake's time" % n)
                except OSError:
                    pass
    finally:
        for s in held:
            s.close()
    ask()
    if server.process.poll() is not None:
        raise Failed("it ended with %s\n%s" % (server.process.returncode, server.tail()))
    if resident(server) > MEMORY_MEBIBYTES_MAX:
        raise Failed("it took %d MiB" % resident(server))
    server.kill()


ATTACKS = [smuggling, bombs, slow, numbers, pipelining, resets, garbage, datagrams, oversized, secured]


class Stand:
    """Three servers, of which the leader is attacked."""

    def __init__(self, options):
        self.is_short = options.short
        self.connections = options.connections or (1_500 if options.short else 10_000)
        self.dice = random.Random(options.seed)
        self.case = processes.ProcessTest("done")
        self.case.setUp()
        # Slower to elect than in operation: a busy machine is no attack.
        self.servers = self.case.cluster(server={"raft_multiplier": 3})
        self.case.start(self.servers)
        self.target = self.case.leader(self.servers)

    def watch(self, seconds):
        """Lets the others ask while an attack only stands there."""
        time.sleep(seconds)

    def secured_server(self):
        """One more server, alone, with certificates of its own making."""
        root = os.path.join(self.case.root, "secured")
        os.makedirs(root)
        for words in (["ca", "create"], ["cert", "create", "-server", "-region", "global"]):
            subprocess.run([processes.OPTIONS.binary, "tls"] + words, cwd=root, check=True,
                           stdout=subprocess.DEVNULL)
        ports = processes.free_ports(3)
        server = processes.Server(root, "secured", ports)
        path = os.path.join(root, "agent.json")
        with open(path, "w") as file:
            json.dump({
                "name": "secured", "data_dir": server.data, "bind_addr": "127.0.0.1",
                "ports": {"http": ports[0], "rpc": ports[1], "serf": ports[2]},
                "server": {"enabled": True, "bootstrap_expect": 1},
                "tls": {"http": True, "rpc": True, "ca_file": os.path.join(root, "nomad-agent-ca.pem"),
                        "cert_file": os.path.join(root, "global-server-nomad.pem"),
                        "key_file": os.path.join(root, "global-server-nomad-key.pem"),
                        "verify_server_hostname": True, "verify_https_client": False}}, file)
        server.arguments = ["-config", path]
        self.case.servers.append(server)
        server.start()
        context = ssl.create_default_context(cafile=os.path.join(root, "nomad-agent-ca.pem"))

        def answers():
            try:
                with connect(server.http_port) as plain, context.wrap_socket(
                        plain, server_hostname="localhost") as s:
                    s.sendall(GET.replace(HOST, HOST + b"Connection: close\r\n"))
                    return statuses(read_all(s, 5)) == [200]
            except OSError:
                return False
        processes.wait_until(lambda: "an answer with TLS\n" + server.tail(), answers, 30)
        return server

    def attack(self, attack):
        others = Others(self.servers)
        others.start()
        count, failures = Count(), []
        start = time.monotonic()
        try:
            attack(self, count)
        except (Failed, OSError) as failure:
            failures.append(str(failure) or repr(failure))
        spent = time.monotonic() - start
        others.is_over = True
        others.join(30)
        failures += self.judge(others)
        print("%-11s %8d %8d %8d %7.0f ms %6d MiB %6.1f s%s" % (
            attack.__name__, count.sent, count.refused, count.served, others.slowest * 1000, others.memory,
            spent, "  FAILED" if failures else ""), flush=True)
        for failure in failures:
            print("    " + failure)
        return not failures

    def judge(self, others):
        failures = ["%s ended with %s\n%s" % (s.name, s.process.returncode, s.tail())
                    for s in self.servers if s.process.poll() is not None]
        if failures:
            return failures
        if others.unanswered:
            failures.append("others were not answered %d of %d times: %s" % (
                len(others.unanswered), len(others.unanswered) + others.answered, others.unanswered[:3]))
        if others.slowest > ANSWER_SECONDS_MAX:
            failures.append("others waited %.1f s" % others.slowest)
        if others.memory > MEMORY_MEBIBYTES_MAX:
            failures.append("a server took %d MiB" % others.memory)
        leader = self.case.leader(self.servers)
        if leader is not self.target:
            failures.append("%s leads in place of %s" % (leader.name, self.target.name))
            self.target = leader
        return failures

    def end(self, is_fine):
        if is_fine:
            self.case.done()
        self.case.doCleanups()


def main():
    parser = argparse.ArgumentParser(description="the classic attacks on three real servers")
    parser.add_argument("--binary", default=".build/release/martlet")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--connections", type=int, default=None)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", action="store_true")
    options = processes.OPTIONS = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    attacks = [a for a in ATTACKS if not options.only or any(o in a.__name__ for o in options.only)]
    if not attacks:
        print("attack: no attack is called %s" % ", ".join(options.only))
        return 1
    print("seed %d" % options.seed)
    stand = Stand(options)
    failed = len(attacks)
    try:
        print("%-11s %8s %8s %8s %10s %10s %8s" % (
            "attack", "sent", "refused", "served", "slowest", "memory", "time"))
        failed = sum([0 if stand.attack(a) else 1 for a in attacks])
    finally:
        stand.end(failed == 0)
    print("attack: %d attacks, %d failed" % (len(attacks), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
