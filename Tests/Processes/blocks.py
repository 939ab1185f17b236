#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every block of commands in README.md and docs/, as a reader would type it.

    blocks.py --binary PATH [--package FILE.deb] [--page NAME] [--list] [--verbose]

--package   what docs/operating/install.md installs (default: the newest in .build/package)
--list      the blocks that are not run, and why; nothing is started
--verbose   what each block prints

    ```sh            commands: they must succeed
    ```console       commands after "$ ", each with all that it prints; … stands for anything

A block that begins with a command and is neither is an error: nothing escapes. A comment on a line of
its own says what a page or the next block needs, and is not shown to readers:

    <!-- blocks: page, WHY -->          the page is not run, for this reason
    <!-- blocks: servers N acl -->      what runs when the page begins: N servers on loopback, s1 on the
                                        usual ports, s2 and s3 on 24646 and 34646 and the two above
    <!-- blocks: machines A B C -->     so many machines instead of one, at 10.0.0.11 and so on
    <!-- blocks: package -->            the page installs the package, and without it there is no program
    <!-- blocks: installed -->          the package is installed on every machine
    <!-- blocks: on A -->               the next block is typed on that machine
    <!-- blocks: skip, WHY -->          the next block is not run, for this reason
    <!-- blocks: exit N -->             the next block ends with this status
    <!-- blocks: before, COMMAND -->    what has to be done before the next block
    <!-- blocks: file PATH -->          the next block is the content of this file

A machine is a network, a process table and a root file system of its own (an overlay of this one, which
is thrown away), on one bridge; there, everybody is root. What a page starts ends with it. Without the
rights for that this says so and is fine. Python 3 standard library only.
"""
import argparse
import base64
import glob
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from stage import enter_namespaces, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = re.compile(
    r"^(\$ |sudo |martlet |curl |Tools/|Tests/|swift |systemctl |kill |source |apt|dpkg|promtool |docc |"
    r"python3 |\.build/|[A-Z_]+=\S*\$|cd |mkdir |cp |install |scp |chown |chmod |rm |mv |for |until )")
SECONDS = 60


class Block:
    def __init__(self, page, line, language, text, marks):
        self.page, self.line, self.language, self.text = page, line, language, text
        self.marks = marks

    @property
    def place(self):
        return "%s:%d" % (self.page, self.line)

    def mark(self, name):
        return [value for key, value in self.marks if key == name]


class Page:
    """The blocks of a file, and what it needs."""

    def __init__(self, path):
        self.name = os.path.relpath(path, ROOT)
        self.marks, self.blocks, self.errors = [], [], []
        with open(path, encoding="utf-8") as file:
            self.read(file.read().split("\n"))

    def mark(self, name):
        return next((value for key, value in self.marks if key == name), None)

    @property
    def needs_package(self):
        return self.mark("package") is not None or self.mark("installed") is not None

    def read(self, lines):
        marks, number = [], 0
        while number < len(lines):
            line = lines[number]
            found = re.match(r"\s*<!-- blocks: ([a-z]+),? ?(.*?) ?-->$", line)
            fence = re.match(r"( *)```(\w*)$", line)
            if found:
                key, value = found.groups()
                if key in ("page", "servers", "machines", "package", "installed"):
                    self.marks.append((key, value))
                elif key in ("on", "skip", "exit", "before", "file"):
                    marks.append((key, value))
                else:
                    self.errors.append("%s:%d: unknown mark %s" % (self.name, number + 1, key))
                number += 1
            elif fence:
                end = number + 1
                while end < len(lines) and lines[end].strip() != "```":
                    end += 1
                text = [text[len(fence.group(1)):] for text in lines[number + 1:end]]
                self.add(number + 1, fence.group(2), text, marks)
                marks, number = [], end + 1
            elif line.startswith("    ") and (number == 0 or not lines[number - 1].strip()):
                end = number
                while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                    end += 1
                self.add(number + 1, "", [text.strip() for text in lines[number:end]], marks)
                marks, number = [], end
            else:
                number += 1
        if marks:
            self.errors.append("%s: a mark without a block" % self.name)

    def add(self, line, language, text, marks):
        block = Block(self.name, line, language, "\n".join(text) + "\n", list(marks))
        if language in ("sh", "console") or block.mark("file"):
            self.blocks.append(block)
        elif language == "" and text and COMMAND.match(text[0]) and not self.mark("page"):
            self.errors.append(
                "%s: a block of commands: make it ```sh or ```console, so that it is run" % block.place)
        elif marks:
            self.errors.append("%s: a mark for a block that is not run" % block.place)


SYSTEMCTL = r"""#!/bin/bash
# What systemctl does to one unit, for a machine without systemd.
unit=/lib/systemd/system/martlet.service pid=/run/martlet.pid
running() { [ -f $pid ] && kill -0 "$(cat $pid)" 2>/dev/null; }
stop() { running || return 0; kill "$(cat $pid)"; while running; do sleep 0.05; done; }
start() {
    running && return 0
    install -d -o martlet -g martlet -m 700 /var/lib/martlet
    setsid runuser -u martlet -- $(sed -n 's/^ExecStart=//p' $unit) </dev/null >>/var/log/martlet.log 2>&1 &
    for _ in $(seq 200); do
        pgrep -u martlet -x martlet >$pid && (: <>/dev/tcp/127.0.0.1/4646) 2>/dev/null && return 0
        sleep 0.05
    done
    tail -5 /var/log/martlet.log; return 1
}
case $1 in
daemon-reload) ;;
enable) [ "$2" != --now ] || start ;;
start) start ;;
stop) stop ;;
disable) [ "$2" != --now ] || stop ;;
restart) stop; start ;;
reload) kill -HUP "$(cat $pid)" ;;
is-active | status) running && echo active ;;
*) echo "systemctl $1 is not known here"; exit 1 ;;
esac
"""


class Machine:
    """A shell on a machine of its own; it ends, with all that it started, when this is closed."""

    SETUP = r"""
