// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletServer
import MartletSimulation
import MartletState

/// A state that an operator keeps.
struct SavedState {
    let bytes: [UInt8]
    /// Of the registers, in their order.
    let values: [UInt64]
}

extension Trial {
    /// nil where a server is down or has nothing yet.
    func save(at node: Node) -> SavedState? {
        guard let door = node.door, !node.isDown, !node.host.isPaused else { return nil }
        var bytes: [UInt8] = []
        node.host.perform { bytes = door.assumeIsolated { $0.stateBytes } }
        guard let state = try? State(decoding: bytes), let autopilot = state.autopilot,
            let scheduler = state.scheduler
        else { return nil }
        return SavedState(
            bytes: bytes,
            values: [autopilot.maxTrailingLogs, scheduler.nodeLimitForFeasibilityChecks])
    }

    /// At the leader, if there is one; one restore at a time.
    func restore(_ saved: SavedState) {
        guard !isRestoring, let leader, let door = leader.door else { return }
        isRestoring = true
        recorder.beginRestore()
        note("restoring \(saved.values) at \(leader.name)")
        let life = leader.host.lifeNumber
        let done = UncheckedBox(value: { [unowned self] (outcome: RestoreOutcome) in
            note("restore at \(leader.name): \(outcome)")
            endRestore(outcome, saved)
        })
        leader.host.perform {
            door.assumeIsolated { $0.restore(stateBytes: saved.bytes) { done.value($0) } }
        }
        restoringAt = (leader, life)
    }

    private func endRestore(_ outcome: RestoreOutcome, _ saved: SavedState) {
        guard isRestoring else { return }
        isRestoring = false
        switch outcome {
        case .restored: recorder.endRestore(saved.values)
        case .refused, .busy, .notLeader: recorder.endRestore(nil)
        case .unknown, .failed: recorder.loseTrack()
        }
    }

    /// Who crashed tells nobody what became of its restore.
    func endLostRestore() {
        guard isRestoring, let (node, life) = restoringAt,
            node.host.lifeNumber != life || node.isDown
        else { return }
        note("restore at \(node.name): nobody knows")
        isRestoring = false
        recorder.loseTrack()
    }
}
