// SPDX-License-Identifier: Apache-2.0
import MartletServer

/// What the leader does about nodes, evaluations and what is left of them; in `server`.
extension Schema {
    static func scheduling() -> [Key] {
        let second: Duration = .seconds(1)
        let threshold: ClosedRange<Duration> = second...(day * 366)
        return [
            Key("num_schedulers", .number(\.server.scheduling.workers, 0...100_000)),
            Key(
                "min_heartbeat_ttl",
                .duration(\.server.scheduling.heartbeats.shortest, second...day)),
            Key(
                "heartbeat_grace",
                .duration(\.server.scheduling.heartbeats.grace, .zero...day)),
            Key(
                "failover_heartbeat_ttl",
                .duration(\.server.scheduling.heartbeats.afterFailover, second...day)),
            Key("job_gc_interval", .duration(\.server.scheduling.garbage.interval, second...day)),
            Key("job_gc_threshold", .duration(\.server.scheduling.garbage.jobs, threshold)),
            Key("eval_gc_threshold", .duration(\.server.scheduling.garbage.evaluations, threshold)),
            Key(
                "batch_eval_gc_threshold",
                .duration(\.server.scheduling.garbage.batchEvaluations, threshold)),
            Key(
                "deployment_gc_threshold",
                .duration(\.server.scheduling.garbage.deployments, threshold)),
            Key("node_gc_threshold", .duration(\.server.scheduling.garbage.nodes, threshold)),
        ]
    }
}
