// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletGossip
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletState
import MartletTransport

/// `GET /v1/metrics`: gauges and counters read at the moment of the request, and times since the start.
extension Server {
    func metrics(_ call: Call) -> APIResponse {
        let summary = MetricsSummary(
            gauges: gauges, counters: countersByName, samples: samples,
            seconds: (loop.now - startedAt) / .seconds(1),
            timestamp: Timestamp.rfc3339(unixNanoseconds: loop.wallClockNanoseconds))
        switch call.query.first("format") ?? "" {
        case "": return encode(summary, call)
        case "prometheus":
            var families = summary.families
            families.append(
                MetricFamily(
                    name: "martlet_build_info", kind: .gauge,
                    help: "1; its label says the version.",
                    samples: [
                        .init(labels: [MetricLabel("version", options.version)], value: "1")
                    ]))
            let sorted = families.sorted { $0.name < $1.name }
            return APIResponse(
                status: 200, content: .prometheus, body: PrometheusText.write(sorted))
        case let format:
            return .text(
                415,
                "the metrics format \"\(format.prefix(64))\" is not served: \"prometheus\" is, and "
                    + "JSON without ?format")
        }
    }

    private var samples: [MetricsSummary.Sample] {
        var samples = [
            MetricsSummary.Sample(
                name: "nomad.raft.commitTime", family: "martlet_raft_commit_seconds",
                help: "From a command's place in the leader's log until it was committed.",
                histogram: timings.commit),
            MetricsSummary.Sample(
                name: "nomad.raft.fsm.apply", family: "martlet_raft_apply_seconds",
                help: "To apply what was committed together, and to answer those who wait for it.",
                histogram: timings.apply),
            MetricsSummary.Sample(
                name: "nomad.raft.sync", family: "martlet_raft_sync_seconds",
                help: "From a batch's handing to the disk until it was durable.",
                histogram: timings.sync),
        ]
        for kind in ServerTimings.RequestKind.allCases {
            samples.append(
                MetricsSummary.Sample(
                    name: "nomad.http.request", family: "martlet_http_request_seconds",
                    help: "From a request's complete header until its answer was on its way.",
                    labels: [("class", kind.label)], histogram: timings.requests[kind.rawValue]))
        }
        return samples
    }

    private var gauges: [MetricsSummary.Gauge] {
        let core = replica.core
        var gauges: [(String, Double)] = [
            ("nomad.raft.applied_index", Double(core.handedOutIndex.number)),
            ("nomad.raft.commit_index", Double(core.commitIndex.number)),
            ("nomad.raft.disk_full", replica.isDiskFull ? 1 : 0),
            // What the own disk holds of the log: behind `last_index` while it writes.
            ("nomad.raft.durable_index", Double(core.durableIndex.number)),
            ("nomad.raft.disk_stalled", core.isDiskStalled ? 1 : 0),
            ("nomad.raft.is_leader", !isLost && core.status.role == .leader ? 1 : 0),
            ("nomad.raft.is_recovering", core.isRecovering ? 1 : 0),
            ("nomad.raft.last_index", Double(core.lastIndex.number)),
            ("nomad.raft.snapshot_index", Double(core.snapshotIndex.number)),
            ("nomad.raft.term", Double(core.status.term.number)),
            ("nomad.raft.uncommitted_bytes", Double(core.uncommittedBytes)),
            ("nomad.raft.voters", Double(core.configuration.voterCount)),
            (
                "nomad.serf.members_alive",
                Double(network.members.aliveCount)
            ),
            ("nomad.http.connections", Double(front?.connectionCount ?? 0)),
            ("nomad.http.queries_waiting", Double(queries.count)),
            ("nomad.http.requests_in_progress", Double(front?.requestsInProgress ?? 0)),
            ("nomad.http.streams", Double(front?.streamsInProgress ?? 0)),
        ]
        gauges += gossipGauges
        gauges += autopilotGauges
        gauges += contactGauges
        gauges += syncGauges
        gauges += dispatcher.gauges
        if let audit { gauges.append(("nomad.audit.failing", audit.failure == nil ? 0 : 1)) }
        gauges += environment.meters?.gauges ?? []
        let own = gauges.map { MetricsSummary.Gauge(name: $0.0, value: $0.1) }
        return (own + peerGauges + workGauges).sorted { $0.name < $1.name }
    }

