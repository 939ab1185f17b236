// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletServer
import MartletSimulation

/// How much clients ask.
package enum TrialLoad: String, Sendable {
    /// Two or three of them, some twelve operations in a simulated second: most of a seed's time
    /// goes to the servers and to what happens to them.
    case sparse
    /// Three to eight, which ask more than twice as often.
    case dense

    fileprivate var clients: ClosedRange<Int> { self == .sparse ? 2...3 : 3...8 }

    /// The longest pause of a client, in milliseconds.
    fileprivate var pauses: [Int64] {
        self == .sparse ? [120, 300, 700, 1_600] : [20, 60, 150, 400]
    }
}

/// What one trial's cluster and clients are like, drawn from the seed: small limits in many
/// combinations, so that snapshots, compaction, full windows and conflicts are common.
struct TrialShape {
    let servers: Int
    let spares: Int
    let clients: Int
    let snapshotEntries: UInt64
    let limits: Limits
    /// In a share of the seeds all reads of leaders are by lease; clocks keep to the bound then.
    let isLeasing: Bool
    /// In a share of the seeds a majority is lost for good at the end, and the rest recovered.
    let isLosingQuorum: Bool
    /// In a share of the seeds each server has a priority of its own.
    private let hasPriorities: Bool
    /// In a share of the seeds some servers begin as an older version would.
    private let isMixed: Bool
    let pace: ClientPace
    /// In a share of the seeds disks differ, so that no two servers write in the same order.
    let laneLatencies: [ClosedRange<Duration>?]
    private let seed: UInt64

    static let serversMax = 7
    /// Peer protocol of this version.
    static let newestProtocol: UInt16 = 6

    /// - Parameter servers: how many found the cluster; nil to have it drawn.
    init(seed: UInt64, servers: Int?, clients: Int?, load: TrialLoad) {
        // Another stream of numbers than the world's and the plan's.
        var generator = SplitMix64(seed: seed ^ 0x7368_6170_6521_2121)
        self.seed = generator.next()
        let drawn = [3, 3, 4, 5, 5, 7][Int.random(in: 0..<6, using: &generator)]
        self.servers = servers ?? drawn
        spares = max(0, min(2, Self.serversMax - self.servers))
        let drawnClients = Int.random(in: load.clients, using: &generator)
        self.clients = clients ?? drawnClients
        let isCompacting = Int.random(in: 0..<4, using: &generator) == 0
        snapshotEntries = UInt64.random(in: isCompacting ? 4...10 : 8...60, using: &generator)
        limits = Self.limits(isCompacting, &generator)
        isLeasing = Int.random(in: 0..<5, using: &generator) == 0
        hasPriorities = Int.random(in: 0..<4, using: &generator) == 0
        isMixed = Int.random(in: 0..<4, using: &generator) == 0
        isLosingQuorum = Int.random(in: 0..<8, using: &generator) == 0
        pace = ClientPace(load, &generator)
        let isUneven = Int.random(in: 0..<3, using: &generator) == 0
        laneLatencies = (0..<Self.serversMax).map { _ in
            let most = [1, 3, 10, 40][Int.random(in: 0..<4, using: &generator)] as Int64
            return isUneven ? .microseconds(most * 250)...(.milliseconds(most)) : nil
        }
    }

    /// How much faster or slower than the world's a clock may run: with leases no two may differ by
    /// more than they are told.
    var clockFactorMax: Double { isLeasing ? 1.04 : 2 }

    private static func limits(_ isCompacting: Bool, _ generator: inout SplitMix64) -> Limits {
        var limits = Limits()
        limits.trailingEntries = UInt64.random(in: 0...(isCompacting ? 2 : 30), using: &generator)
        // In a share of the seeds entries go one by one.
        let isSingle = Int.random(in: 0..<5, using: &generator) == 0
        if Bool.random(using: &generator) || isSingle {
            limits.appendEntriesMax = isSingle ? 1 : Int.random(in: 1...16, using: &generator)
        }
        if Bool.random(using: &generator) || isSingle {
            limits.inflightMessagesMax = isSingle ? 1 : Int.random(in: 1...8, using: &generator)
        }
        if Bool.random(using: &generator) {
            limits.appendBytesMax = Int.random(in: 200...4_000, using: &generator)
            limits.inflightBytesMax = limits.appendBytesMax * 4
        }
        return limits
    }

    /// - Parameter position: of the server, from 0.
    func configure(_ options: inout ServerOptions, at position: Int) {
        var generator = SplitMix64(seed: seed &+ UInt64(position) &* 104_729)
        options.snapshotEntries = snapshotEntries
        options.raftLimits = limits
        options.autopilot.cleanupDeadServers = false
        options.autopilot.serverStabilizationTime = .seconds(1)
        options.raftOptions.leaseReads = isLeasing
        let priority = UInt8.random(in: 0...Options.priorityMax, using: &generator)
        if hasPriorities { options.raftOptions.priority = priority }
        let isOld = Bool.random(using: &generator)
        if isMixed, isOld { options.peerProtocolMax = 1 }
        // Most apply what is committed in several turns.
        let applyBytes = [1, 300, 3_000, options.applyBytes]
        options.applyBytes = applyBytes[Int.random(in: 0..<4, using: &generator)]
    }
}

/// How fast clients ask, and how long they wait.
struct ClientPace {
    /// Between an answer and the next question, in milliseconds.
    let pause: ClosedRange<Int64>
    /// Now and then a client thinks for longer than that.
    let rest: ClosedRange<Int64> = 200...2_000
    /// One question in so many is followed by a rest.
    let restInterval: Int
    let timeout: Duration

    init(_ load: TrialLoad, _ generator: inout SplitMix64) {
        let most = load.pauses[Int.random(in: 0..<4, using: &generator)]
        pause = 1...most
        restInterval = Int.random(in: 10...60, using: &generator)
        // The longest is longer than a server keeps any request waiting.
        timeout = .milliseconds(
            [500, 1_500, 8_000][Int.random(in: 0..<3, using: &generator)] as Int64)
    }
}
