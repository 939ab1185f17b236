// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// The servers' state machines: a list of the commands that were applied.
extension ScenarioWorld {
    mutating func apply(_ entry: Entry, at position: Int) {
        invariants.applied(entry, after: members[position].applied)
        if let core = members[position].core, core.status.role == .leader {
            let disks = Dictionary(
                members.map { ($0.id, $0.disk) }, uniquingKeysWith: { first, _ in first })
            invariants.acknowledged(entry, by: core, disks: disks)
        }
        members[position].applied = entry.index
        members[position].appliedTerm = entry.term
        switch entry.kind {
        case .command: members[position].state.append(entry.scenarioPayload)
        case .configuration:
            members[position].configuration = Configuration(encoded: entry.payload) ?? .empty
            members[position].configurationIndex = entry.index
        case .noop: break
        }
    }

    mutating func restore(_ metadata: SnapshotMetadata, at position: Int) {
        invariants.restored(metadata, over: members[position].applied)
        members[position].applied = metadata.lastIndex
        members[position].appliedTerm = metadata.lastTerm
        members[position].configuration = metadata.configuration
        members[position].configurationIndex = metadata.configurationIndex
        members[position].state = members[position].disk.snapshotState
    }

    /// A snapshot of the state machine as it is, durable at once.
    mutating func takeSnapshot(_ position: Int) throws(ScenarioProblem) {
        let core = try core(position)
        let member = members[position]
        guard member.applied > core.snapshotIndex else {
            throw ScenarioProblem("\(member.id.scenarioName) has nothing new for a snapshot")
        }
        let metadata = SnapshotMetadata(
            lastIndex: member.applied, lastTerm: member.appliedTerm,
            configuration: member.configuration, configurationIndex: member.configurationIndex,
            sizeBytes: UInt64(member.state.count), checksum: 1)
        members[position].disk.snapshot = metadata
        members[position].disk.snapshotState = member.state
        input(.snapshotTaken(metadata), to: position)
    }
}
