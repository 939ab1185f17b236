// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// FNV-1a, 64 bits, over a canonical text of what a plan depends on. The same in every process and
/// for every order of the servers, so that the history can tell whether two plans saw the same.
///
/// Of ages only what they decide is in it: whether a server is healthy, eligible, still heard by
/// Raft, and where it stands among those that could take its place. Otherwise every tick would differ.
struct InputsHash {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    static func hash(_ view: ClusterView, _ roster: Roster) -> UInt64 {
        var hash = InputsHash()
        hash.add(view.configuration)
        hash.add(view.baseline != nil)
        hash.add(UInt64(clamping: view.baseline ?? 0))
        hash.add(UInt64(clamping: view.bootstrapExpect))
        hash.add(view.configurationIndex)
        hash.add(view.leaderUptime < Planner.strangerPatience)
        let servers = view.servers.sorted { $0.id < $1.id }
        for server in servers { hash.add(server) }
        for member in roster.members { hash.add(member) }
        for member in roster.members.sorted(by: { $0.isPreferred(to: $1) }) { hash.add(member.id) }
        for outsider in view.outsiders.sorted(by: { $0.id < $1.id }) { hash.add(outsider) }
        return hash.state
    }

    private mutating func add(_ configuration: AutopilotConfiguration) {
        add(configuration.cleanupDeadServers)
        add(configuration.minQuorum)
        add(UInt64(bitPattern: configuration.serverStabilizationTime.nanoseconds))
        add(UInt64(bitPattern: configuration.lastContactThreshold.nanoseconds))
        add(configuration.maxTrailingLogs)
        add(configuration.enableRedundancyZones)
        add(configuration.disableUpgradeMigration)
        add(configuration.enableCustomUpgrades)
    }

    private mutating func add(_ server: ServerObservation) {
        add(server.id)
        add(server.address)
        add(server.advertisedAddress ?? "")
        add(server.zone)
        add(server.version)
        add(server.upgradeVersion)
        add(server.serfStatus.rawValue)
        add(server.isLeader)
        add(server.isVoter)
        add(server.isReadReplica)
        add(server.hasOldProtocol)
    }

    private mutating func add(_ member: Member) {
        add(member.isHealthy)
        add(member.isEligible)
        add(member.isMaturing)
        add(member.isHeardByRaft)
        add(member.isReceivingSnapshot)
        add(member.isExpectedBack)
    }

    private mutating func add(_ outsider: OutsiderObservation) {
        for text in [
            outsider.id, outsider.address, outsider.serfStatus.rawValue, outsider.refusal ?? "",
        ] {
            add(text)
        }
        add(outsider.hasOldProtocol)
        add(outsider.heardAfterRemoval.map { $0 < Planner.rejoinDelay } ?? false)
    }

    private mutating func add(byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    private mutating func add(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            add(byte: UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private mutating func add(_ flag: Bool) { add(byte: flag ? 1 : 0) }

    /// Ended by a byte that UTF-8 never has, so that two texts are never one longer one.
    private mutating func add(_ text: String) {
        let bytes = text.utf8.span
        for position in bytes.indices { add(byte: bytes[position]) }
        add(byte: 0xFF)
    }
}
