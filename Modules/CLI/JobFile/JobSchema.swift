// SPDX-License-Identifier: Apache-2.0
import MartletHCL

/// What a kind of block may hold, and what the API calls it.
struct JobSchema: Sendable {
    enum Kind: Sendable {
        case text, count, truth
        /// `30s`; the API counts nanoseconds.
        case span
        case texts
        /// A block of names and texts.
        case map
        /// Anything: a driver's own.
        case anything
        /// One block without labels.
        case block(JobSchema)
        /// Any number of them.
        case blocks(JobSchema)
        /// Any number, each with a label that is the member of this name.
        case named(JobSchema, String)
        /// The same, as an object by label.
        case keyed(JobSchema)
        case network
        case rule(isAffinity: Bool)
    }

    struct Field: Sendable {
        let key: String
        let name: String
        let kind: Kind
    }

    /// What a message calls the block.
    let title: String
    let fields: [Field]
    /// What Nomad reads and this does not: told apart from what is misspelt.
    var outside: [String] = []

    static func field(_ key: String, _ name: String, _ kind: Kind) -> Field {
        Field(key: key, name: name, kind: kind)
    }
}

/// The subset of Nomad's job files that is read: what a ``MartletAPI/Job`` has.
extension JobSchema {
    static let job = JobSchema(
        title: "job",
        fields: [
            field("id", "ID", .text), field("name", "Name", .text),
            field("region", "Region", .text), field("namespace", "Namespace", .text),
            field("type", "Type", .text), field("priority", "Priority", .count),
            field("datacenters", "Datacenters", .texts), field("node_pool", "NodePool", .text),
            field("all_at_once", "AllAtOnce", .truth), field("update", "Update", .block(update)),
            field("migrate", "Migrate", .block(migrate)),
            field("reschedule", "Reschedule", .block(reschedule)),
        ] + rules + [
            field("spread", "Spreads", .blocks(spread)), field("meta", "Meta", .map),
            field("group", "TaskGroups", .named(group, "Name")),
        ],
        outside: [
            "periodic", "parameterized", "multiregion", "vault", "vault_token", "consul_token",
            "consul", "task", "ui",
        ])

    private static let rules = [
        field("constraint", "Constraints", .rule(isAffinity: false)),
        field("affinity", "Affinities", .rule(isAffinity: true)),
    ]

    static let group = JobSchema(
        title: "group",
        fields: [
            field("count", "Count", .count), field("network", "Networks", .network),
            field("ephemeral_disk", "EphemeralDisk", .block(disk)),
            field("restart", "RestartPolicy", .block(restart)),
            field("reschedule", "ReschedulePolicy", .block(reschedule)),
            field("migrate", "Migrate", .block(migrate)),
            field("update", "Update", .block(update)),
            field("volume", "Volumes", .keyed(volume)),
            field("shutdown_delay", "ShutdownDelay", .span),
            field("stop_after_client_disconnect", "StopAfterClientDisconnect", .span),
        ] + rules + [
            field("spread", "Spreads", .blocks(spread)), field("meta", "Meta", .map),
            field("task", "Tasks", .named(task, "Name")),
        ],
        outside: [
            "service", "scaling", "consul", "vault", "disconnect", "max_client_disconnect",
            "prevent_reschedule_on_lost",
        ])

    private static let task = JobSchema(
        title: "task",
        fields: [
            field("driver", "Driver", .text), field("user", "User", .text),
            field("config", "Config", .anything), field("env", "Env", .map),
            field("resources", "Resources", .block(resources)),
            field("lifecycle", "Lifecycle", .block(lifecycle)),
            field("restart", "RestartPolicy", .block(restart)), field("meta", "Meta", .map),
            field("kill_timeout", "KillTimeout", .span),
            field("kill_signal", "KillSignal", .text),
            field("shutdown_delay", "ShutdownDelay", .span), field("leader", "Leader", .truth),
            field("kind", "Kind", .text), field("logs", "LogConfig", .block(logs)),
            field("volume_mount", "VolumeMounts", .blocks(mount)),
        ] + rules,
        outside: [
            "service", "template", "artifact", "vault", "consul", "identity", "action",
            "dispatch_payload", "csi_plugin", "scaling", "schedule", "secret",
        ])

    private static let resources = JobSchema(
        title: "resources",
        fields: [
            field("cpu", "CPU", .count), field("cores", "Cores", .count),
            field("memory", "MemoryMB", .count), field("memory_max", "MemoryMaxMB", .count),
            field("network", "Networks", .network),
            field("device", "Devices", .named(device, "Name")),
        ], outside: ["disk", "iops", "numa", "secrets"])

    private static let device = JobSchema(
        title: "device", fields: [field("count", "Count", .count)] + rules)

    private static let lifecycle = JobSchema(
        title: "lifecycle",
        fields: [field("hook", "Hook", .text), field("sidecar", "Sidecar", .truth)])

    private static let logs = JobSchema(
        title: "logs",
        fields: [
            field("max_files", "MaxFiles", .count),
            field("max_file_size", "MaxFileSizeMB", .count),
        ], outside: ["disabled", "enabled"])

    private static let mount = JobSchema(
        title: "volume_mount",
        fields: [
            field("volume", "Volume", .text), field("destination", "Destination", .text),
            field("read_only", "ReadOnly", .truth),
            field("propagation_mode", "PropagationMode", .text),
        ])

    private static let volume = JobSchema(
        title: "volume",
        fields: [
            field("type", "Type", .text), field("source", "Source", .text),
            field("read_only", "ReadOnly", .truth),
        ], outside: ["access_mode", "attachment_mode", "mount_options", "per_alloc", "sticky"])

    private static let disk = JobSchema(
        title: "ephemeral_disk",
        fields: [
            field("size", "SizeMB", .count), field("sticky", "Sticky", .truth),
            field("migrate", "Migrate", .truth),
        ])

    private static let update = JobSchema(
        title: "update",
        fields: [
            field("stagger", "Stagger", .span), field("max_parallel", "MaxParallel", .count),
            field("health_check", "HealthCheck", .text),
            field("min_healthy_time", "MinHealthyTime", .span),
            field("healthy_deadline", "HealthyDeadline", .span),
            field("progress_deadline", "ProgressDeadline", .span),
            field("auto_revert", "AutoRevert", .truth),
            field("auto_promote", "AutoPromote", .truth), field("canary", "Canary", .count),
        ])

    private static let migrate = JobSchema(
        title: "migrate",
        fields: [
            field("max_parallel", "MaxParallel", .count),
            field("health_check", "HealthCheck", .text),
            field("min_healthy_time", "MinHealthyTime", .span),
            field("healthy_deadline", "HealthyDeadline", .span),
        ])

    private static let restart = JobSchema(
        title: "restart",
        fields: [
            field("attempts", "Attempts", .count), field("interval", "Interval", .span),
            field("delay", "Delay", .span), field("mode", "Mode", .text),
        ], outside: ["render_templates"])

    private static let reschedule = JobSchema(
        title: "reschedule",
        fields: [
            field("attempts", "Attempts", .count), field("interval", "Interval", .span),
            field("delay", "Delay", .span), field("delay_function", "DelayFunction", .text),
            field("max_delay", "MaxDelay", .span), field("unlimited", "Unlimited", .truth),
        ])

    private static let spread = JobSchema(
        title: "spread",
        fields: [
            field("attribute", "Attribute", .text), field("weight", "Weight", .count),
            field("target", "SpreadTarget", .named(target, "Value")),
        ])

    private static let target = JobSchema(
        title: "target",
        fields: [field("value", "Value", .text), field("percent", "Percent", .count)])
}
