// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// One change that Autopilot would make.
package struct AutopilotAction: Equatable, Sendable, JSONWritable {
    /// Such as `promote`.
    package var action: String
    /// The new one, where the change is about an address.
    package var address: String?
    package var id: String
    package var rule: String
    package var text: String

    package init(action: String, address: String?, id: String, rule: String, text: String) {
        self.action = action
        self.address = address
        self.id = id
        self.rule = rule
        self.text = text
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Action", action)
        if let address { writer.member("Address", address) }
        writer.member("ID", id)
        writer.member("Rule", rule)
        writer.member("Text", text)
        writer.endObject()
    }
}

/// The answer of `/v1/operator/autopilot/plan`: what would happen, and nothing does.
package struct AutopilotPlan: Equatable, Sendable, JSONWritable {
    /// What was assumed instead of what is so.
    package struct Assumed: Equatable, Sendable, JSONWritable {
        /// nil: the one in force.
        package var configuration: AutopilotConfiguration?
        /// Ids, as are those that leave.
        package var failed: [String]
        package var leaving: [String]

        package init(
            configuration: AutopilotConfiguration? = nil, failed: [String] = [],
            leaving: [String] = []
        ) {
            self.configuration = configuration
            self.failed = failed
            self.leaving = leaving
        }

        package func write(to writer: inout JSONWriter) {
            writer.beginObject()
            if let configuration { writer.member("Configuration", configuration) }
            writer.member("Failed", failed)
            writer.member("Leaving", leaving)
            writer.endObject()
        }
    }

    /// One reconcile round, then one pass of clean-up.
    package var actions: [AutopilotAction]
    package var assumed: Assumed
    package var configurationIndex: UInt64
    /// At the moment when the assumption becomes true.
    package var failureTolerance: Int
    /// 16 hexadecimal digits; the history shows the same for a plan that was applied.
    package var inputsHash: String
    package var optimisticFailureTolerance: Int
    /// A majority of the voters is healthy then.
    package var quorumSurvives: Bool
    package var refused: [AutopilotNotice]
    /// Rounds until nothing is left to do, as things stand.
    package var rounds: Int
    /// Nothing stands in ``unsafe``.
    package var isSafe: Bool { unsafe.isEmpty }
    /// After those rounds.
    package var settledFailureTolerance: Int
    package var settledVoters: [String]
    package var status: String
    package var targetVersion: String?
    /// What would be dangerous.
    package var unsafe: [AutopilotNotice]
    package var wantedVoters: [String]
    package var warnings: [AutopilotNotice]

    package init(
        assumed: Assumed, configurationIndex: UInt64, inputsHash: String, quorumSurvives: Bool,
        status: String
    ) {
        self.assumed = assumed
        self.configurationIndex = configurationIndex
        self.inputsHash = inputsHash
        self.quorumSurvives = quorumSurvives
        self.status = status
        actions = []
        failureTolerance = 0
        optimisticFailureTolerance = 0
        refused = []
        rounds = 0
        settledFailureTolerance = 0
        settledVoters = []
        unsafe = []
        wantedVoters = []
        warnings = []
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Actions", actions)
        writer.member("Assumed", assumed)
        writer.member("ConfigurationIndex", configurationIndex)
        writer.member("FailureTolerance", Int64(failureTolerance))
        writer.member("InputsHash", inputsHash)
        writer.member("OptimisticFailureTolerance", Int64(optimisticFailureTolerance))
        writer.member("QuorumSurvives", quorumSurvives)
        writer.member("Refused", refused)
        writer.member("Rounds", Int64(rounds))
        writer.member("Safe", isSafe)
        writer.member("SettledFailureTolerance", Int64(settledFailureTolerance))
        writer.member("SettledVoters", settledVoters)
        writer.member("Status", status)
        if let targetVersion { writer.member("TargetVersion", targetVersion) }
        writer.member("Unsafe", unsafe)
        writer.member("WantedVoters", wantedVoters)
        writer.member("Warnings", warnings)
        writer.endObject()
    }
}
