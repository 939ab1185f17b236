# SPDX-License-Identifier: Apache-2.0
"""Where real servers run while they are abused: their processes, networks and disks.

With the rights for it the script moves into a network and a mount namespace of its own, so nothing
of the machine is touched and the kernel takes everything back with the last process. Each server
then has a network of its own, on one bridge:

    script, clients 10.77.0.254 ── bridge ─┬─ 10.77.0.1  first server
                                           ├─ 10.77.0.2  second
                                           └─ …

A server reaches another by a fixed neighbour entry. To lose its packets silently, and only in one
direction, the entry is given a hardware address that nobody has: no firewall is needed. Each data
folder may be a small file system: ext4 on a loop device, which can be filled and frozen, or a
tmpfs, which can be filled. Without the rights there is loopback and plain folders, and the reasons
are kept to be printed.
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from processes import Answer, free_ports, wait_until

INSIDE = "MARTLET_FAULTS_INSIDE"
NOBODY = "02:77:00:00:de:ad"
DISK_BYTES = 48 << 20


def run(*command, text=None):
    """Runs a command to its end; its output, or OSError with what it said."""
    try:
        done = subprocess.run(
            command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        raise OSError("%s does not end" % " ".join(command))
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(command), done.stdout.strip()[-300:]))
    return done.stdout


def enter_namespaces():
    """Starts this script again in namespaces of its own, where that is possible.

    Returns only if it is not, or if this is inside already: None then, or the reason.
    """
    if os.environ.get(INSIDE):
        return None
    reason = "no unshare(1)"
    if shutil.which("unshare"):
        plain = ["unshare", "--mount", "--propagation", "private"]
        check = ["true"]
        if shutil.which("ip"):
            plain, check = plain + ["--net"], ["ip", "link", "set", "lo", "up"]
        for command in (plain, plain + ["--user", "--map-root-user"]):
            try:
                run(*command, *check)
            except OSError as error:
                reason = str(error)
                continue
            environment = dict(os.environ, **{INSIDE: "1"})
            sys.stdout.flush()
            os.execvpe(command[0], command + [sys.executable] + sys.argv, environment)
    return reason


class Janitor:
    """A process that cleans up when the script is gone, however it went.

    It is told what there is; at the end of its input it thaws, kills by process id, unmounts and
    removes what is still there, in that order: a process that waits for a frozen disk cannot die.
    """

    def __init__(self):
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(writer)
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try:
                self.work(reader)
            finally:
                os._exit(0)
        os.close(reader)
        self.writer = writer

    def tell(self, sign, kind, what):
        os.write(self.writer, ("%s %s %s\n" % (sign, kind, what)).encode())

    def close(self):
        os.close(self.writer)
        os.waitpid(self.pid, 0)

    @staticmethod
    def work(reader):
        there = []
        with os.fdopen(reader) as lines:
            for line in lines:
                sign, kind, what = line.rstrip("\n").split(" ", 2)
                if sign == "+":
                    there.append((kind, what))
                elif (kind, what) in there:
                    there.remove((kind, what))
        for kind, what in there:
            if kind == "frozen":
                subprocess.call(["fsfreeze", "-u", what], stderr=subprocess.DEVNULL)
        for kind, what in there:
            if kind == "process":
                try:
                    os.kill(int(what), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        time.sleep(0.1 if any(kind == "process" for kind, _ in there) else 0)
        for kind, what in there:
            if kind == "mount":
                subprocess.call(["umount", "-l", what], stderr=subprocess.DEVNULL)
        for kind, what in there:
            if kind == "folder":
                shutil.rmtree(what, ignore_errors=True)


class Server:
    """One server: its process, its addresses, its folder and its log."""

    def __init__(self, stage, number):
        self.stage, self.number = stage, number
        self.name = "s%d" % number
        self.host = "127.0.0.1"
        self.ports = (4646, 4647, 4648)
        self.mount = os.path.join(stage.root, self.name)
        self.log = os.path.join(stage.root, self.name + ".log")
        self.config = os.path.join(stage.root, self.name + ".json")
        self.holder = None
        self.process = None
        self.lives = 0
        self.is_stopped = self.is_frozen = self.is_full = False
        # When it could not answer anybody: [begin, end] of each SIGSTOP.
        self.pauses = []

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def has_ended_itself(self):
        return self.process is not None and self.process.poll() is not None

    @property
    def life(self):
        return "%s.%d" % (self.name, self.lives)

    @property
    def peer_address(self):
        return "%s:%d" % (self.host, self.ports[1])

    def start(self):
        assert not self.is_alive, "started twice"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NOMAD_")}
        command = self.inside() + [self.stage.binary, "agent", "-config", self.config]
        self.lives += 1
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True)
        self.stage.janitor.tell("+", "process", self.process.pid)

    def inside(self):
        """What runs a command in this server's network."""
        return ["nsenter", "--net=/proc/%d/ns/net" % self.holder.pid] if self.holder else []

    def gone(self, seconds=30):
        """Waits for its end; returns the exit status."""
        status = self.process.wait(seconds)
        self.stage.janitor.tell("-", "process", self.process.pid)
        self.process = None
        self.resumed()
        return status

    def kill(self):
        """kill -9, and gone when this returns."""
        if self.is_alive:
            self.process.kill()
            self.gone()

    def terminate(self, seconds=60):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.gone(seconds)

    def stop(self):
        self.pauses.append([time.monotonic(), float("inf")])
        self.is_stopped = True
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.resumed()

    def resumed(self):
        if self.is_stopped:
            self.is_stopped = False
            self.pauses[-1][1] = time.monotonic()

    def paused_within(self, start, end):
        """For how long of this time it was stopped."""
        return sum(max(0, min(end, b) - max(start, a)) for a, b in list(self.pauses))

    def freeze(self):
        self.stage.janitor.tell("+", "frozen", self.mount)
        run("fsfreeze", "-f", self.mount)
        self.is_frozen = True

    def thaw(self):
        run("fsfreeze", "-u", self.mount)
        self.stage.janitor.tell("-", "frozen", self.mount)
        self.is_frozen = False

    def fill(self):
        """Takes all the space there is."""
        self.is_full = True
        with open(os.path.join(self.mount, "filler"), "wb", buffering=0) as filler:
            step = 1 << 20
            while step >= 512:
                try:
                    filler.write(b"\1" * step)
                    os.fsync(filler.fileno())
                except OSError:
                    step //= 2

    def free(self):
        os.unlink(os.path.join(self.mount, "filler"))
        self.is_full = False

    def tail(self, lines=20):
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def log_count(self, text):
        try:
            with open(self.log, errors="replace") as log:
                return sum(text in line for line in log)
        except OSError:
            return 0

    def connection(self, timeout):
        return http.client.HTTPConnection(self.host, self.ports[0], timeout=timeout)

    def request(self, method, path, body=None, timeout=2):
        """One request on its own connection; None when there is no answer."""
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body=body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def gauges(self):
        """Its metrics by name, without the prefix; None when it does not answer."""
        if not self.is_alive or self.is_stopped:
            return None
        answer = self.request("GET", "/v1/metrics")
        if answer is None or answer.status != 200:
            return None
        return {g["Name"].replace("nomad.", "", 1): g["Value"] for g in answer.json["Gauges"]}


