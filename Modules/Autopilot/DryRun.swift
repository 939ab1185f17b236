// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What is assumed instead of what is so.
package struct Assumption: Equatable, Sendable {
    /// nil: the one in force.
    package var configuration: AutopilotConfiguration?
    /// Servers that have failed, and servers that have left for good.
    package var failed: [String] = []
    package var leaving: [String] = []

    package init() {}
}

/// What would happen, and what would be dangerous.
package struct DryRun: Equatable, Sendable {
    package enum Danger: String, Equatable, Sendable {
        /// No majority of the voters would be healthy.
        case quorum
        /// The next failure would stop the cluster.
        case tolerance
        /// Leadership would move, or be lost.
        case leader
        case lastOfZone = "last-of-zone"
        /// The configuration does not have such a server.
        case unknownServer = "unknown-server"
    }

    package struct Unsafe: Equatable, Sendable {
        package var danger: Danger
        package var id: String?
        package var text: String

        package init(danger: Danger, id: String? = nil, text: String) {
            self.danger = danger
            self.id = id
            self.text = text
        }
    }

    package var assumption: Assumption
    /// The first round.
    package var plan: Plan
    /// A majority of the voters is healthy at the moment when the assumption becomes true.
    package var quorumSurvives: Bool
    /// At that moment, and when no round has anything left to do.
    package var failureTolerance: Int
    package var settledFailureTolerance: Int
    /// Ids, sorted.
    package var settledVoters: [String]
    package var rounds: Int
    package var unsafe: [Unsafe]
}
