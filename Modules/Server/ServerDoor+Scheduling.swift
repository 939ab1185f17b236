// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletState

/// What the scheduler works with, for hosts and tests that need no HTTP.
extension ServerDoor {
    /// Puts a command into the log, at the leader; followers do not pass it on. `completion` is called
    /// once, on the loop: with nil where it is not certain that it was applied.
    package func schedule(
        _ command: SchedulerCommand, completion: @escaping @Sendable (CommandResult?) -> Void
    ) {
        guard let server, server.canEverybodyApply(Command.schedulingVersion) else {
            return completion(nil)
        }
        server.replica.propose(Command.scheduling(command).encoded()) { outcome in
            guard case .applied(let result, _) = outcome else { return completion(nil) }
            completion(result)
        }
    }

    /// A node was heard of, at the leader: how long it may be silent from here on; nil elsewhere,
    /// and for one that is not known or down.
    package func heard(_ node: UniqueID) -> Duration? {
        guard let dispatcher = server?.dispatcher, dispatcher.isOn else { return nil }
        return dispatcher.heard(node)
    }

    /// As this server has applied it: nodes, jobs, evaluations, allocations and deployments.
    package var scheduling: SchedulerTables {
        server?.replica.state.scheduling ?? SchedulerTables()
    }
}