    /// The leader's judgement; elsewhere what gossip and the own configuration tell: a server without
    /// a leader is in no healthy cluster, and tolerates no failure.
    private var autopilotGauges: [(String, Double)] {
        let name = "nomad.nomad.autopilot"
        guard !isLost, let picture = steward.picture else {
            let configuration = replica.outlook.configuration
            let alive = configuration.members.filter {
                $0.id == id || network.members[$0.id]?.status == .alive
            }
            let knowsLeader = !isLost && replica.outlook.status.leader != nil
            let spare = alive.count { $0.role == .voter } - configuration.quorum
            let isHealthy = knowsLeader && alive.count == configuration.members.count
            return [
                ("\(name).failure_tolerance", knowsLeader ? Double(max(0, spare)) : 0),
                ("\(name).healthy", isHealthy ? 1 : 0),
                ("\(name).is_leaders_view", 0),
            ]
        }
        return [
            ("\(name).failure_tolerance", Double(picture.health.failureTolerance)),
            ("\(name).healthy", picture.health.isHealthy ? 1 : 0),
            ("\(name).is_leaders_view", 1),
            ("\(name).refused", Double(picture.plan.refusals.count)),
            ("\(name).safe_to_remove", Double(picture.plan.safeToRemove.count)),
            ("\(name).warnings", Double(picture.plan.warnings.count)),
        ]
    }

    /// Out of service: what its core says of itself is over.
    private var isLost: Bool { replica.failure != nil }

    /// How close this server is to its leader.
    private var contactGauges: [(String, Double)] {
        [
            (
                "nomad.raft.entries_behind",
                replica.core.entriesBehindLeader.map { Double($0) } ?? -1
            ),
            ("nomad.raft.has_leader", !isLost && replica.outlook.status.leader != nil ? 1 : 0),
            ("nomad.raft.last_contact_seconds", lastContact / .seconds(1)),
            ("nomad.raft.storage_failed", isLost ? 1 : 0),
            ("nomad.runtime.uptime_seconds", (loop.now - startedAt) / .seconds(1)),
        ]
    }

    /// How quick the own disk is of late; nothing where nothing was written.
    private var syncGauges: [(String, Double)] {
        guard let recent = timings.recentSync.value(at: loop.now) else { return [] }
        return [
            ("nomad.raft.sync_recent_max_ms", recent.max / .milliseconds(1)),
            ("nomad.raft.sync_recent_mean_ms", recent.mean / .milliseconds(1)),
        ]
    }

    private var gossipGauges: [(String, Double)] {
        let gossip = network.gossip.metrics
        return [
            ("nomad.memberlist.health.score", Double(gossip.awareness)),
            ("nomad.serf.queue.event", Double(gossip.broadcasts)),
        ]
    }

    /// What there is of jobs and nodes, as far as this server has come: counted with each change.
    private var workGauges: [MetricsSummary.Gauge] {
        let tables = replica.state.scheduling
        let configuration = replica.state.scheduler
        let totals = [
            ("jobs", tables.jobCount), ("evaluations_blocked", tables.counts.blocked),
            ("allocations_running", tables.counts.running),
            ("broker_paused", configuration?.pauseEvalBroker == true ? 1 : 0),
            ("registration_rejected", configuration?.rejectJobRegistration == true ? 1 : 0),
        ]
        return totals.map {
            MetricsSummary.Gauge(name: "nomad.nomad.state.\($0)", value: Double($1))
        }
            + NodeStatus.allCases.map {
                MetricsSummary.Gauge(
                    name: "nomad.nomad.state.nodes", value: Double(tables.counts.nodes($0)),
                    labels: [("status", $0.rawValue)])
            }
    }

