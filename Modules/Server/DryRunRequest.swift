// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletHTTP
import MartletJSON

/// What `GET /v1/operator/autopilot/plan` is to assume:
///
/// | parameter      | meaning                                                               |
/// |----------------|-----------------------------------------------------------------------|
/// | `leaving`      | a server that is about to leave: id, name or address; may be repeated |
/// | `failed`       | a server that is about to fail; may be repeated                       |
/// | `MinQuorum`, … | a field of the autopilot configuration, by its name                   |
struct DryRunRequest {
    var leaving: [String]
    var failed: [String]
    /// Field and its text.
    private var fields: [(name: String, text: String)] = []

    private static let serversMax = 64
    private static let durations = ["LastContactThreshold", "ServerStabilizationTime"]
    private static let others = [
        "CleanupDeadServers", "MaxTrailingLogs", "MinQuorum", "EnableRedundancyZones",
        "DisableUpgradeMigration", "EnableCustomUpgrades",
    ]

    /// - Throws: 400 for a value that the configuration's endpoint would refuse, too.
    init(_ query: Query) throws(APIError) {
        leaving = query.all("leaving").filter { !$0.isEmpty }
        failed = query.all("failed").filter { !$0.isEmpty }
        guard leaving.count + failed.count <= Self.serversMax else {
            throw APIError(status: 400, message: "at most \(Self.serversMax) servers")
        }
        for name in Self.durations + Self.others {
            if let text = query.first(name) { fields.append((name, text)) }
        }
        _ = try configuration(from: AutopilotConfiguration())
    }

    /// The configuration in force with the fields that were given; nil if none was.
    func configuration(
        from present: AutopilotConfiguration
    ) throws(APIError) -> AutopilotConfiguration? {
        guard !fields.isEmpty else { return nil }
        var proposed: [String: String] = [
            "CleanupDeadServers": "\(present.cleanupDeadServers)",
            "LastContactThreshold": "\(present.lastContactThreshold)",
            "MaxTrailingLogs": "\(present.maxTrailingLogs)",
            "MinQuorum": "\(present.minQuorum)",
            "ServerStabilizationTime": "\(present.serverStabilizationTime)",
            "EnableRedundancyZones": "\(present.enableRedundancyZones)",
            "DisableUpgradeMigration": "\(present.disableUpgradeMigration)",
            "EnableCustomUpgrades": "\(present.enableCustomUpgrades)",
        ]
        for field in fields { proposed[field.name] = field.text }
        return try AutopilotConfiguration.parse(body: Self.body(proposed))
    }

    private static func body(_ fields: [String: String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (name, text) in fields.sorted(by: { $0.key < $1.key }) {
            if durations.contains(name) {
                writer.member(name, text)
            } else if let number = UInt64(text) {
                writer.member(name, number)
            } else if let bool = Bool(text) {
                writer.member(name, bool)
            } else {
                writer.member(name, text)  // Refused as of a wrong type, with the field's name.
            }
        }
        writer.endObject()
        return writer.bytes
    }
}
