// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// What a disk holds: only writes that are complete.
struct Disk: Sendable {
    var hardState = HardState(term: Term(1), vote: nil)
    var entries = [RaftCore.foundingEntry(Scope.founders)]
    var commitHint = LogIndex.zero

    mutating func apply(_ write: Write) {
        precondition(write.resetTo == nil, "no snapshot is ever sent here: \(write)")
        if let state = write.hardState { hardState = state }
        if let index = write.truncateAfter { entries.removeAll { $0.index > index } }
        for entry in write.entries {
            precondition(entry.index.number == UInt64(entries.count + 1), "a gap: \(entry)")
            entries.append(entry)
        }
        commitHint = max(commitHint, write.commitHint)
    }

    var restored: Restored {
        Restored(
            hardState: hardState, snapshot: nil, entries: entries, previousIndex: .zero,
            previousTerm: .zero,
            commitHint: min(commitHint, LogIndex(UInt64(entries.count))))
    }
}

/// One real core with its disk and the writes under way, as one value.
struct LocalServer: Sendable {
    let id: ServerID
    var core: RaftCore
    var disk = Disk()
    /// Given to the disk and not complete, in order.
    var writes: [Write] = []
    /// Only distances matter, and only to the core.
    var now = Duration.zero

    /// Of confirmation, as last told to a follower: a leader tells it when it begins.
    private(set) var round: UInt64 = 0
    private let limits: Limits

    init(_ server: Int, in scope: Scope) {
        id = Scope.id(server)
        var limits = Limits()
        limits.appendEntriesMax = scope.appendEntriesMax
        self.limits = limits
        core = Self.start(id, from: disk, limits, at: .zero)
    }

    private static func start(
        _ id: ServerID, from disk: Disk, _ limits: Limits, at now: Duration
    ) -> RaftCore {
        RaftCore(
            id: id, timing: Scope.timing, limits: limits, seed: 1, restored: disk.restored, at: now)
    }

    /// What memory holds: the disk as it will be.
    var decided: Disk {
        var decided = disk
        for write in writes { decided.apply(write) }
        return decided
    }

    /// Equal for servers that will answer everything equally.
    var identity: LogicalState {
        var state = LogicalState()
        state.add(id)
        core.appendLogicalState(to: &state)
        state.add(disk.hardState)
        state.add(disk.entries) { $0.add($1) }
        state.add(disk.commitHint)
        state.add(writes) { state, write in
            state.add(optional: write.hardState) { $0.add($1) }
            state.add(optional: write.truncateAfter) { $0.add($1) }
            state.add(write.entries) { $0.add($1) }
            state.add(write.commitHint)
        }
        return state
    }

    mutating func input(_ input: Input, after delay: Duration = .zero) -> [Effect] {
        now += delay
        var effects: [Effect] = []
        core.step(input, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .persist(let write): writes.append(write)
            case .send(.appendRequest(let request), to: _): round = request.round
            default: break
            }
        }
        return effects
    }

    mutating func completeWrites(_ count: Int) -> [Effect] {
        let sequence = writes[count - 1].sequence
        for write in writes[..<count] { disk.apply(write) }
        writes.removeFirst(count)
        return input(.persisted(through: sequence))
    }

    /// The process ends, with the first `kept` of its writes on the disk, and starts again, silently.
    mutating func crash(kept: Int, fault: Fault?) -> [Effect] {
        for write in writes[..<kept] { disk.apply(write) }
        writes = []
        if fault == .forgottenVote { disk.hardState.vote = nil }
        core = Self.start(id, from: disk, limits, at: now)
        return []
    }
}