class Stage:
    """A cluster, and what can be done to it. Close it in any case."""

    def __init__(self, binary, count, disk="folder", loopback_reason=None):
        """`disk`: folder, or small for a file system that can be filled, and frozen if possible."""
        self.binary = binary
        self.janitor = Janitor()
        self.root = tempfile.mkdtemp(prefix="martlet-faults-")
        self.janitor.tell("+", "folder", self.root)
        # What is not possible here, and why.
        self.missing = {}
        self.servers = [Server(self, n + 1) for n in range(count)]
        self.cuts = set()
        try:
            self.make_network(loopback_reason)
            self.make_disks(disk)
            self.configure()
        except BaseException:
            self.close(keep=False)
            raise

    def make_network(self, reason):
        if reason is None and not shutil.which("ip"):
            reason = "no ip(8): package iproute2"
        if reason is None:
            try:
                return self.make_bridge()
            except OSError as error:
                reason = str(error)
                for server in self.servers:
                    self.end_holder(server)
                    server.host = "127.0.0.1"
        self.missing["network"] = reason
        ports = free_ports(3 * len(self.servers))
        for n, server in enumerate(self.servers):
            server.ports = tuple(ports[3 * n:3 * n + 3])

    def make_bridge(self):
        # A stage before this one may have left it.
        subprocess.call(["ip", "link", "del", "martlet0"], stderr=subprocess.DEVNULL)
        run("ip", "-batch", "-", text="\n".join([
            "link set lo up", "link add martlet0 type bridge", "link set martlet0 up",
            "addr add 10.77.0.254/24 dev martlet0"]) + "\n")
        for server in self.servers:
            server.host = "10.77.0.%d" % server.number
            # It ends with its input, so with this script.
            server.holder = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, start_new_session=True)
            self.janitor.tell("+", "process", server.holder.pid)
            if server.holder.stdout.read(1) != b"\n":
                raise OSError("no network namespace for %s" % server.name)
            name = "martlet%d" % server.number
            run("ip", "-batch", "-", text="\n".join([
                "link add %s type veth peer name eth0 netns %d" % (name, server.holder.pid),
                "link set %s master martlet0 up" % name]) + "\n")
            lines = ["link set lo up", "link set eth0 address %s" % self.hardware(server),
                     "addr add %s/24 dev eth0" % server.host, "link set eth0 up"]
            lines += [self.neighbour(o, self.hardware(o)) for o in self.servers if o is not server]
            self.ip(server, lines)

    @staticmethod
    def hardware(server):
        return "02:77:00:00:00:%02x" % server.number

    @staticmethod
    def neighbour(server, hardware):
        return "neigh replace 10.77.0.%d lladdr %s dev eth0 nud permanent" % (server.number, hardware)

    @staticmethod
    def ip(server, lines):
        run(*server.inside(), "ip", "-batch", "-", text="\n".join(lines) + "\n")

    def end_holder(self, server):
        if server.holder:
            server.holder.kill()
            server.holder.wait()
            self.janitor.tell("-", "process", server.holder.pid)
            server.holder = None

    def cut(self, pairs):
        """From now on exactly these packets are lost: those from the first to the second."""
        pairs = set(pairs)
        for server in self.servers:
            lines = [
                self.neighbour(o, NOBODY if (server, o) in pairs else self.hardware(o))
                for o in self.servers if o is not server
                and ((server, o) in pairs) != ((server, o) in self.cuts)]
            if lines:
                self.ip(server, lines)
        self.cuts = pairs

    def make_disks(self, disk):
        for server in self.servers:
            os.mkdir(server.mount)
        if disk == "folder":
            self.missing["full"] = self.missing["freeze"] = "the data folders are plain ones here"
            return
        if os.environ.get(INSIDE) is None:
            self.missing["full"] = self.missing["freeze"] = self.missing.get("network", "no namespaces")
            return
        kinds = {"ext4": self.mount_ext4, "tmpfs": self.mount_tmpfs}
        for kind, mount in kinds.items():
            try:
                for server in self.servers:
                    mount(server)
                    self.janitor.tell("+", "mount", server.mount)
                break
            except OSError as error:
                for server in self.servers:
                    subprocess.call(["umount", server.mount], stderr=subprocess.DEVNULL)
                self.missing["freeze"] = "no ext4 on a loop device: %s" % error
                if kind == "tmpfs":
                    self.missing["full"] = str(error)
        if "freeze" not in self.missing and not shutil.which("fsfreeze"):
            self.missing["freeze"] = "no fsfreeze(8)"

    @staticmethod
    def mount_ext4(server):
        image = server.mount + ".img"
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^metadata_csum", image)
        run("mount", "-o", "loop", image, server.mount)

    @staticmethod
    def mount_tmpfs(server):
        run("mount", "-t", "tmpfs", "-o", "size=%d" % DISK_BYTES, "tmpfs", server.mount)

    def configure(self):
        joins = ["%s:%d" % (s.host, s.ports[2]) for s in self.servers]
        for server in self.servers:
            http_port, rpc_port, serf_port = server.ports
            with open(server.config, "w") as file:
                json.dump({
                    "name": server.name, "data_dir": os.path.join(server.mount, "data"),
                    "bind_addr": server.host,
                    "ports": {"http": http_port, "rpc": rpc_port, "serf": serf_port},
                    "limits": {"http_max_conns_per_client": 0},
                    "server": {
                        "enabled": True, "bootstrap_expect": len(self.servers),
                        "server_join": {"retry_join": joins, "retry_interval": "1s"}},
                }, file, indent=1)

    def leader(self):
        """The server that leads in the newest term, as far as they say; None without one."""
        told = [(g["raft.term"], s) for s in self.servers for g in [s.gauges()] if g and g["raft.is_leader"]]
        return max(told, key=lambda t: t[0])[1] if told else None

    def wait_leader(self, seconds=60):
        return wait_until("a leader", self.leader, seconds)

    def heal(self):
        """Takes back every fault: everything runs, is connected and has a disk."""
        for server in self.servers:
            if server.is_frozen:
                server.thaw()
            if server.is_full:
                server.free()
            if server.is_stopped and server.is_alive:
                server.resume()
        if self.cuts:
            self.cut([])
        for server in self.servers:
            if server.lives > 0 and not server.is_alive:
                server.start()

    def close(self, keep):
        for server in self.servers:
            if server.is_frozen:
                server.thaw()
        for server in self.servers:
            server.kill()
            self.end_holder(server)
        if keep:
            self.janitor.tell("-", "folder", self.root)
            print("logs kept: %s" % self.root)
            for server in self.servers:
                # The file systems end with the namespace: what was on them is copied out.
                shutil.copytree(
                    server.mount, server.mount + ".kept", ignore=shutil.ignore_patterns("filler", "lost+found"))
        self.janitor.close()
