// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// What no plan may do, whichever rule asks for it (`autopilot.md`, section 2.3).
struct Guards {
    let configuration: AutopilotConfiguration

    /// nil if `server` may lose its vote.
    func refusalToDemote(_ server: Member, in roster: Roster) -> (RefusalReason, text: String)? {
        if server.isLeader { return (.isLeader, "G1: it leads; leadership is transferred first") }
        let voters = max(roster.voterCount - 1, 0)
        let healthy = roster.healthyVoterCount - (server.isHealthy ? 1 : 0)
        guard healthy >= voters / 2 + 1 else {
            return (.quorum, "G2: \(healthy) of \(voters) voters would be healthy: no majority")
        }
        let after = Roster.tolerance(healthy: healthy, of: voters)
        if server.isHealthy, roster.failureTolerance >= 1, after == 0 {
            return (.tolerance, "G3: it is healthy, and no failure would be tolerated without it")
        }
        guard UInt64(voters) >= configuration.minQuorum else {
            return (.minQuorum, "G4: \(voters) voters would be fewer than MinQuorum")
        }
        return nil
    }

    /// nil if the clean-up may take `server` out.
    ///
    /// - Parameter budget: how many more voters may go in this pass.
    func refusalToRemove(
        _ server: Member, from roster: Roster, budget: Int
    ) -> (RefusalReason, text: String)? {
        if server.isLeader { return (.isLeader, "G7: it leads") }
        if server.isReceivingSnapshot {
            return (.installingSnapshot, "it is installing a snapshot")
        }
        if server.isExpectedBack {
            return (
                .stoppedInOrder,
                "it was stopped in good order: it has \(GoDuration(Planner.stopPatience)) to come "
                    + "back"
            )
        }
        if server.isHeardByRaft {
            return (.raftContact, "Raft still hears it, whatever gossip says")
        }
        if let refusal = refusalForZone(server, in: roster) { return refusal }
        if server.isVoter { return refusalForVoter(in: roster, budget: budget) }
        let potential = roster.members.count { $0.isVoter || !$0.isReadReplica } - 1
        if !server.isReadReplica, UInt64(max(potential, 0)) < configuration.minQuorum {
            return (.minQuorum, "\(potential) servers that could vote are fewer than MinQuorum")
        }
        return nil
    }

    private func refusalForVoter(
        in roster: Roster, budget: Int
    ) -> (RefusalReason, text: String)? {
        let voters = max(roster.voterCount - 1, 0)
        if UInt64(voters) < configuration.minQuorum {
            return (.minQuorum, "\(voters) voters would be fewer than MinQuorum")
        }
        if budget < 1 {
            return (.majority, "half of the voters or more would go in one pass")
        }
        return nil
    }

    /// The last member is the memory of a zone: without it nobody would know that one is missing.
    private func refusalForZone(
        _ server: Member, in roster: Roster
    ) -> (RefusalReason, text: String)? {
        guard configuration.enableRedundancyZones, !server.isReadReplica,
            case .named(let zone) = server.zone,
            roster.potential.count(where: { $0.zone == server.zone }) == 1
        else { return nil }
        return (.lastOfZone, "G7: it is the last server of zone \(zone)")
    }
}
