// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

/// What nodes have told of their allocations and is not in the log yet.
struct NodeUpdates {
    struct Waiting {
        let call: Call
        let done: (LeadOutcome) -> Void
    }

    /// How long the first waits for others.
    static let gathering: Duration = .milliseconds(50)
    /// Of one entry of the log, but for a single request that tells more: it is applied in one turn.
    private static let bytesMax = 128 << 10
    private static let updatesMax = 1024

    private(set) var updates: [AllocationUpdate] = []
    private(set) var waiting: [Waiting] = []
    private var bytes = 0

    /// Of the requests that wait.
    var count: Int { waiting.count }

    /// What they take in the log at most, with the evaluations of jobs of which an instance has failed.
    static func sizeBytes(of updates: [AllocationUpdate], in tables: SchedulerTables) -> Int {
        let failed = Set(
            updates.lazy.filter { $0.clientStatus == .failed }
                .compactMap { tables.allocation($0.id)?.value.jobKey })
        return updates.reduce(commandBytes) { $0 + $1.logBytes }
            + failed.reduce(0) { $0 + Evaluation.logBytes(of: $1) }
    }

    /// Of a command, but for what is in it.
    private static let commandBytes = 32

    func hasRoom(for count: Int, bytes sizeBytes: Int) -> Bool {
        bytes + sizeBytes <= Self.bytesMax && updates.count + count <= Self.updatesMax
    }

    mutating func add(
        _ new: [AllocationUpdate], bytes sizeBytes: Int, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        bytes += sizeBytes
        updates += new
        waiting.append(Waiting(call: call, done: done))
    }

    /// All of it, which is forgotten here.
    mutating func take() -> NodeUpdates {
        let gathered = self
        self = NodeUpdates()
        return gathered
    }
}
