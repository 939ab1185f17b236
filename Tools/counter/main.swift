// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// One server: the core, what its disk holds, and the state machine, which is a number.
struct Node {
    var core: RaftCore
    var disk: Restored
    var total = 0

    init(_ id: ServerID, _ disk: Restored, at now: Duration) {
        self.disk = disk
        core = RaftCore(
            id: id, timing: .scaled(by: 1), limits: Limits(), seed: id.low, restored: disk, at: now)
    }
}

/// Three of them in one process. What is under way (writes, messages) waits in one queue.
struct Counter {
    var nodes: [Node]
    var queue: [(input: Input, to: Int)] = []
    var now = Duration.zero

    init() {
        let ids = (1...3).map { ServerID(high: 0, low: $0) }
        let founding = RaftCore.foundingEntry(
            Configuration(servers: ids.map { .init(id: $0, address: "", role: .voter) }))
        var disk = Restored.empty
        disk.hardState = HardState(term: Term(1), vote: nil)
        disk.entries = [founding]
        nodes = ids.map { Node($0, disk, at: .zero) }
    }

    var leader: Int? { nodes.firstIndex { $0.core.status.role == .leader } }

    mutating func step(_ input: Input, at position: Int) {
        var effects: [Effect] = []
        nodes[position].core.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .persist(let write):  // A real disk is slow: this input comes when it has synced.
                nodes[position].disk.apply(write)
                queue.append((.persisted(through: write.sequence), to: position))
            case .send(let message, let peer):
                let sender = nodes[position].core.id
                queue.append((.received(message, from: sender), to: Int(peer.low) - 1))
            case .committed(let entries):
                for entry in entries where entry.kind == .command {
                    nodes[position].total += Int(entry.payload[0])
                }
            default: break  // Answers, news, and snapshots, which this counter does without.
            }
        }
    }

    /// Everything under way arrives; then the next deadline comes.
    mutating func run(until isDone: (Counter) -> Bool) {
        while !isDone(self) {
            while !queue.isEmpty {
                let (input, position) = queue.removeFirst()
                step(input, at: position)
            }
            now = nodes.compactMap(\.core.deadline).min() ?? now
            for position in nodes.indices { step(.ticked, at: position) }
        }
    }
}

extension Restored {
    mutating func apply(_ write: Write) {
        if let state = write.hardState { hardState = state }
        if let index = write.truncateAfter { entries.removeAll { $0.index > index } }
        entries += write.entries
        commitHint = write.commitHint
    }
}

var counter = Counter()
counter.run { $0.leader != nil }
if let leader = counter.leader { counter.step(.proposed([[1], [2], [39]]), at: leader) }
counter.run { $0.nodes.allSatisfy { $0.total == 42 } }
print("42 on all three, led by server \((counter.leader ?? 0) + 1)")

// A server that lost its memory reads its disk, and catches up with what others committed.
counter.nodes[0] = Node(counter.nodes[0].core.id, counter.nodes[0].disk, at: counter.now)
counter.run { $0.nodes[0].total == 42 }
print("42 again after a restart of server 1")
