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

    /// At the leader, if there is one, whatever else is being restored there or elsewhere.
    func restore(_ saved: SavedState) {
        guard let leader else { return }
        restore(saved, at: leader)
    }

    func restore(_ saved: SavedState, at node: Node) {
        guard let door = node.door, !node.isDown, !node.host.isPaused else { return }
        let number = recorder.beginRestore(of: saved.values)
        note("restore \(number): \(saved.values) at \(node.name)")
        restores.append((number, node, node.host.lifeNumber))
        let done = UncheckedBox(value: { [unowned self] (outcome: RestoreOutcome) in
            note("restore \(number) at \(node.name): \(outcome)")
            endRestore(number, outcome)
        })
        node.host.perform {
            door.assumeIsolated { $0.restore(stateBytes: saved.bytes) { done.value($0) } }
        }
    }

    private func endRestore(_ number: Int, _ outcome: RestoreOutcome) {
        restores.removeAll { $0.number == number }
        switch outcome {
        case .restored(let index): recorder.endRestore(number, .written(version: index))
        case .refused, .busy, .notLeader: recorder.endRestore(number, nil)
        case .unknown, .failed: recorder.endRestore(number, .unknown)
        }
    }

    /// Who crashed tells nobody what became of its restores.
    func endLostRestores() {
        for (number, node, life) in restores where node.host.lifeNumber != life || node.isDown {
            note("restore \(number) at \(node.name): nobody knows")
            endRestore(number, .unknown)
        }
    }
}
