// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletServer
import MartletSimulation
import MartletState

/// A state that an operator keeps.
final class SavedState {
    let bytes: [UInt8]
    /// Of the registers, in their order.
    let values: [UInt64]
    /// Where it was restored already, by name.
    var takers: [String] = []

    init(bytes: [UInt8], values: [UInt64]) {
        self.bytes = bytes
        self.values = values
    }

    func wasTaken(to node: SimulatedCluster.Node) -> Bool { takers.contains(node.name) }
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
        let saved = SavedState(
            bytes: bytes,
            values: [autopilot.maxTrailingLogs, scheduler.nodeLimitForFeasibilityChecks])
        lastSaved = saved
        return saved
    }

    /// At those that take themselves for leaders, once each.
    func restore(_ saved: SavedState, unless known: Node) {
        for node in nodes where node !== known && !saved.wasTaken(to: node) {
            guard cluster.glance(at: node)?.status.role == .leader else { continue }
            saved.takers.append(node.name)
            restore(saved, at: node)
        }
    }

    /// What is in force while it is under way?
    func lookAtRestore() {
        guard let leader else { return }
        Schedule(self).rush(
            .read(isStale: false), at: [leader], from: .zero, until: .milliseconds(16),
            every: .milliseconds(1))
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
        let bytes = saved.bytes
        node.host.perform {
            door.assumeIsolated { $0.restore(stateBytes: bytes) { done.value($0) } }
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
