// SPDX-License-Identifier: Apache-2.0

/// What a line of a scenario can begin with.
enum ScenarioVerb: String, CaseIterable, Sendable {
    // Who is there.
    case limits, options, cluster, server, leader
    // Inputs of one server.
    case tick, campaign, propose, change, read, transfer, snapshot, unreachable, inject
    case readHere = "read-here"
    case connectionLost = "connection-lost"
    // The network.
    case deliver, drop, duplicate, reverse, hold, release, cut, heal
    // Disks and processes.
    case persist, stall, unstall, crash, restart, wipe, damage, pause, resume
    case diskLatency = "disk-latency"
    case setTerm = "set-term"
    case setConfiguration = "set-config"
    // Time.
    case wait, settle, run, await, mark
    // What must be so.
    case expect

    /// What is right, for a line that is wrong.
    var usage: String {
        switch self {
        case .limits:
            "limits [inflight=n] [uncommitted=bytes] [entry=bytes] [append=bytes]"
                + " [append-entries=n] [trailing=entries] [unwritten=bytes],"
                + " before cluster"
        case .options:
            "options [leases=yes] [drift=percent] [observes=yes], before cluster;"
                + " options A priority=n"
        case .cluster: "cluster A B C [nonvoters=D,E] [spares=F]"
        case .server:
            "server A [log=1,1,2x3] [term=n] [vote=B] [commit=n] [snapshot=index/term]"
        case .leader: "leader A"
        case .tick: "tick A"
        case .campaign: "campaign A"
        case .propose: "propose A word ..., or propose A count=n [size=bytes]"
        case .change:
            "change A add|promote|demote|remove B [if=index], or"
                + " change A replace B,C [nonvoters=D] [if=index]"
        case .read, .readHere: "\(rawValue) A id ..."
        case .transfer: "transfer A B"
        case .snapshot: "snapshot A"
        case .unreachable: "unreachable A B (A is told that B did not get everything)"
        case .inject:
            "inject A->B pre-vote|vote|pre-vote-answer|vote-answer|append|append-answer|timeout-now"
                + "|snapshot [name=value ...]"
        case .connectionLost: "connection-lost A B (A sees the connection from B end)"
        case .deliver, .drop, .duplicate, .reverse:
            "\(rawValue) [A->B | A-> | ->B] [kind] [first|last|n]"
        case .hold, .release: "\(rawValue) A->B ... (or A-> or ->B)"
        case .cut: "cut A ... or A->B ... (a server: both ways)"
        case .heal: "heal [A ... or A->B ...]"
        case .persist: "persist A [n]"
        case .stall, .unstall, .restart, .wipe, .damage, .pause, .resume: "\(rawValue) A ..."
        case .crash: "crash A ... [keep=n]"
        case .setTerm: "set-term A n (of a server that is down: what an older version did)"
        case .setConfiguration:
            "set-config A B,C (of a server that is down: what an operator does after a lost quorum)"
        case .diskLatency: "disk-latency A 10ms [..5s]"
        case .wait: "wait 10ms"
        case .settle: "settle [n] [seed=n]"
        case .run: "run 2s"
        case .mark: "mark"
        case .await: "await 2s <expectation>"
        case .expect:
            "expect leader A|any|none; expect same A B ...; expect A name=value ...;"
                + " expect disk A name=value ...; expect progress A B name=value ...;"
                + " expect sent A->B kind =n; expect waiting A->B kind =n; expect elapsed<=2s"
        }
    }
}

/// Something in a line that cannot be; its place is known to who reads the line.
struct ScenarioProblem: Error {
    var message: String

    init(_ message: String) { self.message = message }
}
