// SPDX-License-Identifier: Apache-2.0
//
// Benchmarks: `swift run -c release bench <name>`. Side by side figures are measured by hand and
// recorded; nothing here gates.
import MartletRaft

/// Three cores in one process, with a network and disks that take no time: what the core itself costs.
struct RaftCoreBenchmark {
    var entriesTotal = 2_000_000
    struct Delivery {
        let input: Input
        let position: Int
    }

    static let payload = [UInt8](repeating: 7, count: 256)

    var cores: [RaftCore]
    var queue: [Delivery] = []
    var effects: [Effect] = []
    var committed = 0
    var steps = 0
    var now = Duration.zero

    init() {
        let ids = (1...3).map { ServerID(high: 0, low: UInt64($0)) }
        let founders = Configuration(
            servers: ids.map { Configuration.Server(id: $0, address: "", role: .voter) })
        let restored = Restored(
            hardState: HardState(term: Term(1), vote: nil), snapshot: nil,
            entries: [RaftCore.foundingEntry(founders)], previousIndex: .zero,
            previousTerm: .zero, commitHint: .zero)
        cores = ids.map {
            RaftCore(
                id: $0, timing: .scaled(by: 1), limits: Limits(), seed: $0.low,
                restored: restored, at: .zero)
        }
    }

    mutating func step(_ input: Input, _ position: Int) {
        steps += 1
        effects.removeAll(keepingCapacity: true)
        cores[position].step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .persist(let write):
                queue.append(
                    Delivery(input: .persisted(through: write.sequence), position: position))
            case .send(let message, let server):
                let source = cores[position].id
                queue.append(
                    Delivery(
                        input: .received(message, from: source), position: Int(server.low) - 1))
            case .committed(let entries):
                if position == 0 { committed += entries.count }
            default:
                break
            }
        }
    }

    mutating func settle() {
        var position = 0
        while position < queue.count {
            step(queue[position].input, queue[position].position)
            position += 1
        }
        queue.removeAll(keepingCapacity: true)
    }

    mutating func snapshot(_ position: Int) {
        let core = cores[position]
        let metadata = SnapshotMetadata(
            lastIndex: core.commitIndex, lastTerm: core.lastTerm,
            configuration: core.configuration, configurationIndex: core.configurationIndex,
            sizeBytes: 0, checksum: 0)
        step(.snapshotTaken(metadata), position)
    }

    mutating func run(batch: Int) -> Double {
        step(.campaignRequested, 0)
        settle()
        precondition(cores[0].status.role == .leader, "no leader: \(cores[0].status)")
        committed = 0
        steps = 0
        let commands = [[UInt8]](repeating: Self.payload, count: batch)
        let start = ContinuousClock.now
        var sinceSnapshot = 0
        while committed < entriesTotal {
            now += .microseconds(10)
            step(.proposed(commands), 0)
            settle()
            sinceSnapshot += batch
            if sinceSnapshot >= 100_000 {
                for position in cores.indices { snapshot(position) }
                sinceSnapshot = 0
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return Double(committed) / seconds
    }
}

/// - Parameter batches: Some small sizes if empty.
func runRaftCore(_ batches: [Int], entriesTotal: Int?) {
    print("three cores, entries of 256 bytes, instant network and storage")
    for batch in batches.isEmpty ? [1, 8, 64, 512] : batches {
        var benchmark = RaftCoreBenchmark()
        if let entriesTotal { benchmark.entriesTotal = entriesTotal }
        let rate = benchmark.run(batch: batch)
        let stepsPerBatch = benchmark.steps * batch / benchmark.committed
        print("batch \(batch): \(Int(rate)) committed entries/s, \(stepsPerBatch) steps a batch")
    }
}

// Few entries of one batch size are for counting instructions.
let arguments = CommandLine.arguments.dropFirst()
let numbers = arguments.dropFirst().compactMap { Int($0) }
switch arguments.first {
case "raft-core": runRaftCore(Array(numbers.prefix(1)), entriesTotal: numbers.dropFirst().first)
case "access": runAccess(policies: numbers.first ?? 8)
default: print("usage: bench raft-core [BATCH [ENTRIES]] | access [POLICIES]")
}
