// SPDX-License-Identifier: Apache-2.0

/// All keys of an agent's files: those that Martlet obeys, in the order in which they are
/// explained, and every other that Nomad documents (`ConfigurationSchema+Nomad.swift`).
enum Schema {
    static let noSuch = "not in this version; it has no effect"
    static let hour: Duration = .seconds(3_600)
    static let day: Duration = .seconds(86_400)

    static func keys() -> [Key] {
        [
            Key("name", .text(\.name, Rule.name)),
            Key("region", .text(\.region, Rule.label)),
            Key("datacenter", .text(\.datacenter, Rule.label)),
            Key("data_dir", .optionalText(\.dataDirectory, Rule.absolutePath)),
            Key("bind_addr", .text(\.bindAddress, Rule.ip)),
            Key("addresses", .block(services(Rule.ip, in: \.addresses))),
            Key("ports", .block(ports())),
            Key("advertise", .block(services(Rule.ipAndPort, in: \.advertise))),
            Key("log_level", .choice(logLevel())),
            Key("log_json", .bool(\.logJSON)),
            Key("log_file", .optionalText(\.logFile, Rule.absolutePath)),
            Key("server", .block(server())),
            Key("autopilot", .block(autopilot())),
            Key("acl", .block(acl())),
            Key("tls", .block(tls())),
            Key("limits", .block(limits())),
            Key("audit", .block(audit())),
            Key("telemetry", .block(telemetry())),
            Key("leave_on_terminate", .bool(\.leaveOnTerminate)),
            Key("leave_on_interrupt", .bool(\.leaveOnInterrupt)),
            Key("storage", .block([Key("backend", .choice(Choice(\.storageBackend)))])),
        ] + elsewhere()
    }

    /// In any case; Nomad takes "err" as well.
    private static func logLevel() -> Choice {
        Choice(
            \.logLevel, spelling: { $0.lowercased() == "err" ? "error" : $0.lowercased() },
            shown: { $0.uppercased() })
    }

    private static func services(
        _ rule: @escaping (String) -> String?,
        in hosts: WritableKeyPath<AgentConfiguration, AgentConfiguration.Hosts>
    ) -> [Key] {
        [
            Key("http", .optionalText(hosts.appending(path: \.http), rule)),
            Key("rpc", .optionalText(hosts.appending(path: \.rpc), rule)),
            Key("serf", .optionalText(hosts.appending(path: \.serf), rule)),
        ]
    }

    private static func ports() -> [Key] {
        [
            Key("http", .number(\.ports.http, 0...65_535)),
            Key("rpc", .number(\.ports.rpc, 0...65_535)),
            Key("serf", .number(\.ports.serf, 0...65_535)),
        ]
    }

    // MARK: server

    private static func server() -> [Key] {
        [
            Key("enabled", .bool(\.server.isEnabled)),
            Key("bootstrap_expect", .number(\.server.bootstrapExpect, 0...255)),
            Key("server_join", .block(join())),
            Key("raft_multiplier", .number(\.server.raftMultiplier, 1...10)),
            Key("raft_lease_reads", .bool(\.server.raftLeaseReads)),
            Key("raft_priority", .number(\.server.raftPriority, 0...10)),
            Key("raft_protocol", .exactly(3, because: "the only protocol that servers here speak")),
            Key("non_voting_server", .bool(\.server.isNonVoting)),
            Key("redundancy_zone", .text(\.server.redundancyZone, Rule.optionalLabel)),
            Key("upgrade_version", .text(\.server.upgradeVersion, Rule.optionalVersion)),
            Key("encrypt", .gossipKey(\.server.encrypt)),
            Key("rejoin_after_leave", .bool(\.server.rejoinAfterLeave)),
        ] + scheduling() + oldPlacesOfJoin() + serverElsewhere()
    }

    private static func join() -> [Key] {
        [
            Key("retry_join", .texts(\.server.retryJoin, each: Rule.joinTarget)),
            Key(
                "retry_interval",
                .duration(\.server.retryInterval, .milliseconds(100)...day)),
            Key("retry_max", .number(\.server.retryMax, 0...1_000_000)),
            startJoin(),
        ]
    }

    /// Directly in `server`, as Nomad took them before it had `server_join`.
    private static func oldPlacesOfJoin() -> [Key] {
        ["retry_join", "retry_interval", "retry_max"].map {
            Key($0, .alias(of: ["server", "server_join", $0]))
        } + [startJoin()]
    }

    private static func startJoin() -> Key {
        Key("start_join", .withoutEffect("use retry_join, which also goes on trying"))
    }

    // MARK: autopilot

    private static func autopilot() -> [Key] {
        [
            Key("cleanup_dead_servers", .bool(\.autopilot.cleanupDeadServers)),
            Key(
                "last_contact_threshold",
                .duration(\.autopilot.lastContactThreshold, .nanoseconds(1)...day)),
            Key("max_trailing_logs", .number(\.autopilot.maxTrailingLogs, 0...Int.max)),
            Key("min_quorum", .number(\.autopilot.minQuorum, 0...255)),
            Key(
                "server_stabilization_time",
                .duration(\.autopilot.serverStabilizationTime, .zero...day)),
            Key("enable_redundancy_zones", .bool(\.autopilot.enableRedundancyZones)),
            Key("disable_upgrade_migration", .bool(\.autopilot.disableUpgradeMigration)),
            Key("enable_custom_upgrades", .bool(\.autopilot.enableCustomUpgrades)),
        ]
    }
}
