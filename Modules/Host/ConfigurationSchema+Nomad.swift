// SPDX-License-Identifier: Apache-2.0

/// Keys that Nomad documents and nothing here obeys: an existing file starts with them.
extension Schema {
    static func serverElsewhere() -> [Key] {
        let silent = [
            "protocol_version", "enabled_schedulers", "max_heartbeats_per_second",
            "csi_volume_claim_gc_interval",
            "csi_volume_claim_gc_threshold",
            "csi_plugin_gc_threshold", "acl_token_gc_threshold", "root_key_gc_interval",
            "root_key_gc_threshold", "root_key_rotation_threshold", "job_default_priority",
            "job_max_priority", "job_max_source_size", "job_max_count", "job_tracked_versions",
            "plan_rejection_tracker", "event_buffer_size", "deploy_query_rate_limit",
            "deployment_query_rate_limit", "search",
            "raft_boltdb", "raft_logstore", "raft_trailing_logs", "raft_snapshot_interval",
            "raft_snapshot_threshold", "license_path", "license_env", "start_timeout",
        ]
        let noticed = [
            "data_dir", "authoritative_region", "enable_event_broker", "default_scheduler_config",
            "oidc_issuer", "client_introduction",
        ]
        return silent.map { Key($0, .harmless) }
            + noticed.map { Key($0, .withoutEffect(noSuch)) }
    }

    static func telemetry() -> [Key] {
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
            Key("trace_file", .optionalText(\.telemetry.traceFile, Rule.absolutePath)),
            Key("trace_one_in", .number(\.telemetry.traceOneIn, 1...1_000_000_000)),
            // It can always be asked for.
            Key("prometheus_metrics", .harmless),
        ] + silent.map { Key($0, .harmless) }
            + (sinks + circonus).map {
                Key($0, .withoutEffect("metrics are not sent anywhere: read them at /v1/metrics"))
            }
    }

    /// Nomad's other blocks and keys.
    static func elsewhere() -> [Key] {
        let noDriver = "this program runs no workloads; it has no effect"
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
