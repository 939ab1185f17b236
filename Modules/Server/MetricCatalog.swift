// SPDX-License-Identifier: Apache-2.0

/// What the metrics of the JSON form are called in Prometheus' form, and what they mean.
///
/// | JSON                                  | Prometheus                                             |
/// |---------------------------------------|--------------------------------------------------------|
/// | `nomad.raft.voters`                   | `martlet_raft_voters`                                  |
/// | `nomad.http.requests`, a counter      | `martlet_http_requests_total`                          |
/// | `nomad.raft.messages_refused.<reason>`| `martlet_raft_messages_refused_total{reason="…"}`      |
/// | `nomad.agent.tls.http.refused.<…>`    | `martlet_tls_refused_total{port="http",reason="…"}`    |
/// | `nomad.nomad.autopilot.healthy`       | that name with underscores too, since it is Nomad's own |
struct MetricCatalog {
    struct Entry {
        let name: String
        let help: String
        var labels: [MetricLabel] = []
    }

    /// Names of the JSON form that are Nomad's own, have its meaning and unit, and keep Prometheus'
    /// rules: also shown as Nomad writes them there.
    static let nomads: Set<String> = [
        "nomad.memberlist.health.score", "nomad.nomad.autopilot.failure_tolerance",
        "nomad.nomad.autopilot.healthy", "nomad.nomad.blocked_evals.total_blocked",
        "nomad.nomad.broker.total_pending", "nomad.nomad.broker.total_ready",
        "nomad.nomad.broker.total_unacked", "nomad.nomad.broker.total_waiting",
        "nomad.nomad.heartbeat.active", "nomad.nomad.plan.queue_depth",
    ]

    static func gauge(_ name: String) -> Entry {
        Entry(name: cleanName(name), help: help(name))
    }

    static func counter(_ name: String) -> Entry {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 4, parts[2] == "messages_refused" {
            return Entry(
                name: "martlet_raft_messages_refused_total",
                help: help("nomad.raft.messages_refused"),
                labels: [MetricLabel("reason", String(parts[3]))])
        }
        guard parts.count >= 5, parts[1] == "agent", parts[2] == "tls" else {
            return Entry(name: cleanName(name) + "_total", help: help(name))
        }
        var labels = [MetricLabel("port", String(parts[3]))]
        if parts.count > 5 { labels.append(MetricLabel("reason", String(parts[5]))) }
        return Entry(
            name: "martlet_tls_\(parts[4])_total", help: help("nomad.agent.tls.\(parts[4])"),
            labels: labels)
    }

    /// Without the parts that say nothing twice.
    private static func cleanName(_ name: String) -> String {
        var rest = Substring(name)
        for prefix in ["nomad.nomad.", "nomad.agent.", "nomad."] where rest.hasPrefix(prefix) {
            rest = rest.dropFirst(prefix.count)
            break
        }
        return "martlet_" + mangled(rest)
    }

