// SPDX-License-Identifier: Apache-2.0

import MartletServer
import MartletTransport

/// What a key holds and what becomes of it.
indirect enum Shape {
    typealias Target<Value> = WritableKeyPath<AgentConfiguration, Value>

    /// The rule returns what would be right, or nil for a text that is.
    case text(Target<String>, (String) -> String?)
    case optionalText(Target<String?>, (String) -> String?)
    case texts(Target<[String]>, each: (String) -> String?)
    case number(Target<Int>, ClosedRange<Int>)
    case bool(Target<Bool>)
    case duration(Target<Duration>, ClosedRange<Duration>)
    /// One of these words, in any case.
    case logLevel
    case storageBackend
    /// Secret: no message shows what was given.
    case gossipKey(Target<GossipKey?>)
    /// Read and checked, nothing to set: only this number is possible.
    case exactly(Int, because: String)
    case block([Key])
    /// Nomad's; has no effect here and none is missed, whatever it holds.
    case harmless
    /// Nomad's; has no effect here, and a warning says so where it is switched on.
    case withoutEffect(String)
    /// Nomad's, and relied on for safety: the agent does not start where it is switched on.
    case refused(String)
}

struct Key {
    let name: String
    let shape: Shape

    init(_ name: String, _ shape: Shape) {
        self.name = name
        self.shape = shape
    }
}

/// All keys of an agent's files: those that Martlet obeys, and every other that Nomad documents.
enum Schema {
    private static let noDriver = "this program runs no workloads; it has no effect"
    private static let noSuch = "not in this version; it has no effect"
    private static let hour: Duration = .seconds(3_600)
    private static let day: Duration = .seconds(86_400)

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
            Key("log_level", .logLevel),
            Key("log_json", .bool(\.logJSON)),
            Key("log_file", .optionalText(\.logFile, Rule.absolutePath)),
            Key("server", .block(server())),
            Key("autopilot", .block(autopilot())),
            Key("acl", .block(acl())),
            Key("tls", .block(tls())),
            Key("limits", .block(limits())),
            Key("telemetry", .block(telemetry())),
            Key("leave_on_terminate", .bool(\.leaveOnTerminate)),
            Key("leave_on_interrupt", .bool(\.leaveOnInterrupt)),
            Key("storage", .block([Key("backend", .storageBackend)])),
            Key("audit", .block(audit())),
        ] + elsewhere()
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

    private static func join() -> [Key] {
        [
            Key("retry_join", .texts(\.server.retryJoin, each: Rule.joinTarget)),
            Key(
                "retry_interval",
                .duration(\.server.retryInterval, .milliseconds(100)...day)),
            Key("retry_max", .number(\.server.retryMax, 0...1_000_000)),
            Key("start_join", .withoutEffect("use retry_join, which also goes on trying")),
        ]
    }

    private static func server() -> [Key] {
        let silent = [
            "protocol_version", "enabled_schedulers", "num_schedulers", "heartbeat_grace",
            "min_heartbeat_ttl", "max_heartbeats_per_second",
            "failover_heartbeat_ttl", "node_gc_threshold", "job_gc_interval", "job_gc_threshold",
            "eval_gc_threshold", "batch_eval_gc_threshold", "deployment_gc_threshold",
            "csi_volume_claim_gc_interval", "csi_volume_claim_gc_threshold",
            "csi_plugin_gc_threshold", "acl_token_gc_threshold", "root_key_gc_interval",
            "root_key_gc_threshold", "root_key_rotation_threshold", "job_default_priority",
            "job_max_priority", "job_max_source_size", "job_max_count", "job_tracked_versions",
            "plan_rejection_tracker", "event_buffer_size", "deployment_query_rate_limit", "search",
            "raft_boltdb", "raft_logstore", "raft_trailing_logs", "raft_snapshot_interval",
            "raft_snapshot_threshold", "license_path", "license_env", "start_timeout",
        ]
        let noticed = [
            "data_dir", "authoritative_region", "enable_event_broker", "default_scheduler_config",
            "oidc_issuer", "client_introduction",
        ]
        return [
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
        ] + join() + silent.map { Key($0, .harmless) }
            + noticed.map { Key($0, .withoutEffect(noSuch)) }
    }

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

    private static func acl() -> [Key] {
        let silent = [
            "token_ttl", "policy_ttl", "role_ttl", "token_min_expiration_ttl",
            "token_max_expiration_ttl",
        ]
        return [
            Key(
                "enabled",
                .refused(
                    "this version checks no tokens: anyone could do anything, so it does not start")
            ),
            Key("replication_token", .withoutEffect(noSuch)),
        ] + silent.map { Key($0, .harmless) }
    }

    private static func tls() -> [Key] {
        let plain =
            "this version speaks no TLS: the connections would be open, so it does not start"
        let silent = [
            "ca_file", "cert_file", "key_file", "rpc_upgrade_mode", "tls_cipher_suites",
            "tls_min_version", "tls_prefer_server_cipher_suites",
        ]
        return ["http", "rpc", "verify_server_hostname", "verify_https_client"].map {
            Key($0, .refused(plain))
        } + silent.map { Key($0, .harmless) }
    }

    private static func audit() -> [Key] {
        [
            Key("enabled", .refused("this version keeps no audit log, so it does not start")),
            Key("sink", .harmless), Key("filter", .harmless),
        ]
    }

    private static func limits() -> [Key] {
        let timeout: ClosedRange<Duration> = .zero...hour
        return [
            Key(
                "http_max_conns_per_client",
                .number(\.limits.httpMaxConnectionsPerClient, 0...1_000_000)),
            Key("https_handshake_timeout", .duration(\.limits.httpsHandshakeTimeout, timeout)),
            Key(
                "rpc_max_conns_per_client",
                .number(\.limits.rpcMaxConnectionsPerClient, 0...1_000_000)),
            Key("rpc_handshake_timeout", .duration(\.limits.rpcHandshakeTimeout, timeout)),
            Key(
                "rpc_hold_timeout", .duration(\.limits.rpcHoldTimeout, .zero...Duration.seconds(60))
            ),
        ]
    }

    private static func telemetry() -> [Key] {
        let silent = [
            "collection_interval", "disable_hostname", "use_node_name",
            "publish_allocation_metrics", "publish_node_metrics",
            "backwards_compatible_metrics", "disable_tagged_metrics", "filter_default",
            "prefix_filter", "disable_dispatched_job_summary_metrics",
            "disable_quota_utilization_metrics", "disable_rpc_rate_metrics_labels",
            "disable_allocation_hook_metrics", "include_alloc_metadata_in_metrics",
            "allowed_metadata_keys_in_metrics", "in_memory_collection_interval",
            "in_memory_retention_period",
        ]
        let circonus = [
            "circonus_api_token", "circonus_api_app", "circonus_api_url",
            "circonus_submission_interval", "circonus_submission_url", "circonus_check_id",
            "circonus_check_force_metric_activation", "circonus_check_instance_id",
            "circonus_check_search_tag", "circonus_check_display_name", "circonus_check_tags",
            "circonus_broker_id", "circonus_broker_select_tag",
        ]
        let sinks = ["statsite_address", "statsd_address", "datadog_address", "datadog_tags"]
        return [
            Key("prometheus_metrics", .withoutEffect("/v1/metrics is served in JSON only"))
        ] + silent.map { Key($0, .harmless) }
            + (sinks + circonus).map {
                Key($0, .withoutEffect("metrics are not sent anywhere: read them at /v1/metrics"))
            }
    }

    /// Nomad's other blocks and keys.
    private static func elsewhere() -> [Key] {
        let silent = [
            "disable_update_check", "disable_anonymous_signature", "log_include_location",
            "plugin_dir", "syslog_facility", "rpc", "reporting", "eventlog",
        ]
        let missing = [
            "enable_debug", "enable_syslog", "log_rotate_duration", "log_rotate_bytes",
            "log_rotate_max_files", "http_api_response_headers", "interfaces", "consul", "consuls",
            "vault", "vaults", "sentinel", "keyring", "ui", "users", "proxy",
        ]
        return silent.map { Key($0, .harmless) }
            + missing.map { Key($0, .withoutEffect(noSuch)) }
            + ["client", "plugin", "plugins"].map { Key($0, .withoutEffect(noDriver)) }
    }
}

