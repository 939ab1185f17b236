// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletGossip
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletTransport

/// `GET /v1/metrics` in Nomad's JSON form: gauges and counters read at the moment of the request.
extension Server {
    func metrics(_ call: Call) -> APIResponse {
        if let format = call.query.first("format"), !format.isEmpty {
            return .text(415, "the metrics format \"\(format.prefix(64))\" is not served: JSON is")
        }
        return encode(
            MetricsSummary(
                gauges: gauges, counters: countersByName,
                timestamp: Timestamp.rfc3339(unixNanoseconds: loop.wallClockNanoseconds)),
            call)
    }

    private var gauges: [MetricsSummary.Gauge] {
        let core = replica.core
        var gauges: [(String, Double)] = [
            ("nomad.raft.applied_index", Double(core.commitIndex.number)),
            ("nomad.raft.commit_index", Double(core.commitIndex.number)),
            ("nomad.raft.disk_full", replica.isDiskFull ? 1 : 0),
            // What the own disk holds of the log: behind `last_index` while it writes.
            ("nomad.raft.durable_index", Double(core.durableIndex.number)),
            ("nomad.raft.disk_stalled", core.isDiskStalled ? 1 : 0),
            ("nomad.raft.is_leader", core.status.role == .leader ? 1 : 0),
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
            ("nomad.http.requests_in_progress", Double(front?.requestsInProgress ?? 0)),
        ]
        gauges += gossipGauges
        if let picture = steward.picture {
            gauges += [
                (
                    "nomad.nomad.autopilot.failure_tolerance",
                    Double(picture.health.failureTolerance)
                ),
                ("nomad.nomad.autopilot.healthy", picture.health.isHealthy ? 1 : 0),
                ("nomad.nomad.autopilot.refused", Double(picture.plan.refusals.count)),
                ("nomad.nomad.autopilot.safe_to_remove", Double(picture.plan.safeToRemove.count)),
                ("nomad.nomad.autopilot.warnings", Double(picture.plan.warnings.count)),
            ]
        }
        gauges += environment.meters?.gauges ?? []
        let own = gauges.map { MetricsSummary.Gauge(name: $0.0, value: $0.1) }
        return (own + peerGauges).sorted { $0.name < $1.name }
    }

    private var gossipGauges: [(String, Double)] {
        let gossip = network.gossip.metrics
        return [
            ("nomad.memberlist.health.score", Double(gossip.awareness)),
            ("nomad.serf.queue.event", Double(gossip.broadcasts)),
        ]
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
        (ownCounters + auditCounters + (environment.meters?.counters ?? [])).sorted { $0.0 < $1.0 }
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
        ] + gossipCounters + [
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

/// The summary that the metrics endpoint answers with, keys in alphabetical order.
struct MetricsSummary: JSONWritable {
    struct Gauge {
        var name: String
        var value: Double
        /// In the order of their names.
        var labels: [(name: String, value: String)] = []
    }

    let gauges: [Gauge]
    let counters: [(name: String, value: UInt64)]
    let timestamp: String

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Counters")
        writer.beginArray()
        for counter in counters {
            writer.beginObject()
            writer.member("Count", counter.value)
            writer.key("Labels")
            writer.beginObject()
            writer.endObject()
            writer.member("Name", counter.name)
            writer.member("Sum", counter.value)
            writer.endObject()
        }
        writer.endArray()
        writer.key("Gauges")
        writer.beginArray()
        for gauge in gauges {
            writer.beginObject()
            writer.key("Labels")
            writer.beginObject()
            for label in gauge.labels { writer.member(label.name, label.value) }
            writer.endObject()
            writer.member("Name", gauge.name)
            writer.key("Value")
            writer.double(gauge.value)
            writer.endObject()
        }
        writer.endArray()
        writer.key("Points")
        writer.beginArray()
        writer.endArray()
        writer.key("Samples")
        writer.beginArray()
        writer.endArray()
        writer.member("Timestamp", timestamp)
        writer.endObject()
    }
}
