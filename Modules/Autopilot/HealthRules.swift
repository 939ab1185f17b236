// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension HealthTracker {
    /// The first rule that the server breaks; nil for a healthy one.
    package static func unhealthyReason(
        of server: ServerObservation, leader: LeaderView, configuration: AutopilotConfiguration
    ) -> UnhealthyReason? {
        guard leader.lastTerm > 0, leader.lastIndex > 0 else {
            return reason(.noLeaderState, .word("unknown"), .word("known"))
        }
        if let broken = gossipRule(server) { return broken }
        guard let broken = raftRule(server, leader: leader, configuration) else { return nil }
        return cause(of: broken, server, leader)
    }

    private static func gossipRule(_ server: ServerObservation) -> UnhealthyReason? {
        let code: UnhealthyCode
        switch server.serfStatus {
        case .alive, .leaving: return nil
        case .none: code = .gossipUnknown
        case .failed: code = .gossipFailed
        case .left: code = .gossipLeft
        }
        return reason(code, .word(server.serfStatus.rawValue), .word(SerfStatus.alive.rawValue))
    }

    private static func raftRule(
        _ server: ServerObservation, leader: LeaderView, _ configuration: AutopilotConfiguration
    ) -> UnhealthyReason? {
        if !server.isLeader {
            let threshold = configuration.lastContactThreshold.duration
            guard let contact = server.lastContact else {
                return reason(.neverContacted, .word("never"), .duration(threshold))
            }
            guard contact <= threshold else {
                return reason(.lastContact, .duration(contact), .duration(threshold))
            }
            if let age = server.sampleAge, age > sampleAgeMax {
                return reason(.statsStale, .duration(age), .duration(sampleAgeMax))
            }
        }
        guard server.lastTerm == leader.lastTerm else {
            return reason(.lastTerm, .count(server.lastTerm), .count(leader.lastTerm))
        }
        // What its disk does not take it cannot acknowledge, however well it answers.
        if let stall = diskStall(of: server, leader) { return stall }
        // A server may be ahead of what was sampled at the leader; neither side may overflow.
        guard server.lastIndex < leader.lastIndex else { return nil }
        let behind = leader.lastIndex - server.lastIndex
        guard behind > configuration.maxTrailingLogs else { return nil }
        return reason(.trailingLogs, .count(behind), .count(configuration.maxTrailingLogs))
    }

    /// A reason that explains the broken rule better than the rule itself, where there is one. The
    /// rules alone decide who is healthy.
    private static func cause(
        of broken: UnhealthyReason, _ server: ServerObservation, _ leader: LeaderView
    ) -> UnhealthyReason {
        if broken.code == .neverContacted { return broken }
        if server.isReceivingSnapshot {
            return reason(.installingSnapshot, .duration(.zero), .duration(snapshotGrace))
        }
        if broken.code != .lastTerm, let stall = diskStall(of: server, leader) { return stall }
        return broken
    }

    private static func diskStall(
        of server: ServerObservation, _ leader: LeaderView
    ) -> UnhealthyReason? {
        guard let waits = server.unwrittenFor, waits > leader.unwrittenMax else { return nil }
        // As exact as the answers that it is measured by.
        let (seconds, fraction) = waits.components
        let millisecond: Int64 = 1_000_000_000_000_000
        let seen = Duration(
            secondsComponent: seconds,
            attosecondsComponent: fraction / millisecond * millisecond)
        return reason(.diskStall, .duration(seen), .duration(leader.unwrittenMax))
    }

    private static func reason(
        _ code: UnhealthyCode, _ observed: HealthValue, _ threshold: HealthValue
    ) -> UnhealthyReason {
        UnhealthyReason(code: code, observed: observed, threshold: threshold)
    }
}
