# SPDX-License-Identifier: Apache-2.0
"""What clients did to one register, and whether a single copy of it could have answered so.

Each configuration of the server is a register: a value, which no two writes share here, and its
ModifyIndex, which is the version. Versions give the order of the writes, so linearizability needs
no search. Writes take effect in that order, each as early as it may: after it was sent, after the
write before it, and after every read of the version before it was sent. The history is good if no
operation is then answered before its turn. Taking the earliest moment is never worse than taking a
later one, so the answer is exact in both directions.

Two kinds of operations need more:

- a write that was acknowledged without its version and that nobody read ("loose") goes into the
  last gap between versions that its answer allows, where it delays the fewest others;
- versions that a check-and-set made stand right behind the version they name: no gap is there.

One thing is lenient: a loose write, or one of unknown outcome, may explain more than one refused
check-and-set.
"""
import random

NEVER = float("inf")
BEFORE = float("-inf")


class Operation:
    """One request of a client. Times are monotonic seconds of one clock.

    kind      read, stale, write, cas
    outcome   ok        answered; for a cas: it was written
              differs   a check-and-set that met another version
              failed    certainly not done
              unknown   may have been done, may be done later
    value     what was read or was to be written; index: its version, None when not told
    expected  the version that a cas named; only one that its client has been told
    life      names the process that answered; None when several may have
    """

    __slots__ = ("kind", "client", "server", "start", "end", "outcome", "value", "index",
                 "expected", "life", "note")

    def __init__(self, kind, start, end, outcome, value=None, index=None, expected=None,
                 client=0, server="", life=None, note=""):
        self.kind, self.start, self.end, self.outcome = kind, start, end, outcome
        self.value, self.index, self.expected = value, index, expected
        self.client, self.server, self.life, self.note = client, server, life, note

    def __repr__(self):
        return "[%.4f to %.4f] client %s at %s: %s value=%s index=%s expected=%s %s %s" % (
            self.start, self.end, self.client, self.server, self.kind, self.value, self.index,
            self.expected, self.outcome, self.note)


class Version:
    """A write that took effect, and the default reads that saw it."""

    def __init__(self, index, write):
        self.index, self.write = index, write
        self.reads = []
        self.moment = BEFORE

    @property
    def expected(self):
        return self.write.expected if self.write is not None and self.write.kind == "cas" else None

    @property
    def start(self):
        return BEFORE if self.write is None else self.write.start

    @property
    def end(self):
        """Its answer; an unknown one may come at any time."""
        if self.write is None:
            return BEFORE
        return self.write.end if self.write.outcome == "ok" else NEVER


def check(operations, initial):
    """What is wrong with a history, as lines; none when it is linearizable.

    `initial` is (value, index) at the beginning.
    """
    problems, versions, loose = arrange(operations, initial)
    if problems:
        return problems
    problems += place(versions, loose)
    if problems:
        return problems
    return check_differing(operations, versions, loose) + check_stale(operations, versions)


def arrange(operations, initial):
    """The versions in their order, and the loose writes."""
    problems = []
    writes = {}
    for o in operations:
        if o.kind in ("write", "cas"):
            if o.value in writes or o.value == initial[0]:
                raise ValueError("two writes of one value: %s" % o)
            writes[o.value] = o
    values = {initial[1]: initial[0]}
    indexes = {initial[0]: initial[1]}
    for o in operations:
        if o.index is None or o.outcome != "ok":
            continue
        if values.setdefault(o.index, o.value) != o.value:
            problems.append("index %d has value %s, and here another: %s" % (o.index, values[o.index], o))
        elif indexes.setdefault(o.value, o.index) != o.index:
            problems.append("value %s has index %d, and here another: %s" % (o.value, indexes[o.value], o))
        elif o.value not in writes and o.value != initial[0]:
            problems.append("nobody wrote this: %s" % o)
        elif o.value in writes and writes[o.value].outcome in ("failed", "differs"):
            problems.append("this was certainly not written: %s, but: %s" % (writes[o.value], o))
    if problems:
        return problems, [], []

    versions = {}
    for index, value in values.items():
        versions[index] = Version(index, writes.get(value))
    for o in operations:
        if o.kind == "read" and o.outcome == "ok":
            versions[o.index].reads.append(o)
    loose = []
    order = sorted(versions.values(), key=lambda v: v.index)
    if order[0].index != initial[1]:
        problems.append("a version before the first: %d" % order[0].index)
    hidden = {}
    for o in operations:
        if o.outcome == "ok" and o.value not in indexes:
            if o.kind == "write":
                loose.append(o)
            elif o.kind == "cas":
                # Its version is not known, but its place is.
                if o.expected not in versions or o.expected in hidden:
                    problems.append("a check-and-set that cannot have succeeded: %s" % o)
                hidden[o.expected] = Version(None, o)
    chain = []
    for version in order:
        if version.expected is not None and (not chain or chain[-1].index != version.expected):
            problems.append("a check-and-set succeeded over another write: %s" % version.write)
        chain.append(version)
        if version.index in hidden:
            chain.append(hidden[version.index])
    return problems, chain, loose