set -e
mount -t tmpfs tmpfs "$1"; mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
root="$1/root"; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"; mount -t tmpfs tmpfs "$root/run"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/fast"; rm -f "$root/var/lib/man-db/auto-update"
mkdir -p "$root/root/page"; echo silent >"$root/root/.curlrc"; echo show-error >>"$root/root/.curlrc"; cp "$2" "$root/usr/bin/martlet"; chmod 755 "$root/usr/bin/martlet"
[ -z "$3" ] || cp "$3" "$root/root/page/"
cp "$1.systemctl" "$root/usr/local/bin/systemctl"; chmod 755 "$root/usr/local/bin/systemctl"
[ -x "$root/usr/bin/sudo" ] || { printf '#!/bin/sh\nexec "$@"\n' >"$root/usr/local/bin/sudo"; chmod 755 "$root/usr/local/bin/sudo"; }
ip link set lo up
cd "$root"; exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin TERM=dumb LANG=C.UTF-8 \
    /bin/bash --norc --noprofile
"""

    def __init__(self, folder, name, number, options):
        self.name, self.number = name, number
        path = os.path.join(folder, name)
        os.mkdir(path)
        with open(path + ".systemctl", "w") as file:
            file.write(SYSTEMCTL)
        package = options.package or ""
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
             "bash", "-c", self.SETUP, "machine", path, options.binary, package],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.log = b""
        status, output = self.type("cd /root/page; hostname() { echo %s; }; exec 2>&1; trap : INT" % name)
        if status != 0:
            raise OSError(output)

    @property
    def address(self):
        return "10.0.0.%d" % (10 + self.number)

    def connect(self):
        child = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True).stdout.split()[0]
        name = "martlet%d" % self.number
        run("ip", "-batch", "-", text="\n".join([
            "link add %s type veth peer name eth0 netns %s" % (name, child),
            "link set %s master martlet0 up" % name]) + "\n")
        run("nsenter", "--net=/proc/%s/ns/net" % child, "ip", "-batch", "-", text="\n".join([
            "addr add %s/24 dev eth0" % self.address, "link set eth0 up"]) + "\n")

    def type(self, commands, seconds=SECONDS):
        """(the status of the first command that failed or 0, what was printed)."""
        text = base64.b64encode(commands.encode()).decode()
        line = ("__status=0; trap '__status=$?' ERR; eval \"$(base64 -d <<<%s)\" </dev/null; trap - ERR; "
                "printf '\\n\\001%%d\\002\\n' $__status\n" % text)
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        output, deadline = b"", time.monotonic() + seconds
        while True:
            ended = re.search(rb"\n?\x01(\d+)\x02\n", output)
            if ended:
                return int(ended.group(1)), output[:ended.start()].decode(errors="replace")
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                return 255, output.decode(errors="replace") + "(no end)"
            output += part

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Run:
    """A page on its machines."""

    def __init__(self, page, options):
        self.page, self.options = page, options
        self.machines, self.failures, self.count = {}, [], 0

    def whole(self):
        folder = tempfile.mkdtemp(prefix="martlet-blocks-")
        names = (self.page.mark("machines") or "here").split()
        try:
            for number, name in enumerate(names, 1):
                self.machines[name] = Machine(folder, name, number, self.options)
            if len(names) > 1:
                subprocess.call(["ip", "link", "del", "martlet0"], stderr=subprocess.DEVNULL)
                run("ip", "-batch", "-", text="link add martlet0 type bridge\nlink set martlet0 up\n")
                for machine in self.machines.values():
                    machine.connect()
            self.first = self.machines[names[0]]
            for machine in self.machines.values():
                if self.page.needs_package:
                    self.do("rm /usr/bin/martlet", machine)
                if self.page.mark("installed") is not None:
                    self.do("dpkg -i martlet_*.deb; hash -r", machine)
            if self.page.mark("servers"):
                self.servers(*self.page.mark("servers").split())
            for block in self.page.blocks:
                self.block(block)
                if self.failures:
                    break
        finally:
            for machine in self.machines.values():
                machine.close()
            shutil.rmtree(folder, ignore_errors=True)

    def servers(self, count, *more):
        count = int(count)
        gossip = ["127.0.0.1:%d" % (first + 2) for first in (4646, 24646, 34646)[:count]]
        for n, first in enumerate((4646, 24646, 34646)[:count], 1):
            settings = {
                "name": "s%d" % n, "data_dir": "/var/lib/martlet-s%d" % n, "bind_addr": "127.0.0.1",
                "ports": {"http": first, "rpc": first + 1, "serf": first + 2},
                "acl": {"enabled": "acl" in more},
                "server": dict({
                    "enabled": True, "bootstrap_expect": count,
                    "server_join": {"retry_join": gossip, "retry_interval": "1s"}},
                    **({"encrypt": "fKiEsumNjOye7AzNUod/dptCb4Ut+aE09S1tOO78iao="} if "encrypt" in more else {}))}
            path = "/root/s%d.json" % n
            self.do("mkdir -p %s; cat >%s <<'END'\n%s\nEND\nmartlet agent -config=%s >/root/s%d.log 2>&1 &" % (
                settings["data_dir"], path, json.dumps(settings), path, n))
        wait = "martlet operator autopilot health" if "acl" not in more else "curl -sf 127.0.0.1:4646/readyz"
        self.do("until %s >/dev/null 2>&1; do sleep 0.1; done" % wait)

    def do(self, commands, machine=None):
        status, output = (machine or self.first).type(commands)
        if status != 0:
            raise AssertionError("%s: cannot prepare: %s\n%s" % (self.page.name, commands, output))

    def block(self, block):
        machine = self.machines[(block.mark("on") or [self.first.name])[0]]
        for command in block.mark("before"):
            self.do(command, machine)
        if block.mark("skip"):
            return
        self.count += 1
        if block.mark("file"):
            path = block.mark("file")[0]
            return self.do("mkdir -p $(dirname %s); cat >%s <<'END_OF_FILE'\n%sEND_OF_FILE" % (
                path, path, block.text), machine)
        expected = int((block.mark("exit") or ["0"])[0])
        if block.language == "console":
            return self.console(block, machine, expected)
        text = block.text
        if re.match(r"martlet agent\b", text):
            # It stays in its terminal: here, in the background until the page's end.
            port = (re.findall(r"-http-port=(\d+)", text) or ["4646"])[0]
            text = text.rstrip("\n") + " >>/root/agent.log 2>&1 &\n" + (
                "until curl -sf 127.0.0.1:%s/livez >/dev/null; do sleep 0.1; done" % port)
        status, output = machine.type(text)
        self.verdict(block, text, status, expected, output, None)

    def console(self, block, machine, expected):
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            while command.endswith("\\"):
                more, _, shown = shown.partition("\n")
                command += "\n" + more
            status, output = machine.type(command)
            self.verdict(block, command, status, expected, output, shown)

    def verdict(self, block, text, status, expected, output, shown):
        if self.options.verbose:
            print("%s\n%s%s" % (block.place, text, output))
        if status != expected:
            self.failures.append("%s: exit status %d instead of %d\n%s\n%s" % (
                block.place, status, expected, text, output[-2000:]))
        elif shown is not None and not matches(shown, output):
            self.failures.append("%s: prints something else\n%s\n%s\ninstead of\n%s" % (
                block.place, text, output[-2000:], shown))


def matches(shown, output):
    """Blanks count as one, and … stands for anything, also for lines."""
    def words(text):
        return " ".join(text.split())
    pattern = ".*".join(re.escape(part.strip()) for part in words(shown).split("…"))
    return re.fullmatch(pattern.replace(".*", " ?.* ?"), words(output)) is not None


def main():
    parser = argparse.ArgumentParser(description="the command blocks of the documentation")
    parser.add_argument("--binary", default=".build/release/martlet")
    parser.add_argument("--package")
    parser.add_argument("--page", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    made = sorted(glob.glob(os.path.join(ROOT, ".build/package/*.deb")), key=os.path.getmtime)
    options.package = os.path.abspath(options.package) if options.package else (made or [None])[-1]

    paths = [os.path.join(ROOT, "README.md")] + sorted(glob.glob(os.path.join(ROOT, "docs/**/*.md"), recursive=True))
    pages = [Page(path) for path in paths]
    errors = [error for page in pages for error in page.errors]
    for error in errors:
        print("error: " + error)
    pages = [page for page in pages if page.blocks or page.mark("page")]
    if options.list:
        for page in pages:
            if page.mark("page"):
                print("%s: %s" % (page.name, page.mark("page")))
            for block in page.blocks:
                for reason in block.mark("skip"):
                    print("%s: %s" % (block.place, reason))
        return 1 if errors else 0
    reason = enter_namespaces()
    if reason:
        print("blocks: skipped, no machines of their own are possible here: %s" % reason)
        return 1 if errors else 0

    count, failures = 0, []
    for page in pages:
        if page.mark("page") or (options.page and not any(name in page.name for name in options.page)):
            continue
        if page.needs_package and options.package is None:
            print("         %s: skipped, there is no package: Tools/package makes it" % page.name)
            continue
        start, run_ = time.monotonic(), Run(page, options)
        try:
            run_.whole()
        except OSError as error:
            print("blocks: skipped, no machine of its own is possible here: %s" % error)
            return 1 if errors else 0
        except AssertionError as error:
            run_.failures.append(str(error))
        count += run_.count
        failures += run_.failures
        print("%5.1f s  %-40s %d blocks%s" % (
            time.monotonic() - start, page.name, run_.count, "  FAILED" if run_.failures else ""))
    for failure in failures:
        print("error: " + failure)
    skipped = sum(bool(block.mark("skip")) for page in pages for block in page.blocks)
    print("blocks: %d run, %d failed, %d marked not to be run" % (count, len(failures), skipped))
    return 1 if failures or errors else 0


if __name__ == "__main__":
    sys.exit(main())
