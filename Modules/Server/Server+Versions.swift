// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletRaft
import MartletState

/// What servers of an older version do not understand is not put into a log that they read: they
/// would stop at it, or make of it what the others do not.
///
/// | peer protocol | brought                                                             |
/// |---------------|---------------------------------------------------------------------|
/// | 2             | commands of version 2, joint configurations, read indexes           |
/// | 3             | commands of version 3                                               |
/// | 4             | commands of version 4, whose a request is that is passed on         |
/// | 5             | commands of version 5, requests on a connection of their own, which   |
/// |               | trace a request belongs to                                          |
/// | 6             | commands of version 6, looks at evaluations for the leader              |
/// |               | (``LaneLender``)                                                    |
extension Server {
    private static let jointProtocol: UInt16 = 2

    /// The first server of the configuration that is not known to apply commands of this version.
    func serverThatCannotApply(_ version: UInt8) -> ServerID? {
        guard version > 1 else { return nil }
        return replica.outlook.configuration.members.first {
            !speaks($0.id, atLeast: UInt16(version))
        }?.id
    }

    func canEverybodyApply(_ version: UInt8) -> Bool { serverThatCannotApply(version) == nil }

    /// What who asks for a change is told while a server does not understand such changes.
    ///
    /// - Parameter what: what that server's version is without.
    func refusal(untilAllApply version: UInt8, without what: String) -> APIResponse? {
        guard let old = serverThatCannotApply(version) else { return nil }
        return .text(
            503,
            "server \(steward.name(of: old)) runs a version without \(what), or was not met yet: "
                + "upgrade it first")
    }

    /// With the bounds that every server knows.
    func command(_ command: ACLCommand) -> Command {
        .acl(command, bounds: canEverybodyApply(Command.largeVersion) ? .current : .first)
    }

    /// Changes who is in the cluster, as its leader; a joint configuration only if all can read it.
    func change(_ action: ConfigurationChange.Action) {
        if case .replace(let servers) = action,
            replica.outlook.configuration.needsJointState(toBecome: servers),
            let old = (replica.outlook.configuration.members + servers)
                .first(where: { !speaks($0.id, atLeast: Self.jointProtocol) })
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
        let needed = min(UInt16(Command.version), network.protocolMax)
        return network.agreedProtocol(with: joiner).map { $0 >= needed }
    }

    /// What was agreed with it decides; of a server that was not met yet, what it is known to run.
    private func speaks(_ server: ServerID, atLeast version: UInt16) -> Bool {
        if server == id { return version <= network.protocolMax }
        if let agreed = network.agreedProtocol(with: server) { return agreed >= version }
        if let info = network.members[server]?.info { return info.protocolMax >= version }
        return replica.state.server(server.description)?.version == options.version
    }
}