def place(versions, loose):
    """Gives each version its earliest moment."""
    blocks = []
    for version in versions:
        if version.expected is None:
            blocks.append([])
        blocks[-1].append(version)
    waiting = sorted(loose, key=lambda o: o.end)
    position, after, cause = 0, BEFORE, None
    for number, block in enumerate(blocks):
        while True:
            problems, end, why = walk(block, after, cause)
            moved = False
            while position < len(waiting) and waiting[position].end < end:
                one = waiting[position]
                position += 1
                if number == 0:
                    problems.append("acknowledged, and nobody sees it: %s, because of: %s" % (one, why))
                elif one.start > after:
                    after, cause, moved = one.start, one, True
            if not moved:
                break
        if problems:
            return problems
        after, cause = end, why
    return []


def walk(block, after, cause):
    problems = []
    for version in block:
        if version.start > after:
            after, cause = version.start, version.write
        version.moment = after
        if version.write is not None and after > version.end:
            problems.append("too late for %s, because of: %s" % (version.write, cause))
        latest = None
        for read in version.reads:
            if read.end < after:
                problems.append("too late for %s, because of: %s" % (read, cause))
            if read.start > after and (latest is None or read.start > latest.start):
                latest = read
        if latest is not None:
            after, cause = latest.start, latest
    return problems, after, cause


def check_differing(operations, versions, loose):
    """A refused check-and-set needs another version before it was answered."""
    problems = []
    places = {v.index: i for i, v in enumerate(versions) if v.index is not None}
    known = {v.write.value for v in versions if v.write is not None}
    maybe = loose + [
        o for o in operations
        if o.kind in ("write", "cas") and o.outcome == "unknown" and o.value not in known]
    for o in operations:
        if o.kind != "cas" or o.outcome != "differs" or o.expected not in places:
            continue
        place = places[o.expected]
        if place + 1 < len(versions) and versions[place + 1].moment <= o.end:
            continue
        version = versions[place]
        free = max([version.moment] + [r.start for r in version.reads])
        if not any(
                max(free, m.start) <= min(o.end, m.end if m.outcome == "ok" else NEVER)
                and m.expected in (None, o.expected)
                and (place + 1 == len(versions) or versions[place + 1].expected != o.expected)
                for m in maybe):
            problems.append("refused although the version was the one named: %s" % o)
    return problems


def check_stale(operations, versions):
    """A stale answer is one that was true, and one process does not go back."""
    problems = []
    moments = {v.index: v.start for v in versions if v.index is not None}
    seen = {}
    for o in sorted((o for o in operations if o.kind == "stale" and o.outcome == "ok"), key=lambda o: o.start):
        if moments[o.index] > o.end:
            problems.append("read before it was written: %s" % o)
        if o.life is None:
            continue
        before = seen.get((o.client, o.life))
        if before is not None and before.index > o.index:
            problems.append("one server went back: %s, then: %s" % (before, o))
        seen[o.client, o.life] = o
    return problems


# MARK: The checker's own test