    /// How the leader feeds each of the others; nothing on a server that does not lead.
    private var peerGauges: [MetricsSummary.Gauge] {
        replica.core.progress.filter { $0.id != id }.flatMap { peer in
            let silence = peer.lastContact.map { loop.now - $0 }
            let values: [(String, Double)] = [
                ("inflight_bytes", Double(peer.inflightBytes)),
                ("inflight_messages", Double(peer.inflightMessages)),
                ("is_caught_up", peer.isCaughtUp ? 1 : 0),
                ("is_recovering", peer.isRecovering ? 1 : 0),
                ("last_contact_ms", silence.map { max(0, $0 / .milliseconds(1)) } ?? -1),
                ("match_index", Double(peer.match.number)),
                ("next_index", Double(peer.next.number)),
                ("state", Self.number(of: peer.state)),
            ]
            let labels = [("peer_id", "\(peer.id)"), ("peer_name", steward.name(of: peer.id))]
            return values.map {
                MetricsSummary.Gauge(name: "nomad.raft.peer.\($0)", value: $1, labels: labels)
            }
        }
    }

    private static func number(of state: Progress.State) -> Double {
        switch state {
        case .probe: 0
        case .replicate: 1
        case .snapshot: 2
        }
    }

    private var countersByName: [(String, UInt64)] {
        let counters = ownCounters + auditCounters + dispatcher.counters.byName
        return (counters + (environment.meters?.counters ?? [])).sorted { $0.0 < $1.0 }
    }

    private var ownCounters: [(String, UInt64)] {
        [
            ("nomad.acl.refused", counters.accessRefused),
            ("nomad.http.bodies_refused", counters.bodiesRefused),
            ("nomad.http.connections_refused", counters.connectionsRefused),
            ("nomad.http.requests", counters.requests),
            ("nomad.http.requests_deferred", counters.requestsDeferred),
            ("nomad.http.requests_malformed", counters.requestsMalformed),
            ("nomad.http.requests_refused", counters.requestsRefused),
            ("nomad.http.requests_timed_out", counters.requestsTimedOut),
            ("nomad.http.requests_too_many", counters.requestsTooMany),
            ("nomad.http.queries_refused", counters.queriesRefused),
            ("nomad.http.streams_broken", counters.streamsBroken),
            ("nomad.http.streams_refused", counters.streamsRefused),
            ("nomad.http.streams_stuck", counters.streamsStuck),
        ] + gossipCounters + [
            ("nomad.nomad.job.plans", counters.dryRuns),
            ("nomad.nomad.job.plans_refused", counters.dryRunsRefused),
            ("nomad.nomad.worker.looks_for_leader", lender.looks),
            ("nomad.raft.campaigns", counters.campaigns),
            ("nomad.raft.follower_reads", counters.followerReads),
            ("nomad.raft.leaderships_lost", counters.leadershipsLost),
            ("nomad.raft.messages_dropped", network.messagesDropped),
        ] + network.refusalCounts.byName + [
            ("nomad.raft.pre_votes", counters.preVotes),
            ("nomad.raft.status_changes", counters.statusChanges),
            ("nomad.rpc.forwards_received", counters.forwardsReceived),
            ("nomad.rpc.forwards_sent", counters.forwardsSent),
        ]
    }
}

extension Server {
    fileprivate var auditCounters: [(String, UInt64)] {
        guard let counters = audit?.counters else { return [] }
        return [
            ("nomad.audit.changes_refused", counters.changesRefused),
            ("nomad.audit.lines_lost", counters.lost),
            ("nomad.audit.lines_written", counters.written),
            ("nomad.audit.refusals_unwritten", counters.refusalsUnwritten),
        ]
    }

    fileprivate var gossipCounters: [(String, UInt64)] {
        let gossip = network.gossip.metrics
        return [
            ("nomad.memberlist.exchanges", gossip.exchanges),
            ("nomad.memberlist.failures_declared", gossip.failuresDeclared),
            ("nomad.memberlist.pauses", gossip.pauses),
            ("nomad.memberlist.probes", gossip.probes),
            ("nomad.memberlist.probes_indirect", gossip.probesIndirect),
            ("nomad.memberlist.probes_missed", gossip.probesMissed),
            ("nomad.memberlist.refutations", gossip.refutations),
            ("nomad.memberlist.suspicions", gossip.suspicions),
            ("nomad.memberlist.suspicions_refuted", gossip.suspicionsRefuted),
        ]
    }
}
