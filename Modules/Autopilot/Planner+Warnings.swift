// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension PlannedRound {
    /// What an operator should know, of the configuration as it is.
    mutating func warn() {
        let voters = initial.voterCount
        if plan.isGated { add(.oldProtocol, Plan.gateText) }
        let minQuorum = view.configuration.minQuorum
        if minQuorum > UInt64(voters) {
            add(
                .minQuorumAboveVoters,
                "MinQuorum is \(minQuorum), and there are \(voters) voters: no clean-up")
        }
        if voters < votersExpected {
            add(
                .fewerVotersThanExpected,
                "\(voters) voter\(voters == 1 ? "" : "s"), and the cluster was made for "
                    + "\(votersExpected)")
        }
        // Both sides of an upgrade vote for a while.
        if voters > 0, voters % 2 == 0, plan.status == .idle || plan.status == .disabled {
            add(
                .evenVoters,
                "\(voters) voters tolerate no more failures than \(voters - 1) would")
        }
        warnOfVersions()
        warnOfZones()
    }

    /// What the cluster was made for; with zones one of each votes, whatever the number of servers.
    private var votersExpected: Int {
        guard view.configuration.enableRedundancyZones else { return view.bootstrapExpect }
        return min(view.bootstrapExpect, zoneCount)
    }

    private var zoneCount: Int { Set(initial.potential.map(\.zone)).count }

    private mutating func warnOfVersions() {
        let configuration = view.configuration
        guard !configuration.disableUpgradeMigration else { return }
        for server in initial.potential where server.isAlive && !server.hasReadableVersion {
            if server.versionText.isEmpty, configuration.enableCustomUpgrades {
                add(
                    .missingUpgradeVersion,
                    "\(server.name) has no upgrade_version: it counts as 0.0.0")
            } else {
                add(.unreadableVersion, "\(server.name) has no readable version: 0.0.0 instead")
            }
        }
    }

    private mutating func warnOfZones() {
        guard view.configuration.enableRedundancyZones else { return }
        for server in initial.potential where server.zone == .own(id: server.id) {
            add(.missingZone, "\(server.name) has no redundancy_zone: it is a zone of its own")
        }
        let zones = zoneCount
        if zones < 3 {
            add(.fewZones, "\(zones) redundancy zones: the loss of one may stop the cluster")
        }
    }

    private mutating func add(_ code: PlanWarning.Code, _ text: String) {
        plan.warnings.append(PlanWarning(code: code, text: text))
    }
}