def search(operations, initial):
    """The same question answered by trying every order; for short histories of default reads."""
    known = {o.value for o in operations if o.index is not None}
    todo = [
        o for o in operations
        if o.kind != "stale" and o.outcome in ("ok", "differs", "unknown")
        and (o.kind != "read" or o.outcome == "ok")]
    indexes = {o.value: o.index for o in operations if o.index is not None}
    must = [not (o.outcome == "unknown" and o.value not in known) for o in todo]
    seen = set()

    def end(i):
        return NEVER if todo[i].outcome == "unknown" else todo[i].end

    def go(left, current, last):
        if not any(must[i] for i in left):
            return True
        if (left, current, last) in seen:
            return False
        seen.add((left, current, last))
        limit = min(end(i) for i in left)
        for i in left:
            o = todo[i]
            if o.start > limit:
                continue
            now, newest = current, last
            if o.kind == "read":
                if o.index != current:
                    continue
            elif o.outcome == "differs":
                if current == o.expected:
                    continue
            else:
                if o.kind == "cas" and current != o.expected:
                    continue
                index = indexes.get(o.value)
                if index is not None and index <= last:
                    continue
                now = index if index is not None else "hidden %s" % o.value
                newest = index if index is not None else last
            if go(left - {i}, now, newest):
                return True
        return False

    return go(frozenset(range(len(todo))), initial[1], initial[1])


def invented(dice):
    """A history of a real register, mostly; sometimes one of its answers is changed."""
    operations, told, indexes = [], [1], {}
    moment, current, index = 0.0, 1, 1
    for value in range(100, 100 + dice.randint(2, 7)):
        moment += dice.random()
        start, end = moment - dice.random() * 2, moment + dice.random() * 2
        kind = dice.choice(["read", "read", "write", "cas"])
        o = Operation(kind, start, end, "ok", value=value)
        known = [n for n, when in indexes.items() if when < start] + [1]
        if kind == "read":
            o.index = current
        elif kind == "cas":
            o.expected = dice.choice(known)
        if kind != "read" and (kind == "write" or o.expected == current):
            index += dice.randint(1, 3)
            current = index
            if dice.random() < 0.6:
                o.index = current
            if dice.random() < 0.2:
                o.outcome, o.index = "unknown", None
            told.append(current)
            o.note = current
        elif kind == "cas":
            o.outcome = "differs"
        operations.append(o)
        for o in operations:
            if o.index is not None and o.outcome == "ok":
                indexes[o.index] = min(o.end, indexes.get(o.index, NEVER))
    # What each version holds, for the reads.
    values = {o.note: o.value for o in operations if o.note != ""}
    values[1] = 1
    if dice.random() < 0.6:
        o = dice.choice(operations)
        change = dice.random()
        if change < 0.5 and o.kind == "read":
            o.index = dice.choice(told)
        elif change < 0.7 and o.kind == "cas" and o.outcome == "differs":
            o.outcome = "ok"
        elif change < 0.8 and o.kind == "cas" and o.outcome == "ok" and o.index is None:
            o.outcome = "differs"
        else:
            shift = dice.uniform(-3, 3)
            o.start, o.end = o.start + shift, o.end + shift
    for o in operations:
        if o.kind == "read":
            o.value = values[o.index]
    seen = {o.value for o in operations if o.kind == "read"}
    for o in operations:
        # The checker learns the version of a write from those who read it; so does the search.
        if o.kind != "read" and o.value in seen and o.outcome == "ok":
            o.index = o.note or None
    told_when = {}
    for o in operations:
        if o.index is not None and o.outcome == "ok":
            told_when[o.index] = min(o.end, told_when.get(o.index, NEVER))
    if any(o.expected not in (None, 1) and told_when.get(o.expected, NEVER) >= o.start for o in operations):
        return None
    if any(o.kind == "cas" and o.outcome == "differs" and o.value in seen for o in operations):
        return None
    return operations