/// What texts must look like: nil, or what would be right.
enum Rule {
    static func name(_ text: String) -> String? {
        let isPrintable = text.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && !(0x7f...0xa0).contains(scalar.value)
                && !scalar.properties.isWhitespace
        }
        return (1...128).contains(text.utf8.count) && isPrintable
            ? nil : "1 to 128 bytes without spaces or control characters"
    }

    static func label(_ text: String) -> String? {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(isLabelByte)
            ? nil : "1 to 128 letters, digits, '-' or '_'"
    }

    static func optionalLabel(_ text: String) -> String? {
        text.isEmpty ? nil : label(text)
    }

    /// Up to three numbers, then what semantic versions may append.
    static func optionalVersion(_ text: String) -> String? {
        let number = text.prefix { $0 != "-" && $0 != "+" }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        let isNumber =
            (1...3).contains(parts.count)
            && parts.allSatisfy { (1...9).contains($0.utf8.count) && $0.utf8.allSatisfy(isDigit) }
        let isClean = text.utf8.allSatisfy { isLabelByte($0) || isVersionMark($0) }
        return text.isEmpty || isNumber && isClean && text.utf8.count <= 64
            ? nil : "a version such as \"1.4.0\", of at most 64 bytes"
    }

    static func absolutePath(_ text: String) -> String? {
        text.hasPrefix("/") && text.utf8.count <= 3_072 && !text.utf8.contains(0)
            ? nil : "an absolute path, such as \"/var/lib/martlet\""
    }

    static func ip(_ text: String) -> String? {
        SocketAddress(host: text, port: 0) != nil
            ? nil : "a numeric address without a port, such as \"127.0.0.1\" or \"::1\""
    }

    static func ipAndPort(_ text: String) -> String? {
        AgentConfiguration.address(text, defaultPort: 1) != nil
            ? nil
            : "a numeric address, such as \"10.0.0.1\", \"10.0.0.1:4648\" or \"[::1]:4648\""
    }

    /// Names are looked up at each attempt: what they stand for may change.
    static func joinTarget(_ text: String) -> String? {
        if AgentConfiguration.address(text, defaultPort: 1) != nil { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let labels = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            parts[0].utf8.count <= 253
            && labels.allSatisfy {
                (1...63).contains($0.utf8.count) && $0.utf8.allSatisfy(isLabelByte)
            }
            && labels.last?.utf8.allSatisfy(isDigit) == false
        let isPort = parts.count == 1 || parts.count == 2 && (UInt16(parts[1]) ?? 0) > 0
        return isName && isPort
            ? nil
            : "an address or a name, such as \"10.0.0.1\", \"[::1]:4648\" or \"s1.example:4648\""
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isVersionMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
    }
}
