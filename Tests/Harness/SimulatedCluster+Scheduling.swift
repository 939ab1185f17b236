// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletServer
import MartletSimulation
package import MartletState
import MartletTransport

/// Jobs and nodes without HTTP: commands go straight into the leader's log.
extension SimulatedCluster {
    /// One command at whoever leads; the world turns until it is answered.
    ///
    /// - Returns: nil where it is not certain that it was applied.
    @discardableResult
    package func schedule(
        _ command: SchedulerCommand, limit: Duration = .seconds(10)
    ) -> CommandResult? {
        guard let node = leader, let door = node.door else { return nil }
        let answer = UncheckedBox<CommandResult??>(value: nil)
        node.host.loop.enter {
            door.assumeIsolated { $0.schedule(command) { answer.value = .some($0) } }
        }
        _ = world.run(until: { answer.value != nil }, limit: limit)
        return answer.value ?? nil
    }

    /// Tries until it is certain: for commands that may be applied twice.
    @discardableResult
    package func scheduleSurely(
        _ command: SchedulerCommand, limit: Duration = .seconds(60)
    ) -> CommandResult? {
        let end = world.now + limit
        while world.now < end {
            if let result = schedule(command) { return result }
            world.run(for: .milliseconds(50))
        }
        return nil
    }

    /// What a server's state says; nil while it is down.
    package func tables(of node: Node) -> SchedulerTables? {
        guard let door = node.door, node.host.isRunning, !node.host.isPaused else { return nil }
        var seen: SchedulerTables?
        node.host.perform { seen = door.assumeIsolated { $0.scheduling } }
        return seen
    }

    /// That of whoever leads.
    package var tables: SchedulerTables? { leader.flatMap { tables(of: $0) } }

    /// Turns the world until the leader's tables are so.
    package func turn(
        limit: Duration = .seconds(60), until isSo: (SchedulerTables) -> Bool
    ) -> Bool {
        let end = world.now + limit
        while world.now < end {
            if let tables, isSo(tables) { return true }
            world.run(for: .milliseconds(20))
        }
        return false
    }

    /// These nodes are heard of at the leader.
    package func beat(_ ids: [UniqueID]) {
        guard let node = leader, let door = node.door else { return }
        node.host.perform { door.assumeIsolated { door in for id in ids { _ = door.heard(id) } } }
    }
}
