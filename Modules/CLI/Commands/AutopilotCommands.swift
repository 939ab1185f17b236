// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletJSON

/// `operator autopilot …`: the configuration. What it sees and plans is in ``AutopilotReports``.
enum AutopilotCommands {
    static let all =
        [
            Command(
                "operator autopilot get-config", "shows Autopilot's configuration",
                flags: [Commands.stale] + Reading.flags, run: getConfiguration),
            Command(
                "operator autopilot set-config", "changes Autopilot's configuration",
                detail: "Changes the settings that are given and leaves the others as they are. "
                    + "Nothing is written when nothing would change, or when somebody else has "
                    + "changed the configuration meanwhile.",
                flags: settings.map(\.flag) + [Commands.dryRun], run: setConfiguration),
        ] + AutopilotReports.all

    /// In the order in which they are shown.
    private static let settings: [Setting<AutopilotConfiguration>] = [
        .truth(
            "cleanup-dead-servers", "CleanupDeadServers", \.cleanupDeadServers,
            "Whether servers that failed are taken out of the Raft configuration."),
        .span(
            "last-contact-threshold", "LastContactThreshold", \.lastContactThreshold,
            "A server that the leader has not heard for longer is unhealthy."),
        .count(
            "max-trailing-logs", "MaxTrailingLogs", \.maxTrailingLogs,
            "A server whose log is more entries behind the leader's is unhealthy."),
        .count(
            "min-quorum", "MinQuorum", \.minQuorum,
            "Clean-up never leaves fewer voters than this."),
        .span(
            "server-stabilization-time", "ServerStabilizationTime", \.serverStabilizationTime,
            "How long a new server must be healthy before it votes."),
        .truth(
            "enable-redundancy-zones", "EnableRedundancyZones", \.enableRedundancyZones,
            "Whether one server of each zone votes, and the others stand by."),
        .truth(
            "disable-upgrade-migration", "DisableUpgradeMigration", \.disableUpgradeMigration,
            "Whether servers of a newer version vote at once, instead of all of them together."),
        .truth(
            "enable-custom-upgrades", "EnableCustomUpgrades", \.enableCustomUpgrades,
            "Whether upgrades go by the version that the operator gives to servers."),
    ]

    private static let path = "/v1/operator/autopilot/configuration"

    private static func read(
        _ invocation: Invocation, query: [(String, String)] = [], failing: String
    ) throws(CLIFailure) -> (Answer, AutopilotConfiguration) {
        let answer = try invocation.answer(path, query: query, failing: failing)
        do throws(APIError) {
            var configuration = try AutopilotConfiguration.decode(from: answer.node)
            configuration.createIndex = answer.count("CreateIndex") ?? 0
            configuration.modifyIndex = answer.count("ModifyIndex") ?? 0
            return (answer, configuration)
        } catch {
            throw answer.wrong(error.message)
        }
    }

    private static let getConfiguration: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let (answer, configuration) = try read(
            invocation, query: invocation.values.isOn("stale") ? [("stale", "")] : [],
            failing: "Error querying Autopilot configuration")
        try invocation.show(answer) {
            var facts = Facts(isAligned: false)
            for setting in settings { facts.add(setting.title, setting.show(configuration)) }
            return facts.text(invocation.style)
        }
        return .fine
    }

    private static let setConfiguration: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkGiven(settings, example: "-max-trailing-logs=500")
        let (_, present) = try read(
            invocation, failing: "Error querying for Autopilot configuration")
        guard let wanted = invocation.changed(present, by: settings) else { return .fine }
        let answer = try invocation.answer(
            .put, path, query: [("cas", "\(present.modifyIndex)")],
            body: JSONWriter.encode(wanted) + [0x0a],
            failing: "Error setting Autopilot configuration")
        guard case .bool(true) = answer.node.value else {
            throw CLIFailure(
                "Configuration could not be atomically updated: somebody else has changed it; "
                    + "look at it and try again", .refused)
        }
        invocation.line("Configuration updated!")
        return .fine
    }
}