def self_test(rounds=20000, seed=1):
    """Hand-made histories, then invented ones against the search. Returns problems."""
    O, failures, names = Operation, [], []

    def expect(name, is_good, operations):
        names.append(name)
        problems = check(operations, (1, 1))
        if bool(problems) == is_good:
            failures.append("%s: %s" % (name, problems or "nothing was found"))

    w5 = O("write", 0, 1, "ok", 50, 5)
    expect("a read of the last write", True, [w5, O("read", 2, 3, "ok", 50, 5)])
    expect("a read of what was before", False, [w5, O("read", 2, 3, "ok", 1, 1)])
    expect("a read during the write, either", True, [w5, O("read", .5, .6, "ok", 1, 1), O("read", .7, .8, "ok", 50, 5)])
    expect("two reads in the wrong order", False, [w5, O("read", .5, .6, "ok", 50, 5), O("read", .7, .8, "ok", 1, 1)])
    expect("a read of the future", False, [O("read", -2, -1, "ok", 50, 5), w5])
    expect("an unknown write that came later", True, [
        O("write", 0, 1, "unknown", 50), O("read", 2, 3, "ok", 1, 1), O("read", 4, 5, "ok", 50, 5)])
    expect("a failed write that came", False, [O("write", 0, 1, "failed", 50), O("read", 4, 5, "ok", 50, 5)])
    expect("a write that came twice", False, [w5, O("read", 2, 3, "ok", 50, 7)])
    expect("two values of one version", False, [w5, O("write", 2, 3, "ok", 60, 5)])
    expect("a value out of nowhere", False, [O("read", 2, 3, "ok", 77, 7)])
    expect("indexes against the clock", False, [w5, O("write", 2, 3, "ok", 60, 4)])
    expect("an acknowledged write that is lost", False, [
        O("write", 0, 1, "ok", 50), O("read", 2, 3, "ok", 1, 1)])
    expect("one that was overwritten", True, [
        O("write", 0, 1, "ok", 50), O("write", .5, 2, "ok", 60, 6), O("read", 2, 3, "ok", 60, 6)])
    expect("a loose write between two reads of one version", False, [
        w5, O("read", 1.5, 2, "ok", 50, 5), O("write", 3, 4, "ok", 60), O("read", 5, 6, "ok", 50, 5)])
    expect("check-and-set", True, [w5, O("cas", 2, 3, "ok", 60, 6, 5), O("cas", 2, 3, "differs", 61, None, 5)])
    expect("two winners", False, [w5, O("cas", 2, 3, "ok", 60, None, 5), O("cas", 2, 3, "ok", 61, None, 5)])
    expect("a winner over another write", False, [
        w5, O("write", 2, 3, "ok", 60, 6), O("cas", 2, 3, "ok", 61, 7, 5)])
    expect("a loose write inside a check-and-set", False, [
        w5, O("cas", 2, 6, "ok", 60, 6, 5), O("write", 3, 3.5, "ok", 61),
        O("read", 2.1, 2.9, "ok", 60, 6), O("read", 4, 5, "ok", 60, 6)])
    expect("a loser without a winner", False, [w5, O("cas", 2, 3, "differs", 61, None, 5)])
    expect("a loser to an unknown one", True, [
        w5, O("write", 2, 3, "unknown", 70), O("cas", 2, 3, "differs", 61, None, 5)])
    expect("a stale read of what was", True, [w5, O("stale", 2, 3, "ok", 1, 1)])
    expect("a stale read of what is not yet", False, [w5, O("stale", -2, -1, "ok", 50, 5)])
    expect("one process goes back", False, [
        w5, O("stale", 2, 3, "ok", 50, 5, life="s1.1"), O("stale", 4, 5, "ok", 1, 1, life="s1.1")])
    expect("another process may", True, [
        w5, O("stale", 2, 3, "ok", 50, 5, life="s1.1"), O("stale", 4, 5, "ok", 1, 1, life="s2.1")])

    dice = random.Random(seed)
    count = {True: 0, False: 0}
    for number in range(rounds):
        operations = invented(dice)
        if operations is None:
            continue
        good = search(operations, (1, 1))
        found = not check(operations, (1, 1))
        count[good] += 1
        if good != found:
            failures.append("history %d: search says %s, check says %s:\n%s" % (
                number, good, check(operations, (1, 1)), "\n".join("    %s" % o for o in operations)))
            break
    print("checker: %d histories by hand; %d good and %d bad ones invented and compared with a search" % (
        len(names), count[True], count[False]))
    if min(count.values()) < rounds / 20:
        failures.append("too few of one kind: %s" % count)
    return failures
