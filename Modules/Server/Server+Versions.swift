// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletRaft
import MartletState

/// What servers of an older version do not understand is not put into a log that they read: they
/// would stop at it, or make of it what the others do not.
///
/// One version brought peer protocol 2, commands of version 2 and joint configurations: who speaks the
/// one knows the others.
extension Server {
    private static let wideProtocol: UInt16 = 2

    /// The first server of the configuration that is not known to apply commands of this version.
    func serverThatCannotApply(_ version: UInt8) -> ServerID? {
        guard version > 1 else { return nil }
        return replica.core.configuration.members.first { !isCurrent($0.id) }?.id
    }

    /// Changes who is in the cluster, as its leader; a joint configuration only if all can read it.
    func change(_ action: ConfigurationChange.Action) {
        if case .replace(let servers) = action,
            replica.core.configuration.needsJointState(toBecome: servers),
            let old = (replica.core.configuration.members + servers)
                .first(where: { !isCurrent($0.id) })
        {
            logger.warning(
                "no membership change: a server is not known to read joint configurations",
                metadata: ["server": "\(steward.name(of: old.id))"])
            return
        }
        replica.change(action, ifConfigurationIndex: nil) { _ in }
    }

    /// Whether a server that is to join reads what the log may hold by then; nil before it was met.
    func canJoin(_ joiner: ServerID) -> Bool? {
        let needed = min(Self.wideProtocol, network.protocolMax)
        return network.agreedProtocol(with: joiner).map { $0 >= needed }
    }

    /// What was agreed with it decides; of a server that was not met yet, what it is known to run.
    private func isCurrent(_ server: ServerID) -> Bool {
        if server == id { return true }
        if let agreed = network.agreedProtocol(with: server) { return agreed >= Self.wideProtocol }
        let build =
            network.members[server]?.info.version
            ?? replica.state.server(server.description)?.version
        return build == options.version
    }
}