    /// As Nomad does: what may not stand in a name becomes an underscore.
    static func mangled(_ name: some StringProtocol) -> String {
        String(
            name.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
                default: "_"
                }
            })
    }

    private static func help(_ name: String) -> String { texts[name] ?? "\(name), see the manual." }

    static let texts: [String: String] = [
        "nomad.acl.refused": "Requests refused by access control.",
        "nomad.agent.tls.accepted": "TLS connections accepted.",
        "nomad.agent.tls.ca_expiry_seconds":
            "Seconds until the authority's certificate expires; below 0 it has.",
        "nomad.agent.tls.cert_expiry_seconds":
            "Seconds until this server's certificate expires; below 0 it has.",
        "nomad.agent.tls.connected": "TLS connections made to others.",
        "nomad.agent.tls.plaintext": "Connections without TLS that were taken.",
        "nomad.agent.tls.refused": "TLS connections refused, by reason.",
        "nomad.audit.changes_refused": "Changes refused because the audit log cannot be written.",
        "nomad.audit.failing": "1 while the audit log cannot be written.",
        "nomad.audit.lines_lost": "Audit lines that could not be written.",
        "nomad.audit.lines_written": "Audit lines written.",
        "nomad.audit.refusals_unwritten": "Refused requests that the audit log had no room for.",
        "nomad.http.bodies_refused": "Bodies over the bound on all that are held.",
        "nomad.http.connections": "HTTP connections open.",
        "nomad.http.connections_refused": "HTTP connections over a bound.",
        "nomad.http.queries_refused": "Blocking queries over the bound on those that wait.",
        "nomad.http.queries_waiting": "Blocking queries that wait for news.",
        "nomad.http.requests": "HTTP requests whose header was complete.",
        "nomad.http.requests_deferred":
            "Times a client's next request was put off to another turn.",
        "nomad.http.requests_in_progress": "HTTP requests whose answer is not made yet.",
        "nomad.http.requests_malformed": "HTTP requests that could not be read.",
        "nomad.http.requests_refused": "HTTP requests refused before their bodies were read.",
        "nomad.http.requests_timed_out": "HTTP requests that took too long to come or to answer.",
        "nomad.http.requests_too_many": "HTTP requests over the bound on those in progress.",
        "nomad.http.streams": "HTTP bodies on their way piece by piece.",
        "nomad.http.streams_broken": "Streamed HTTP answers whose source failed before their end.",
        "nomad.http.streams_refused": "Streamed HTTP bodies over the bound on their number.",
        "nomad.http.streams_stuck": "Streamed HTTP answers that their client did not fetch.",
        "nomad.memberlist.exchanges": "Exchanges of the whole member list.",
        "nomad.memberlist.failures_declared": "Members that this server declared failed.",
        "nomad.memberlist.health.score":
            "How far this server doubts itself: 0 is healthy, 8 the worst.",
        "nomad.memberlist.pauses": "Times this process was found to have been paused.",
        "nomad.memberlist.probes": "Probes of members.",
        "nomad.memberlist.probes_indirect": "Probes through other members.",
        "nomad.memberlist.probes_missed": "Probes that nobody answered.",
        "nomad.memberlist.refutations": "Times this server contradicted what was said of it.",
        "nomad.memberlist.suspicions": "Suspicions of members.",
        "nomad.memberlist.suspicions_refuted": "Suspicions that were contradicted.",
        "nomad.nomad.blocked_evals.total_blocked": "Evaluations that wait for capacity.",
        "nomad.nomad.broker.acknowledged": "Evaluations that a worker was done with.",
        "nomad.nomad.broker.deliveries": "Evaluations handed to a worker.",
        "nomad.nomad.broker.rejected": "Deliveries that a worker gave back.",
        "nomad.nomad.broker.total_pending": "Evaluations that wait for another of their job.",
        "nomad.nomad.broker.total_ready": "Evaluations that wait for a worker.",
        "nomad.nomad.broker.total_unacked": "Evaluations in the hands of workers.",
        "nomad.nomad.broker.total_waiting": "Evaluations whose time has not come.",
        "nomad.nomad.heartbeat.active": "Nodes that the leader listens for.",
        "nomad.nomad.heartbeat.missed": "Nodes marked as down, since nothing was heard of them.",
        "nomad.nomad.job.plans": "Plans of jobs that were asked for.",
        "nomad.nomad.job.plans_refused": "Plans of jobs over the bound on those that wait.",
        "nomad.nomad.plan.nodes_rejected": "Parts of plans that did not fit any more.",
        "nomad.nomad.plan.placements": "Instances placed or changed by plans.",
        "nomad.nomad.plan.queue_depth": "Plans that wait to be checked or to be written.",
        "nomad.nomad.plan.submitted": "Plans checked.",
        "nomad.nomad.state.allocations_running": "Instances that run.",
        "nomad.nomad.state.broker_paused": "1 while PauseEvalBroker is set: nothing is placed.",
        "nomad.nomad.state.evaluations_blocked": "Evaluations that wait for capacity.",
        "nomad.nomad.state.jobs": "Jobs that are known, those that have ended among them.",
        "nomad.nomad.state.nodes": "Nodes, by their status.",
        "nomad.nomad.state.registration_rejected":
            "1 while RejectJobRegistration is set: only management tokens register jobs.",
        "nomad.nomad.worker.commands_refused": "Commands of the scheduler that the state refused.",
        "nomad.nomad.worker.look_answers_refused":
            "Answers to looks of other servers that came too late, or were not to be trusted.",
        "nomad.nomad.worker.looks": "Looks at evaluations on this server's lanes while it led.",
        "nomad.nomad.worker.looks_for_leader":
            "Looks at evaluations on this server's lanes for the leader.",
        "nomad.nomad.worker.looks_given": "Looks at evaluations that other servers were asked for.",
        "nomad.nomad.worker.looks_taken_back":
            "Looks that another server could not take, or did not end in time.",
        "nomad.nomad.autopilot.failure_tolerance":
            "Voters that may fail before the cluster has no quorum, as this server sees it.",
        "nomad.nomad.autopilot.healthy": "1 if all servers are healthy, as this server sees it.",
        "nomad.nomad.autopilot.is_leaders_view":
            "1 if this server leads and judges by Raft and gossip, 0 if by gossip alone.",
        "nomad.nomad.autopilot.refused": "Changes that Autopilot refuses to make at present.",
        "nomad.nomad.autopilot.safe_to_remove": "Servers that are safe to remove.",
        "nomad.nomad.autopilot.warnings": "Warnings of Autopilot's plan.",
        "nomad.raft.applied_index": "Index of the last log entry that is applied here.",
        "nomad.raft.campaigns": "Elections that this server stood for.",
        "nomad.raft.commit_index": "Index of the last log entry known to be committed.",
        "nomad.raft.disk_full": "1 while the disk is full and nothing is acknowledged.",
        "nomad.raft.disk_stalled": "1 while the disk does not answer.",
        "nomad.raft.durable_index": "Index of the last log entry that the own disk holds.",
        "nomad.raft.entries_behind":
            "Committed entries of the leader that are not committed here yet; -1 for not known.",
        "nomad.raft.follower_reads": "Default reads answered here while another server leads.",
        "nomad.raft.has_leader": "1 if this server knows a leader.",
        "nomad.raft.is_leader": "1 if this server leads.",
        "nomad.raft.is_recovering": "1 if log or vote records were lost and are being refilled.",
        "nomad.raft.last_contact_seconds":
            "Seconds since the leader was heard of; 0 on the leader.",
        "nomad.raft.last_index": "Index of the last log entry.",
        "nomad.raft.leaderships_lost": "Times this server stopped leading.",
        "nomad.raft.messages_dropped": "Raft messages for which there was no room.",
        "nomad.raft.messages_refused": "Peer messages refused, by reason.",
        "nomad.raft.peer.inflight_bytes": "Bytes of entries sent to a peer and not answered.",
        "nomad.raft.peer.inflight_messages": "Messages sent to a peer and not answered.",
        "nomad.raft.peer.is_caught_up": "1 if the peer has caught up.",
        "nomad.raft.peer.is_recovering": "1 if the peer is being refilled.",
        "nomad.raft.peer.last_contact_seconds": "Seconds since the peer answered.",
        "nomad.raft.peer.match_index": "Index up to which the peer's log equals the leader's.",
        "nomad.raft.peer.next_index": "Index of the next entry to send to the peer.",
        "nomad.raft.peer.state": "How the peer is fed: 0 probing, 1 streaming, 2 by a snapshot.",
        "nomad.raft.pre_votes": "Elections that this server considered to stand for.",
        "nomad.raft.snapshot_index": "Index of the last entry inside the newest snapshot.",
        "nomad.raft.status_changes": "Changes of role, term or leader.",
        "nomad.raft.storage_failed": "1 if the storage failed and only a restart helps.",
        "nomad.raft.sync_recent_max_seconds":
            "The longest sync of the log of the last one to two minutes; none where nothing was written.",
        "nomad.raft.sync_recent_mean_seconds":
            "A sync of the log on average, of the last one to two minutes.",
        "nomad.raft.term": "The current term.",
        "nomad.raft.uncommitted_bytes": "Bytes of entries proposed by this leader, not committed.",
        "nomad.raft.voters": "Voters in the newest configuration.",
        "nomad.rpc.forwards_received": "Requests that other servers passed on to this one.",
        "nomad.rpc.forwards_sent": "Requests passed on to the leader.",
        "nomad.runtime.uptime_seconds": "Seconds since the server started.",
        "nomad.serf.members_alive": "Members that gossip holds for alive.",
        "nomad.serf.queue.event": "Broadcasts of gossip that wait to be told on.",
    ]
}
